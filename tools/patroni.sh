#!/usr/bin/env bash
# Make Patroni's virtual environment from its hash-locked requirements, whole or not at all; print
# where it is. The user postgres runs it, who can reach neither root's Python nor root's home:
# Debian's own python3, under /var/cache. tests/parts/servers/patroni.py knows the same place.
set -euo pipefail
cache=/var/cache/cardvault
venv=$cache/patroni-$(sha256sum requirements/patroni.txt | cut -c1-12)
if [ ! -e "$venv/.done" ]; then
  mkdir -p "$cache"
  exec 9>"$venv.lock"
  flock 9
  if [ ! -e "$venv/.done" ]; then
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    # Two of them come as sources only; they are built by the setuptools that the venv starts with.
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
      --require-hashes --only-binary :all: --no-binary python-etcd,ydiff --no-build-isolation \
      -r requirements/patroni.txt
    chmod -R a+rX "$venv"
    touch "$venv/.done"
  fi
fi
echo "$venv"
