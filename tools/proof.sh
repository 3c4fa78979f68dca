#!/usr/bin/env bash
# Prove the updater's semantics: a million answers against the simulator's ledger, with processes
# killed at random. The result goes into a page that is committed, if all of it is right.
# With arguments they go to tests.proof.oracle, and no page is written: `--answers 100000 --seed 3`.
set -euo pipefail
if [ $# -gt 0 ]; then exec python -m tests.proof.oracle "$@"; fi
exec python -m tests.proof.oracle --answers 1000000 --seed 20261 --kills 40 --page docs/proof/oracle.md
