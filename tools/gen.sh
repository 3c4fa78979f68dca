#!/usr/bin/env bash
# Generate the Python stubs into $1 (a folder shaped like client/), replacing those that are there.
set -euo pipefail
out=$1
template=$(mktemp --suffix=.yaml)
trap 'rm -f "$template"' EXIT
sed "s#out: client#out: $out#" buf.gen.yaml > "$template"
mkdir -p "$out/cardvault"
rm -rf "$out/cardvault/vault" "$out/cardvault/updater" "$out/buf"
buf generate --template "$template"
# mypy-protobuf writes a service stub for every file; without a service there is no module to match.
find "$out/cardvault" "$out/buf" -name '*_pb2_grpc.pyi' | while read -r stub; do
  if [ ! -e "${stub%i}" ]; then rm "$stub"; fi
done
# Every folder a regular package: type checkers and wheels then agree on what is there.
find "$out/cardvault" "$out/buf" -type d ! -name __pycache__ -exec touch {}/__init__.py \;
touch "$out/cardvault/py.typed" "$out/buf/py.typed"
