{{/* The pod's template, which both kinds have in common. */}}
{{- define "stalls.pod" -}}
{{- include "stalls.checks" . -}}
metadata:
  labels:
    {{- include "stalls.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: stalls
    {{- with .Values.template }}
    # Another template is another pod.
    checksum/template: {{ sha256sum . }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- if eq .Values.kind "DaemonSet" }}
  hostNetwork: true
  # The cluster's DNS, which a pod on its node's network does not ask otherwise.
  dnsPolicy: ClusterFirstWithHostNet
  {{- else }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "stalls.selectorLabels" . | nindent 10 }}
  {{- end }}
  serviceAccountName: {{ include "stalls.serviceAccount" . }}
  automountServiceAccountToken: true
  # DRAIN_MS, and what stalls needs besides.
  terminationGracePeriodSeconds: {{ include "stalls.gracePeriod" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: stalls
      image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      env:
        {{- include "stalls.env" . | nindent 8 }}
      {{- with include "stalls.adminPort" . }}
      ports:
        - name: admin
          containerPort: {{ . }}
          protocol: TCP
      {{- end }}
      # No livenessProbe: stalls ends by itself when it cannot go on, and to restart the container cuts every connection.
      # /healthz and /readyz say the same in a pod, where no HAProxy of an earlier start can be.
      readinessProbe:
        exec:
          command: [stalls, health]
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 3
      {{- if and (eq .Values.kind "Deployment") .Values.preStopSeconds }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.preStopSeconds | quote }}]
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        - name: run
          mountPath: /run/stalls
        - name: state
          mountPath: /var/lib/stalls
        {{- if .Values.template }}
        - name: template
          mountPath: /etc/stalls
          readOnly: true
        {{- end }}
  volumes:
    - name: run
      emptyDir:
        medium: Memory
    - name: state
      {{- if .Values.state.hostPath }}
      hostPath:
        path: {{ .Values.state.hostPath }}
        type: Directory
      {{- else }}
      # It outlives the container, not the pod.
      emptyDir: {}
      {{- end }}
    {{- if .Values.template }}
    - name: template
      configMap:
        name: {{ include "stalls.name" . }}
    {{- end }}
{{- end -}}

{{- define "stalls.env" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: SOURCE
  value: kubernetes
- name: MAPPINGS
  value: {{ include "stalls.mappings" . | quote }}
# Below the volumes, which anybody may write to: stalls makes these for itself alone.
- name: RUN_DIR
  value: /run/stalls/own
- name: STATE_DIR
  value: /var/lib/stalls/own
{{- if .Values.template }}
- name: HAPROXY_TEMPLATE
  value: /etc/stalls/haproxy.cfg.hbs
{{- end }}
- name: ADMIN_LISTEN
  value: {{ include "stalls.adminListen" . | quote }}
{{- range $name, $value := omit .Values.settings "ADMIN_LISTEN" }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  {{- /* Helm's numbers are floats, which print large ones with an exponent. */}}
  value: {{ kindIs "float64" $value | ternary (int64 $value) $value | toString | quote }}
{{- end }}
{{- end }}
{{- end -}}
