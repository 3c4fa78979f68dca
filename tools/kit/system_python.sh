#!/usr/bin/env bash
# Have Debian's own Python able to make virtual environments; print where it is. The image's steps
# are tried with it (tests/kit/image): root's own Python can be run by nobody else.
set -euo pipefail
if [ ! -e /usr/lib/python3.11/ensurepip/__init__.py ] ||
  ! ls /usr/lib/*/libpython3.11.so.1.0 > /dev/null 2>&1; then
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    python3-venv libpython3.11 >&2
fi
echo /usr/bin/python3.11
