#!/usr/bin/env bash
# Build helm at one fixed version, whole or not at all; print where it is. The version is part of
# the path, so that a newer one never meets an older one's binary.
set -euo pipefail
version=v3.22.0
cache=${CARDVAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardvault}
built=$cache/helm-$version
if [ ! -x "$built/helm" ]; then
  mkdir -p "$cache"
  exec 9>"$built.lock"
  flock 9  # two make runs at once: the second one waits and finds it done
fi
if [ ! -x "$built/helm" ]; then
  scratch=$(mktemp -d "$built.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  # The three that helm's own releases set: without them it takes itself for Kubernetes 1.20's.
  set_to=(-X "helm.sh/helm/v3/internal/version.version=$version"
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37)
  # Go checks the module and all it needs against the checksum database.
  GOBIN=$scratch/bin GOFLAGS=-trimpath nice go install -ldflags="-s -w ${set_to[*]}" \
    "helm.sh/helm/v3/cmd/helm@$version" >&2
  rm -rf "$built"
  mv "$scratch/bin" "$built"
fi
echo "$built/helm"
