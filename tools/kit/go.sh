#!/usr/bin/env bash
# Fetch the modules that the Go client is built from, buf's plugins among them. Go has to be there:
# Debian's is too old; go.mod says which one is needed, and go says so where it is older.
set -euo pipefail
command -v go >/dev/null || { echo "no go on the PATH: install the one that go.mod asks for" >&2; exit 1; }
cd "$(dirname "$0")/../../examples/clients/go"
go mod download
