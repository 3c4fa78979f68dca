#!/usr/bin/env bash
# Run the tests against real servers: install what is missing of them, then pytest.
# Every server is started by its tests, on a free loopback port and in a directory of its own.
set -euo pipefail
bash tools/servers.sh test-parts
if [ $# -gt 0 ]; then exec python -m pytest -p no:cacheprovider "$@"; fi

# Failovers, killed brokers and rolling restarts are mostly waiting: they run beside all the rest,
# and are told at the end.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rolling=tests/parts/workers/test_rolling.py
lane1=(tests/parts/failover tests/parts/kafka "$rolling")
lane2=(tests/parts/workers tests/parts/envoy)
beside=("${lane1[@]}" "${lane2[@]}")
echo "test-parts: ${beside[*]} in the background, the others here"
run=(python -m pytest -q -p no:cacheprovider --durations=8)
"${run[@]}" "${lane1[@]}" >"$scratch/1" 2>&1 &
first=$!
"${run[@]}" "${lane2[@]}" --ignore="$rolling" >"$scratch/2" 2>&1 &
second=$!
status=0
"${run[@]}" tests/parts "${beside[@]/#/--ignore=}" || status=$?
wait "$first" || status=$?
wait "$second" || status=$?
cat "$scratch/1" "$scratch/2"
exit "$status"
