{{/* The restricted Pod Security profile, and nothing Kubernetes would add by itself. */}}
{{- define "cardvault.podSecurity" -}}
automountServiceAccountToken: false
# Else every Service in the namespace becomes variables, some of which could read as settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.user }}
  runAsGroup: {{ .Values.user }}
  fsGroup: {{ .Values.user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "cardvault.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Memory that is not given is worked out: what a process takes is in docs/howto/transports.md, and
     the rest is the supervisor's, /tmp's and that of a `cardvault doctor` run in the container. */}}
{{- define "cardvault.resources" -}}
{{- $values := index .root.Values .service -}}
{{- $each := eq ($values.settings.TRANSPORT | default "grpcio") "envoy" | ternary 224 160 -}}
{{- $memory := printf "%dMi" (add 224 (mul $each ($values.workers | default 1))) -}}
{{- $resources := deepCopy $values.resources -}}
{{- $limits := merge $resources.limits (dict "memory" $memory) -}}
{{- $_ := merge $resources.requests (dict "memory" $limits.memory) -}}
{{- toYaml $resources -}}
{{- end }}

{{/* Mode 0440, owned by root and the pod's group: others can't read, which the services look at. */}}
{{- define "cardvault.secretVolume" -}}
- name: {{ .name }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440{{ with .items }}, items: {{ toJson . }}{{ end }}}
{{- end }}

{{- define "cardvault.fileVolumes" -}}
{{- range $directory, $secret := . }}
{{ include "cardvault.secretVolume" (dict "name" (print "files-" $directory) "secret" $secret) }}
{{- end }}
{{- end }}

{{- define "cardvault.fileMounts" -}}
{{- range $directory, $secret := . }}
- {name: files-{{ $directory }}, mountPath: /etc/cardvault/files/{{ $directory }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Settings that are secrets are files that the service reads at start. Each is mounted by itself:
     over /run/secrets there may be a directory of the cloud's, with the pod's identity. */}}
{{- define "cardvault.secretSettings" -}}
{{- if eq .service "vault" }}
{{- with .root.Values.vault.redis.urlSecret }}{{ if .name }}
redis-url: {secret: {{ .name }}, key: {{ .key }}, file: cardvault_redis_url}
{{- end }}{{ end }}
{{- with .root.Values.vault.cardCache.urlSecret }}{{ if .name }}
cache-url: {secret: {{ .name }}, key: {{ .key }}, file: cardvault_card_cache_url}
{{- end }}{{ end }}
{{- end }}
{{- end }}

{{- define "cardvault.volumes" -}}
{{- $values := index .root.Values .service -}}
{{- $name := include "cardvault.name" . -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: policy
  configMap: {name: {{ $name }}-policy}
{{ include "cardvault.secretVolume" (dict "name" "tls" "secret" $values.tlsSecret) }}
{{- range $volume, $from := include "cardvault.secretSettings" . | fromYaml }}
{{ include "cardvault.secretVolume" (dict "name" $volume "secret" $from.secret "items" (list (dict "key" $from.key "path" $from.file))) }}
{{- end }}
{{- if eq .service "updater" }}
{{ include "cardvault.secretVolume" (dict "name" "client" "secret" $values.clientTlsSecret) }}
{{ include "cardvault.secretVolume" (dict "name" "given-keys" "secret" $values.exchange.keysSecret) }}
- name: exchange-keys
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: exchange
  persistentVolumeClaim: {claimName: {{ $values.exchange.claim }}}
{{- if $values.channels }}
- name: channels
  configMap: {name: {{ $name }}-channels}
{{- end }}
{{- end }}
{{- include "cardvault.fileVolumes" $values.secretFiles }}
{{- end }}

{{- define "cardvault.mounts" -}}
{{- $values := index .root.Values .service -}}
- {name: tmp, mountPath: /tmp}
- {name: policy, mountPath: /etc/cardvault/policy, readOnly: true}
- {name: tls, mountPath: /etc/cardvault/tls, readOnly: true}
{{- range $volume, $from := include "cardvault.secretSettings" . | fromYaml }}
- {name: {{ $volume }}, mountPath: /run/secrets/{{ $from.file }}, subPath: {{ $from.file }}, readOnly: true}
{{- end }}
{{- if eq .service "updater" }}
- {name: client, mountPath: /etc/cardvault/client, readOnly: true}
- {name: exchange-keys, mountPath: /etc/cardvault/exchange-keys, readOnly: true}
- {name: exchange, mountPath: /var/lib/cardvault/exchange}
{{- if $values.channels }}
- {name: channels, mountPath: /etc/cardvault/channels, readOnly: true}
{{- end }}
{{- end }}
{{- include "cardvault.fileMounts" $values.secretFiles }}
{{- end }}
