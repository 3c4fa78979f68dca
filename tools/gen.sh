#!/usr/bin/env bash
# Generate the Python stubs into $1 (a folder shaped like client/).
set -euo pipefail
out=$1
mkdir -p "$out"
sed "s#out: client#out: $out#" buf.gen.yaml > "${TMPDIR:-/tmp}/buf.gen.$$.yaml"
trap 'rm -f "${TMPDIR:-/tmp}/buf.gen.$$.yaml"' EXIT
buf generate --template "${TMPDIR:-/tmp}/buf.gen.$$.yaml"
# Every folder a regular package: type checkers and wheels then agree on what is there.
find "$out/cardvault" "$out/buf" -type d -exec touch {}/__init__.py \;
