#!/usr/bin/env bash
# The proof: every fault at its full volume. Each part that was run whole leaves docs/proof/PART.json,
# and RELIABILITY.md is made of them. ARGS name parts; with `--volume N` less is done, nothing kept.
set -euo pipefail
bash tools/servers.sh proof
status=0
python -m tests.proof "$@" || status=$?
python tools/reliability_page.py
exit "$status"
