#!/usr/bin/env bash
# Test what the product looks like from outside: install what the tests need, then pytest on
# tests/kit; arguments go to pytest instead.
#
# Every script in tools/kit/ is run. It is safe to repeat, quick when there is nothing to do, keeps
# what it fetches outside the checkout (in $CARDVAULT_CACHE, or its tool's own cache), and prints
# where that is, for tests that ask.
set -euo pipefail
for script in tools/kit/*.sh; do
  echo "test-kit: $script"
  bash "$script" >/dev/null
done
if [ $# -gt 0 ]; then exec python -m pytest -p no:cacheprovider "$@"; fi
exec python -m pytest -q -p no:cacheprovider tests/kit
