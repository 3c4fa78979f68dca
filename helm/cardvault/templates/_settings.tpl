{{/* A service's environment but for secrets, as a YAML map of names to strings. */}}
{{- define "cardvault.settings" -}}
{{- $values := index .root.Values .service -}}
{{- $ports := include "cardvault.ports" . | fromYaml -}}
{{- $host := .root.Values.listenHost -}}
{{- $settings := dict
  "ENVIRONMENT" "production"
  "LISTEN" (printf "%s:%d" $host (int $ports.grpc))
  "HEALTH_LISTEN" (printf "%s:%d" $host (int $ports.health))
  "OPS_LISTEN" (printf "%s:%d" $host (int $ports.ops))
  "TLS_CA" "/etc/cardvault/tls/ca.crt"
  "TLS_CERTIFICATE" "/etc/cardvault/tls/tls.crt"
  "TLS_KEY" "/etc/cardvault/tls/tls.key"
  "POLICY" "/etc/cardvault/policy/policy.yaml"
  "DATABASE_URL" $values.database.url
  "EVENTS_URL" $values.eventsUrl
  "ENDPOINT_DELAY" (printf "PT%dS" (int $values.shutdown.endpointDelay))
  "DRAIN_TIMEOUT" (printf "PT%dS" (int $values.shutdown.drainTimeout))
-}}
{{- if eq .service "vault" -}}
{{- $_ := set $settings "KMS_KEY" $values.kmsKey -}}
{{- $_ := set $settings "WORKERS" $values.workers -}}
{{- else -}}
{{- $vault := include "cardvault.name" (dict "root" .root "service" "vault") -}}
{{- $_ := set $settings "VAULT_ADDRESS" (printf "%s:50051" $vault) -}}
{{- $_ := set $settings "CLIENT_CERTIFICATE" "/etc/cardvault/client/tls.crt" -}}
{{- $_ := set $settings "CLIENT_KEY" "/etc/cardvault/client/tls.key" -}}
{{- $_ := set $settings "EXCHANGE_DIRECTORY" "/var/lib/cardvault/exchange" -}}
{{- $_ := set $settings "EXCHANGE_KEYS" "/etc/cardvault/exchange-keys" -}}
{{- $_ := set $settings "TENANTS" (toJson $values.tenants) -}}
{{- $_ := set $settings "STATUS_EMAIL" $values.statusEmail -}}
{{- if $values.channels -}}
{{- $_ := set $settings "CHANNELS" "/etc/cardvault/channels/channels.yaml" -}}
{{- end -}}
{{- end -}}
{{- $prefix := include "cardvault.prefix" . -}}
{{- range $name, $value := merge $settings $values.settings }}
{{ $prefix }}{{ $name }}: {{ (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
{{- end }}
{{- end }}

{{/* What `migrate` reads: its own role's URL, and what every start in production must say. */}}
{{- define "cardvault.migrateEnvironment" -}}
{{- $values := index .root.Values .service -}}
{{- $prefix := include "cardvault.prefix" . -}}
- {name: {{ $prefix }}ENVIRONMENT, value: production}
- {name: {{ $prefix }}DATABASE_URL, value: {{ $values.migrate.database.url | quote }}}
{{- if eq .service "vault" }}
- {name: {{ $prefix }}KMS_KEY, value: {{ $values.kmsKey | quote }}}
{{- end }}
{{- include "cardvault.password" $values.migrate.database }}
{{- end }}

{{- define "cardvault.password" -}}
{{- if .passwordSecret.name }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .passwordSecret.name }}, key: {{ .passwordSecret.key }}}
{{- end }}
{{- end }}
