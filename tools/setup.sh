#!/usr/bin/env bash
# Make the virtual environment $1 from the hash-locked requirements, whole or not at all.
set -euo pipefail
venv=$1
if [ -e "$venv/.done" ]; then exit 0; fi
mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9  # two make runs at once: the second one waits and finds it done
if [ -e "$venv/.done" ]; then exit 0; fi
echo "setup: installing the locked requirements into $venv"
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
  --only-binary :all: -r requirements/dev.txt
touch "$venv/.done"
