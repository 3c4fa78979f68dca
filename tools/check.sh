#!/usr/bin/env bash
# What must hold before anything lands: style, types, import rules, protos, generated code fresh.
set -euo pipefail
step() { echo "check: $*"; }

step "ruff"
ruff check --quiet .
ruff format --check --quiet .
step "mypy --strict, tests too"
mypy --no-error-summary vault updater chassis cards tests tools
step "import rules"
lint-imports --no-cache > "${TMPDIR:-/tmp}/imports.$$" 2>&1 || { cat "${TMPDIR:-/tmp}/imports.$$"; exit 1; }
rm -f "${TMPDIR:-/tmp}/imports.$$"
step "protos: lint, format, nothing breaks against protos/baseline.binpb"
buf lint
buf format -d --exit-code protos > /dev/null
buf breaking protos --against protos/baseline.binpb
step "generated code is fresh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bash tools/gen.sh "$scratch" > /dev/null
for part in cardvault/vault cardvault/updater buf; do
  diff -r -x __pycache__ "$scratch/$part" "client/$part" > /dev/null ||
    { echo "client/$part is stale: run make gen"; exit 1; }
done
python tools/settings_page.py --check
python tools/doctor_page.py --check
python tools/formats_page.py --check
python tools/reliability_page.py --check
step "own rules: names, files, prints of messages"
python tools/own_rules.py
step "shell and workflow syntax"
for script in tools/*.sh tools/*/*.sh .ci/run; do bash -n "$script"; done
echo "check: all good"
