#!/usr/bin/env bash
# Run the tests on both cores and hold branch coverage; ARGS go to pytest (then no coverage gate).
set -euo pipefail
if [ $# -gt 0 ]; then exec python -m pytest -p no:cacheprovider "$@"; fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export COVERAGE_FILE=$scratch/coverage
echo "test: unit, contract, property, crash, end to end"
python -m coverage run -m pytest -n 2 --dist worksteal -q -p no:cacheprovider \
  --ignore tests/parts --ignore tests/kit tests
python -m coverage combine --quiet
python -m coverage report --fail-under 95 --skip-covered | tail -40
