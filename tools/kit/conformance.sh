#!/usr/bin/env bash
# Build the public gRPC/Connect conformance suite at one fixed version, with the description of its
# messages, whole or not at all; print the directory. The version is part of the path, so that a
# newer one never meets an older one's binary.
set -euo pipefail
module=connectrpc.com/conformance
version=v1.0.7
cache=${CARDVAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardvault}
built=$cache/conformance-$version
command -v go >/dev/null || { echo "no go on the PATH: the conformance suite is built with it" >&2; exit 1; }
if [ ! -d "$built" ]; then
  mkdir -p "$cache"
  exec 9>"$built.lock"
  flock 9  # two runs at once: the second one waits and finds it done
fi
if [ ! -d "$built" ]; then
  scratch=$(mktemp -d "$built.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  # Go checks the module and all it needs against the checksum database.
  GOBIN=$scratch/made GOFLAGS=-trimpath nice go install -ldflags='-s -w' "$module/cmd/connectconformance@$version" >&2
  # What the suite says to a server is not kept here: its own protos describe it.
  source=$(go mod download -json "$module@$version" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
  python3 -m grpc_tools.protoc -I "$source/proto" --descriptor_set_out="$scratch/made/messages.binpb" \
    connectrpc/conformance/v1/{config,server_compat,service}.proto
  mv "$scratch/made" "$built"
fi
echo "$built"
