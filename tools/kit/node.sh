#!/usr/bin/env bash
# Fetch the packages that the TypeScript client is built from into npm's cache, by its lock file.
# Node has to be there: Debian's is too old.
set -euo pipefail
wanted=20
version=$(node --version 2>/dev/null || echo v0)
major=${version#v}
if [ "${major%%.*}" -lt "$wanted" ]; then
  echo "the TypeScript client needs node $wanted or newer on the PATH, with npm; found: $version" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$(dirname "$0")"/../../examples/clients/typescript/{package.json,package-lock.json} "$scratch"
cd "$scratch"
npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
