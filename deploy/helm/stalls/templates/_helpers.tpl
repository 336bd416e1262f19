{{/* The name of everything in the release's own namespace. */}}
{{- define "stalls.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of what is in the namespaces that are mapped, where other releases may have theirs. */}}
{{- define "stalls.nameElsewhere" -}}
{{- printf "%s-%s" .Release.Namespace (include "stalls.name" .) -}}
{{- end -}}

{{- define "stalls.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stalls.labels" -}}
{{ include "stalls.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "stalls.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "stalls.name" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* MAPPINGS: NAMESPACE/SERVICE:PORT@BASE+COUNT, a blank between two. */}}
{{- define "stalls.mappings" -}}
{{- $entries := list -}}
{{- range $name, $mapping := .Values.mappings -}}
{{- $namespace := $mapping.namespace | default $.Release.Namespace -}}
{{- $service := $mapping.service | default $mapping.selector -}}
{{- $entry := printf "%s/%s:%v@%d" $namespace $service $mapping.backendPort (int $mapping.basePort) -}}
{{- with $mapping.portCount -}}
{{- $entry = printf "%s+%d" $entry (int .) -}}
{{- end -}}
{{- $entries = append $entries $entry -}}
{{- end -}}
{{- join " " $entries -}}
{{- end -}}

{{/* The namespaces that are mapped, with a comma between two. */}}
{{- define "stalls.namespaces" -}}
{{- $namespaces := list -}}
{{- range $mapping := .Values.mappings -}}
{{- $namespaces = append $namespaces ($mapping.namespace | default $.Release.Namespace) -}}
{{- end -}}
{{- $namespaces | uniq | sortAlpha | join "," -}}
{{- end -}}

{{/* The address of the page, the API and the metrics. POD_IP is the node's on the node's network. */}}
{{- define "stalls.adminListen" -}}
{{- if .Values.settings.ADMIN_LISTEN -}}
{{- .Values.settings.ADMIN_LISTEN -}}
{{- else if .Values.podMonitor.enabled -}}
$(POD_IP):8405
{{- else -}}
127.0.0.1:8405
{{- end -}}
{{- end -}}

{{/* Its port; nothing if it is off. */}}
{{- define "stalls.adminPort" -}}
{{- include "stalls.adminListen" . | regexFind "[0-9]+$" -}}
{{- end -}}

{{/* How long a pod may take to stop, in seconds: DRAIN_MS, 5 s that stalls takes for itself, and some more. */}}
{{- define "stalls.gracePeriod" -}}
{{- $drain := kindIs "invalid" .Values.settings.DRAIN_MS | ternary 8000 .Values.settings.DRAIN_MS | int64 -}}
{{- $seconds := add (div (add $drain 999) 1000) 12 -}}
{{- if eq .Values.kind "Deployment" -}}
{{- $seconds = add $seconds (int64 .Values.preStopSeconds) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}
