{{/* What a schema cannot say, each as one sentence that names the value to change. */}}

{{- define "uc.validate" -}}
{{- include "uc.validateNames" . -}}
{{- include "uc.validateSlots" . -}}
{{- include "uc.validateTraffic" . -}}
{{- include "uc.validateDatabase" . -}}
{{- include "uc.validateRegistry" . -}}
{{- include "uc.validateTimes" . -}}
{{- end -}}

{{- define "uc.validateNames" -}}
{{- $name := include "uc.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of Services: it must begin with a letter and hold lower-case letters, digits and '-' only; set fullnameOverride" $name) -}}
{{- end -}}
{{- $digits := len (toString (sub (int .Values.batch.shards) 1)) -}}
{{- $most := sub 63 (add (len "-batch") (len "-YYYY-MM-DD") 1 $digits) -}}
{{- if gt (len $name) (int $most) -}}
{{- fail (printf "%q has %d characters and %d shards leave room for %d: a pod of a run by hand is called <name>-batch-YYYY-MM-DD-<shard> and may have 63; set fullnameOverride" $name (len $name) (int .Values.batch.shards) $most) -}}
{{- end -}}
{{- $room := sub 63 (add (len "-a-transformer-") (len .Release.Namespace)) -}}
{{- if gt (len $name) (int $room) -}}
{{- fail (printf "%q has %d characters and the namespace %s leaves room for %d: KServe gives a transformer the address <name>-a-transformer-<namespace>, whose label may have 63; set fullnameOverride, or take a namespace with a shorter name" $name (len $name) .Release.Namespace $room) -}}
{{- end -}}
{{- end -}}

{{- define "uc.validateSlots" -}}
{{- $a := .Values.slots.a -}}{{- $b := .Values.slots.b -}}
{{- if not (or $a.enabled $b.enabled) -}}
{{- fail "no slot runs: set slots.a.enabled or slots.b.enabled" -}}
{{- end -}}
{{- if and $a.enabled $b.enabled -}}
{{- if not (and $a.version $b.version) -}}
{{- fail "both slots run, so each must name its model: set slots.a.version and slots.b.version" -}}
{{- end -}}
{{- if eq $a.version $b.version -}}
{{- fail (printf "slots.a.version and slots.b.version are both %s: their rows could not be told apart; give the new slot another version" $a.version) -}}
{{- end -}}
{{- end -}}
{{- range $part := list "transformer" "predictor" -}}
{{- range $slot := list "a" "b" -}}
{{- $most := int (get $.Values $part).autoscaling.maxReplicas -}}
{{- $least := int (include "uc.minReplicas" (list $ $slot $part)) -}}
{{- if and (get $.Values.slots $slot).enabled (gt $least $most) -}}
{{- fail (printf "slot %s wants %d pods at least and %s.autoscaling.maxReplicas is %d: raise it" $slot $least $part $most) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "uc.validateTraffic" -}}
{{- $a := int .Values.traffic.a -}}{{- $b := int .Values.traffic.b -}}
{{- if ne (add $a $b) 100 -}}
{{- fail (printf "traffic.a and traffic.b are %d and %d: together they must be 100" $a $b) -}}
{{- end -}}
{{- range $slot := list "a" "b" -}}
{{- if and (gt (int (get $.Values.traffic $slot)) 0) (not (get $.Values.slots $slot).enabled) -}}
{{- fail (printf "traffic.%s is %d and slots.%s.enabled is false: requests would go nowhere" $slot (int (get $.Values.traffic $slot)) $slot) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.traffic.mirror) 0) (not (and .Values.slots.a.enabled .Values.slots.b.enabled)) -}}
{{- fail "traffic.mirror needs both slots: set slots.a.enabled and slots.b.enabled" -}}
{{- end -}}
{{- if .Values.route.enabled -}}
{{- if not .Values.route.parentRefs -}}
{{- fail "route.enabled needs a Gateway: set route.parentRefs to [{name: <gateway>, namespace: <namespace>}]" -}}
{{- end -}}
{{- else if or (gt (int .Values.traffic.mirror) 0) (and (gt $a 0) (gt $b 0)) -}}
{{- fail "only a Gateway can split or mirror requests: set route.enabled, or traffic.a and traffic.b to 100 and 0 and traffic.mirror to 0" -}}
{{- end -}}
{{- end -}}

{{- define "uc.validateRegistry" -}}
{{- $shards := ternary (int .Values.batch.shards) 0 .Values.batch.enabled -}}
{{- $uri := .Values.registry.storageUri -}}
{{- $predictors := or (gt (int .Values.predictor.autoscaling.maxReplicas) 1) (and .Values.slots.a.enabled .Values.slots.b.enabled) -}}
{{- $many := or (gt $shards 1) (and (not $uri) $predictors) -}}
{{- if and $many (not .Values.registry.existingClaim) (has .Values.registry.accessMode (list "ReadWriteOnce" "ReadWriteOncePod")) -}}
{{- fail (printf "registry.accessMode is %s, but several predictors or shards read the models and may run on several nodes: use ReadWriteMany, or batch.shards=1, predictor.autoscaling.maxReplicas=1 and one slot on a cluster of one node" .Values.registry.accessMode) -}}
{{- end -}}
{{- if and .Values.batch.output.enabled (not .Values.batch.output.existingClaim) (gt $shards 1) (has .Values.batch.output.accessMode (list "ReadWriteOnce" "ReadWriteOncePod")) -}}
{{- fail (printf "batch.output.accessMode is %s, but any of %d shards may write the lists: use ReadWriteMany" .Values.batch.output.accessMode $shards) -}}
{{- end -}}
{{- if and $uri (not (regexMatch "^(pvc|oci|oci[+]native)://" $uri)) .Values.networkPolicy.enabled (not .Values.networkPolicy.egress.predictor) -}}
{{- fail (printf "registry.storageUri is %s, which the predictors' pods fetch and their policy keeps them from: set networkPolicy.egress.predictor to where that is" $uri) -}}
{{- end -}}
{{- range $slot := list "a" "b" -}}
{{- $of := get $.Values.slots $slot -}}
{{- if and $uri $.Values.batch.enabled $of.enabled (not $of.version) -}}
{{- fail (printf "registry.storageUri gives predictors other models than the registry's claim gives the morning run, and what is promoted there need not be promoted here: set slots.%s.version, or batch.enabled=false" $slot) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "uc.validateDatabase" -}}
{{- if .Values.bootstrap.demo -}}
{{- if .Values.database.existingSecret -}}
{{- fail "bootstrap.demo brings a database of its own and would fill yours with a synthetic market: unset database.existingSecret, or bootstrap.demo" -}}
{{- end -}}
{{- if .Values.registry.storageUri -}}
{{- fail "bootstrap.demo puts its model into the registry's claim, which registry.storageUri goes past: unset one of them" -}}
{{- end -}}
{{- else if not .Values.database.existingSecret -}}
{{- fail "where the database is stands in a Secret: set database.existingSecret (kubectl create secret generic NAME --from-literal=url=postgresql://...), or bootstrap.demo=true to see it work" -}}
{{- end -}}
{{- end -}}

{{- define "uc.validateTimes" -}}
{{- range $part := list "transformer" "predictor" -}}
{{- $values := get $.Values $part -}}
{{- if le (int $values.terminationGracePeriodSeconds) (int $values.preStopSeconds) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds is %d and must be more than %s.preStopSeconds, which is %d: requests under way would be cut off" $part (int $values.terminationGracePeriodSeconds) $part (int $values.preStopSeconds)) -}}
{{- end -}}
{{- end -}}
{{- if gt (int .Values.batch.podDeadlineSeconds) (int .Values.batch.runDeadlineSeconds) -}}
{{- fail (printf "batch.podDeadlineSeconds is %d and the whole run has %d (batch.runDeadlineSeconds): one hung shard would end the run" (int .Values.batch.podDeadlineSeconds) (int .Values.batch.runDeadlineSeconds)) -}}
{{- end -}}
{{- if gt (int .Values.batch.parallelism) (int .Values.batch.shards) -}}
{{- fail (printf "batch.parallelism is %d and there are %d shards" (int .Values.batch.parallelism) (int .Values.batch.shards)) -}}
{{- end -}}
{{- end -}}
