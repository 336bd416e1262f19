{{/* What the schema cannot say, or not clearly. */}}
{{- define "stalls.checks" -}}
{{- if not .Values.mappings -}}
{{- fail "mappings: say what to map, such as --set mappings.web.service=web,mappings.web.backendPort=8080,mappings.web.basePort=5000" -}}
{{- end -}}
{{- range $name, $mapping := .Values.mappings -}}
{{- include "stalls.checkMapping" (dict "name" $name "mapping" $mapping "values" $.Values) -}}
{{- end -}}
{{- if and .Values.state.hostPath (eq .Values.kind "Deployment") -}}
{{- fail "state.hostPath: only a DaemonSet has the same node for good; leave it empty for a Deployment" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not (include "stalls.adminPort" .)) -}}
{{- fail "podMonitor.enabled: the metrics are at settings.ADMIN_LISTEN, which is off" -}}
{{- end -}}
{{- end -}}

{{- define "stalls.checkMapping" -}}
{{- if eq (empty .mapping.service) (empty .mapping.selector) -}}
{{- fail (printf "mappings.%s: give either service, the name of a StatefulSet, or selector, labels of pods" .name) -}}
{{- end -}}
{{- if and (eq .values.kind "Deployment") (not .mapping.portCount) -}}
{{- fail (printf "mappings.%s.portCount: a Deployment needs it, since its Service lists each port" .name) -}}
{{- end -}}
{{- $first := int .mapping.basePort -}}
{{- $last := sub (add $first (int (.mapping.portCount | default 64))) 1 -}}
{{- if and .mapping.portCount (gt $last 65535) -}}
{{- fail (printf "mappings.%s.portCount: the pool would end at port %d, above 65535" .name $last) -}}
{{- end -}}
{{- if and (eq .values.kind "DaemonSet") (not .values.allowNodePortRange) (le $first 32767) (ge $last 30000) -}}
{{- fail (printf "mappings.%s: ports %d-%d reach into those of NodePorts (30000-32767): a connection to a NodePort there would never reach stalls, and nothing would say so. Move the pool, or set allowNodePortRange if your cluster has another range" .name $first $last) -}}
{{- end -}}
{{- end -}}
