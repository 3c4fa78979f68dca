#!/usr/bin/env bash
# Run the tests on both cores and hold branch coverage; ARGS go to pytest (then no coverage gate).
set -euo pipefail
if [ $# -gt 0 ]; then exec python -m pytest -p no:cacheprovider "$@"; fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export COVERAGE_FILE=$scratch/coverage
run=(-m pytest -n 2 --dist worksteal -q -p no:cacheprovider)
# What takes the same code through many states, or starts processes, which are not measured: to
# count its lines would nearly double its time.
uncounted=(tests/e2e tests/power tests/flips tests/seeds tests/histories tests/timejumps tests/fuzz
  tests/leaks tests/neighbours tests/oracle tests/proof tests/simulation
  tests/unit/updater/test_crashes.py
  tests/unit/updater/test_model.py)
echo "test: end to end, crashes, power cuts, bit flips, simulation, histories, fuzzing"
status=0
python "${run[@]}" "${uncounted[@]}" || status=$?
echo "test: unit, contract, property; branch coverage"
python -m coverage run "${run[@]}" --ignore tests/parts --ignore tests/kit \
  "${uncounted[@]/#/--ignore=}" tests || status=$?
[ "$status" -eq 0 ] || exit "$status"
python -m coverage combine --quiet
python -m coverage report --fail-under 95 --skip-covered | tail -40
