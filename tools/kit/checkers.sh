#!/usr/bin/env bash
# Make the virtual environment of hadolint and kubernetes-validate (which brings Kubernetes' schemas
# along) from their hash-locked requirements, whole or not at all; print where it is. They are kept
# apart from the product's libraries, whose versions they must not touch.
set -euo pipefail
cache=${CARDVAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardvault}
venv=$cache/kit-$(sha256sum requirements/kit.txt | cut -c1-12)
if [ ! -e "$venv/.done" ]; then
  mkdir -p "$cache"
  exec 9>"$venv.lock"
  flock 9
  if [ ! -e "$venv/.done" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
      --require-hashes --only-binary :all: -r requirements/kit.txt
    touch "$venv/.done"
  fi
fi
echo "$venv"
