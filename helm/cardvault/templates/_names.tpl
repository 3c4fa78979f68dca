{{/* Templates take (dict "root" $ "service" "vault"); .values is then what values.yaml says of it. */}}

{{- define "cardvault.name" -}}
{{- $base := .root.Release.Name -}}
{{- if not (contains "cardvault" $base) }}{{ $base = printf "%s-cardvault" $base }}{{ end -}}
{{- printf "%s-%s" (trunc 40 $base | trimSuffix "-") .service -}}
{{- end }}

{{- define "cardvault.selector" -}}
app.kubernetes.io/name: cardvault
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component | default .service }}
{{- end }}

{{- define "cardvault.labels" -}}
{{ include "cardvault.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "cardvault.services" -}}
vault
{{- if .Values.updater.enabled }} updater{{ end -}}
{{- end }}

{{/* The ports are api.md's. */}}
{{- define "cardvault.ports" -}}
{{- if eq .service "vault" -}}
{grpc: 50051, health: 50061, ops: 9451}
{{- else -}}
{grpc: 50052, health: 50062, ops: 9452}
{{- end -}}
{{- end }}

{{- define "cardvault.prefix" -}}
{{ eq .service "vault" | ternary "CARDVAULT_" "CARDVAULT_UPDATER_" }}
{{- end }}

{{- define "cardvault.image" -}}
{{- $image := (index .root.Values .service).image -}}
{{ $image.repository }}@{{ $image.digest }}
{{- end }}
