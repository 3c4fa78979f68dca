#!/usr/bin/env bash
# Install what tests against real servers, and the proof, need of Debian, where it is missing:
# `servers.sh WHO`, who says so then. Patroni and PgBouncer are built beside the environment.
set -euo pipefail
# One a line, its package behind it: what has to be there before the tests run.
needed='
/usr/lib/postgresql/15/bin/postgres postgresql-15
/usr/bin/psql postgresql-client-15
/usr/bin/redis-server redis-server
/usr/bin/redis-sentinel redis-sentinel
/usr/bin/softhsm2-util softhsm2
/usr/bin/java default-jre-headless
/usr/bin/mvn maven
/usr/bin/etcd etcd-server
/usr/sbin/ip iproute2
/usr/lib/python3.11/ensurepip/__init__.py python3-venv
/usr/sbin/pgbouncer pgbouncer
/usr/include/event.h libevent-dev
/usr/include/openssl/ssl.h libssl-dev
/usr/bin/gcc gcc
/usr/bin/make make
/usr/bin/pkg-config pkg-config
/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 libfaketime
'
missing=()
while read -r file package; do
  [ -z "$file" ] || [ -e "$file" ] || missing+=("$package")
done <<<"$needed"
# Envoy loads Python as a library, from wherever this one has it.
python -c 'import sys; from pyvoy._server import get_envoy_environ as found; sys.exit("LD_PRELOAD" not in found())' ||
  missing+=("libpython$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
if [ ${#missing[@]} -gt 0 ]; then
  echo "$1: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
bash tools/patroni.sh >/dev/null
bash tools/pgbouncer.sh >/dev/null
