#!/usr/bin/env bash
# Make the virtual environment of requirements/$1.txt in the directory $2 with the Python $3, whole
# or not at all; print where it is. Its hashes are locked. Further arguments are pip's.
set -euo pipefail
name=$1 cache=$2 python=$3
shift 3
venv=$cache/$name-$(sha256sum "requirements/$name.txt" | cut -c1-12)
if [ ! -e "$venv/.done" ]; then
  mkdir -p "$cache"
  exec 9>"$venv.lock"
  flock 9  # two at once: the second one waits and finds it done
  if [ ! -e "$venv/.done" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
      --require-hashes --only-binary :all: "$@" -r "requirements/$name.txt"
    chmod -R a+rX "$venv"  # whoever runs it
    touch "$venv/.done"
  fi
fi
echo "$venv"
