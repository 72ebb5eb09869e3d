{{/* What all pods have in common. Every one passes Pod Security `restricted`. */}}

{{/* Of the pod: (list $ uid). */}}
{{- define "uc.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Of every container. */}}
{{- define "uc.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Where pods may run and whence their images come. Variables of Services are off: one named `api` would set API_PORT. */}}
{{- define "uc.scheduling" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .Values.pods.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .Values.pods.affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- with .Values.pods.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Settings that people give, in the order of their names: a program's values with env and secretEnv. */}}
{{- define "uc.givenEnv" -}}
{{- range $name, $value := .env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $at := .secretEnv }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $at.name | quote }}, key: {{ $at.key | quote }}}}
{{- end }}
{{- end -}}

{{- define "uc.databaseEnv" -}}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {{ include "uc.databaseSecret" . }}}
{{- end -}}

{{- define "uc.databaseSecret" -}}
{{- if .Values.bootstrap.demo -}}
{name: {{ include "uc.fullname" . }}-demo, key: database-url}
{{- else -}}
{name: {{ .Values.database.existingSecret | quote }}, key: {{ .Values.database.key | quote }}}
{{- end -}}
{{- end -}}

{{/* The admin routes are off without a token; the demo brings one. */}}
{{- define "uc.adminEnv" -}}
{{- if .Values.adminToken.existingSecret }}
- name: ADMIN_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .Values.adminToken.existingSecret | quote }}, key: {{ .Values.adminToken.key | quote }}}}
{{- else if .Values.bootstrap.demo }}
- name: ADMIN_TOKEN
  valueFrom: {secretKeyRef: {name: {{ include "uc.fullname" . }}-demo, key: admin-token}}
{{- end }}
{{- end -}}

{{/* The one folder a container may write to. */}}
{{- define "uc.tmpMount" -}}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "uc.tmpVolume" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ . }}}
{{- end -}}

{{/* A pod of the upper-circuit command: (dict "root" $ "component" "ingest" "resources" ... "args" list). */}}
{{- define "uc.tool" -}}
name: {{ .component }}
image: {{ include "uc.image" (list .root .root.Values.tools.image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .args }}
resources: {{ toJson .resources }}
securityContext: {{- include "uc.containerSecurity" . | nindent 2 }}
env: {{- include "uc.databaseEnv" .root | nindent 2 }}
{{- end -}}
