{{/* The standard labels of every object. */}}
{{- define "fanout.labels" -}}
app.kubernetes.io/name: fanout-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: fanout
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* A digest says which image it is, whatever its tag. */}}
{{- define "fanout.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* Topology spread constraints, about the operator's own Pods where they do not say: without a selector they are about none. */}}
{{- define "fanout.spread" -}}
{{- $list := list -}}
{{- range . -}}
{{- $one := . -}}
{{- if not (hasKey . "labelSelector") -}}
{{- $one = merge (dict "labelSelector" (dict "matchLabels" (dict "app.kubernetes.io/name" "fanout-operator"))) . -}}
{{- end -}}
{{- $list = append $list $one -}}
{{- end -}}
{{- toYaml $list -}}
{{- end }}
