{{/* What keeps the chart from being rendered, each with the sentence that says so. */}}

{{- define "cardvault.needs" -}}
{{- if not .given }}{{ fail (printf "%s is not set: %s" .path .why) }}{{ end -}}
{{- end }}

{{- define "cardvault.checkDatabase" -}}
{{- $path := .path -}}
{{- include "cardvault.needs" (dict "given" .database.url "path" (print $path ".url") "why" .why) -}}
{{- if not (hasPrefix "postgresql://" .database.url) -}}
{{- fail (printf "%s.url is not postgresql://: pods come and go, an embedded database would go with them" $path) -}}
{{- end -}}
{{- if or (regexMatch "^postgresql://[^/?]*:[^/?]*@" .database.url) (regexMatch "[?&]password=" .database.url) -}}
{{- fail (printf "%s.url holds a password: it belongs into a Secret, which passwordSecret names" $path) -}}
{{- end -}}
{{- if not (regexMatch "[?&]sslmode=verify-full(&|$)" .database.url) -}}
{{- fail (printf "%s.url does not say sslmode=verify-full: anybody could be the database" $path) -}}
{{- end -}}
{{- if not (or .database.passwordSecret.name .database.clientCertificate) -}}
{{- fail (printf "%s.passwordSecret.name is not set: name the Secret with the role's password, or set clientCertificate" $path) -}}
{{- end -}}
{{- end }}

{{/* These go into a ConfigMap; what is secret in a URL stands before an @. */}}
{{- define "cardvault.checkOpen" -}}
{{- $values := index .root.Values .service -}}
{{- $open := dict "eventsUrl" $values.eventsUrl "kmsKey" $values.kmsKey -}}
{{- range $name, $value := $values.settings }}{{ $_ := set $open (print "settings." $name) $value }}{{ end -}}
{{- range $name, $value := $open }}
{{- if regexMatch `://[^\s"]*@` (toJson $value) -}}
{{- fail (printf "%s.%s holds a user name or a password: anybody who reads the ConfigMap would have it" $.service $name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "cardvault.checkAnnotations" -}}
{{- $values := index .root.Values .service -}}
{{- range $path, $given := dict "podAnnotations" $values.podAnnotations "serviceAccount.annotations" $values.serviceAccount.annotations }}
{{- range $name, $_ := $given }}
{{- if regexMatch `^(checksum/settings$|helm\.sh/hook|meta\.helm\.sh/)` $name -}}
{{- fail (printf "%s.%s holds %s: that annotation is the chart's, or helm's own" $.service $path $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "cardvault.checkService" -}}
{{- $service := .service -}}
{{- $values := index .root.Values $service -}}
{{- $needs := list
  (list "image.repository" $values.image.repository "where is the image? Nobody publishes one for you, see docs/howto/deploy.md")
  (list "image.digest" $values.image.digest "an image is named by its digest, for a tag can be moved")
  (list "tlsSecret" $values.tlsSecret "name the Secret with ca.crt, tls.crt and tls.key; there is no API without mTLS")
  (list "policy" $values.policy "say who may do what, see docs/reference/policy.md; everything else is denied")
  (list "eventsUrl" $values.eventsUrl "kafkas://…/topic, or none where nobody wants events")
-}}
{{- range $needs }}
{{- include "cardvault.needs" (dict "path" (printf "%s.%s" $service (index . 0)) "given" (index . 1) "why" (index . 2)) -}}
{{- end -}}
{{- include "cardvault.checkDatabase" (dict "path" (print $service ".database") "database" $values.database "why" "postgresql://role@hosts/database?sslmode=verify-full") -}}
{{- if $values.migrate.enabled -}}
{{- include "cardvault.checkDatabase" (dict "path" (print $service ".migrate.database") "database" $values.migrate.database "why" "the owning role's, who migrates; or set migrate.enabled to false and run migrate yourself") -}}
{{- end -}}
{{- if hasPrefix "file:" $values.eventsUrl -}}
{{- fail (printf "%s.eventsUrl is a file: it would go with its pod" $service) -}}
{{- end -}}
{{- include "cardvault.checkOpen" . -}}
{{- include "cardvault.checkAnnotations" . -}}
{{- if gt (add $values.shutdown.endpointDelay $values.shutdown.drainTimeout) 28 -}}
{{- fail (printf "%s.shutdown takes more than 28 seconds in all: the service refuses that" $service) -}}
{{- end -}}
{{- if .root.Values.networkPolicy.enabled -}}
{{- include "cardvault.needs" (dict "path" (print $service ".network.from") "given" $values.network.from "why" "nobody could call it; name who may, or set networkPolicy.enabled to false") -}}
{{- include "cardvault.needs" (dict "path" (print $service ".network.egress") "given" $values.network.egress "why" "it could not reach its database; name what it may reach, or set networkPolicy.enabled to false") -}}
{{- end -}}
{{- end }}

{{- define "cardvault.checkVault" -}}
{{- $vault := .Values.vault -}}
{{- include "cardvault.needs" (dict "path" "vault.kmsKey" "given" $vault.kmsKey "why" "name the key that wraps all keys, see docs/howto/kms.md") -}}
{{- if hasPrefix "local:" $vault.kmsKey -}}
{{- fail "vault.kmsKey is a local key file: it is for development only" -}}
{{- end -}}
{{- if and (hasPrefix "vault-transit:" $vault.kmsKey) (not (hasKey $vault.settings "KMS_TOKEN_FILE")) -}}
{{- fail "vault.settings.KMS_TOKEN_FILE is not set: mount the Secret with the token by vault.secretFiles, and name its file" -}}
{{- end -}}
{{- if and (not $vault.redis.urlSecret.name) (gt (mul $vault.replicas $vault.workers) 1) -}}
{{- fail "vault.redis.urlSecret.name is not set: several processes share security codes through Redis; name the Secret with its URL, or set vault.replicas and vault.workers to 1" -}}
{{- end -}}
{{- if and (hasKey $vault.settings "CARD_CACHE") (not (or $vault.redis.urlSecret.name $vault.cardCache.urlSecret.name)) -}}
{{- fail "vault.cardCache.urlSecret.name is not set: the cache of masked cards is in Redis" -}}
{{- end -}}
{{- end }}

{{- define "cardvault.checkUpdater" -}}
{{- $updater := .Values.updater -}}
{{- $needs := list
  (list "clientTlsSecret" $updater.clientTlsSecret "name the Secret with ca.crt, tls.crt and tls.key with which it calls the vault")
  (list "tenants" $updater.tenants "whose cards does it keep current?")
  (list "statusEmail" $updater.statusEmail "the channel reports on each file to an address of yours")
  (list "exchange.claim" $updater.exchange.claim "name the claim on which files are exchanged")
  (list "exchange.keysSecret" $updater.exchange.keysSecret "name the Secret with updater.tsk, acquirer.cert and marks.key")
-}}
{{- range $needs }}
{{- include "cardvault.needs" (dict "path" (printf "updater.%s" (index . 0)) "given" (index . 1) "why" (index . 2)) -}}
{{- end -}}
{{- end }}

{{- define "cardvault.check" -}}
{{- include "cardvault.checkService" (dict "root" . "service" "vault") -}}
{{- include "cardvault.checkVault" . -}}
{{- if .Values.updater.enabled -}}
{{- include "cardvault.checkService" (dict "root" . "service" "updater") -}}
{{- include "cardvault.checkUpdater" . -}}
{{- end -}}
{{- end }}
