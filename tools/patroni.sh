#!/usr/bin/env bash
# Make Patroni's virtual environment from its hash-locked requirements, whole or not at all; print
# where it is. The user postgres runs it, who can reach neither root's Python nor root's home:
# Debian's own python3, under /var/cache. tests/parts/servers/patroni.py knows the same place.
set -euo pipefail
# Two of them come as sources only; they are built by the setuptools that the venv starts with.
exec bash tools/locked_venv.sh patroni /var/cache/cardvault /usr/bin/python3 \
  --no-binary python-etcd,ydiff --no-build-isolation
