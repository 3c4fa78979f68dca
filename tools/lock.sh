#!/usr/bin/env bash
# Renew the lock files. The client is a sibling folder, not a download, so it is left out.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pip install --quiet --disable-pip-version-check --target "$scratch/uv" uv==0.13.8
grep -v '"cardvault==' pyproject.toml > "$scratch/pyproject.toml"
options=(-c requirements/pins.txt --generate-hashes --no-emit-index-url --no-header --no-annotate
  --python-version 3.11 --quiet)
"$scratch/uv/bin/uv" pip compile "$scratch/pyproject.toml" --extra dev --extra production \
  --extra envoy "${options[@]}" -o requirements/dev.txt
"$scratch/uv/bin/uv" pip compile "$scratch/pyproject.toml" --extra production --extra envoy \
  "${options[@]}" -o requirements/server.txt
# The Python client's example installs what a user of the distribution would.
"$scratch/uv/bin/uv" pip compile client/pyproject.toml "${options[@]}" \
  -o examples/clients/python/requirements.txt
# What builds the image, and what checks the charts.
for each in build kit; do
  "$scratch/uv/bin/uv" pip compile "requirements/$each.in" "${options[@]:2}" \
    -o "requirements/$each.txt"
done
# Patroni runs in the failover tests, on Debian's own Python: no pin of ours concerns it.
"$scratch/uv/bin/uv" pip compile requirements/patroni.in "${options[@]:2}" \
  -o requirements/patroni.txt
