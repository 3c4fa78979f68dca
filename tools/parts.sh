#!/usr/bin/env bash
# Run the tests against real servers: install Debian's packages where one is missing, then pytest.
# Every server is started by its tests, on a free loopback port and in a directory of its own.
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
'
missing=()
while read -r file package; do
  [ -z "$file" ] || [ -e "$file" ] || missing+=("$package")
done <<<"$needed"
# Envoy loads Python as a library, from wherever this one has it.
python -c 'import sys; from pyvoy._server import get_envoy_environ as found; sys.exit("LD_PRELOAD" not in found())' ||
  missing+=("libpython$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
if [ ${#missing[@]} -gt 0 ]; then
  echo "test-parts: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
bash tools/patroni.sh >/dev/null
bash tools/pgbouncer.sh >/dev/null
if [ $# -gt 0 ]; then exec python -m pytest -p no:cacheprovider "$@"; fi

# Failovers, killed brokers and rolling restarts are mostly waiting: they run beside all the rest,
# and are told at the end.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
waiting=(tests/parts/failover tests/parts/kafka tests/parts/workers tests/parts/envoy)
echo "test-parts: ${waiting[*]} in the background, the others here"
python -m pytest -q -p no:cacheprovider tests/parts/failover tests/parts/kafka tests/parts/envoy \
  >"$scratch/1" 2>&1 &
first=$!
python -m pytest -q -p no:cacheprovider tests/parts/workers >"$scratch/2" 2>&1 &
second=$!
status=0
python -m pytest -q -p no:cacheprovider tests/parts "${waiting[@]/#/--ignore=}" || status=$?
wait "$first" || status=$?
wait "$second" || status=$?
cat "$scratch/1" "$scratch/2"
exit "$status"
