{{/* Names and labels, once: a policy or a Service that selects by another spelling selects nothing, in silence. */}}

{{- define "uc.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name }}
{{- else -}}
{{ .Release.Name }}-{{ .Chart.Name }}
{{- end -}}
{{- end -}}

{{/* What selects; never changes in the life of a release. */}}
{{- define "uc.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of an object. Not of an InferenceService: KServe copies its labels to the pods, and versions would roll them. */}}
{{- define "uc.labels" -}}
{{ include "uc.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: upper-circuit
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* Labels of a pod: (list $ "batch"). */}}
{{- define "uc.podLabels" -}}
{{ include "uc.selector" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Full name of an image: (list $ .Values.batch.image). A digest goes before a tag. */}}
{{- define "uc.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- with $root.Values.image.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* The slot that answers inside the cluster and that the morning run follows: the heavier one. */}}
{{- define "uc.activeSlot" -}}
{{- if gt (int .Values.traffic.b) (int .Values.traffic.a) }}b{{ else }}a{{ end -}}
{{- end -}}

{{- define "uc.idleSlot" -}}
{{- if eq (include "uc.activeSlot" .) "a" }}b{{ else }}a{{ end -}}
{{- end -}}

{{- define "uc.registryClaim" -}}
{{ .Values.registry.existingClaim | default (printf "%s-registry" (include "uc.fullname" .)) }}
{{- end -}}

{{- define "uc.dropClaim" -}}
{{ .Values.ingest.drop.existingClaim | default (printf "%s-drop" (include "uc.fullname" .)) }}
{{- end -}}

{{- define "uc.outputClaim" -}}
{{ .Values.batch.output.existingClaim | default (printf "%s-output" (include "uc.fullname" .)) }}
{{- end -}}

{{/* Pods of a part of a slot at least: (list $ "b" "transformer"). */}}
{{- define "uc.minReplicas" -}}
{{- $root := index . 0 -}}
{{- $slot := get $root.Values.slots (index . 1) -}}
{{- $part := get $root.Values (index . 2) -}}
{{- int ($slot.minReplicas | default $part.autoscaling.minReplicas) -}}
{{- end -}}
