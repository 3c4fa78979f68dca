#!/usr/bin/env bash
# Make the virtual environment of hadolint and kubernetes-validate (which brings Kubernetes' schemas
# along) from their hash-locked requirements, whole or not at all; print where it is. They are kept
# apart from the product's libraries, whose versions they must not touch.
set -euo pipefail
cache=${CARDVAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardvault}
exec bash tools/locked_venv.sh kit "$cache" python3
