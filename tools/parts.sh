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
'
missing=()
while read -r file package; do
  [ -z "$file" ] || [ -e "$file" ] || missing+=("$package")
done <<<"$needed"
if [ ${#missing[@]} -gt 0 ]; then
  echo "test-parts: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ $# -gt 0 ]; then exec python -m pytest -p no:cacheprovider "$@"; fi
exec python -m pytest -q -p no:cacheprovider tests/parts
