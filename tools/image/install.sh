#!/usr/bin/env bash
# Install Cardvault into the virtual environment $2, in the two steps that the Dockerfile runs, so
# that a change of our code alone does not fetch the libraries again:
#   install.sh libraries PREFIX    make PREFIX; what the services need, hash-locked, wheels only
#   install.sh services PREFIX     our own packages, built from the sources beside this script
# PREFIX gets no pip and no build tool. Its location is final: scripts name their interpreter.
# Wants python3.11 on the PATH (or $PYTHON), with venv. Fetches from pip's own index only.
set -euo pipefail
step=$1
prefix=$2
python=${PYTHON:-python3.11}
cd "$(dirname "$0")/../.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$python" -m venv "$scratch/tools"
pip=("$scratch/tools/bin/python" -m pip)
locked=(install --quiet --no-compile --no-deps --require-hashes --only-binary :all:)

case $step in
  libraries)
    "$python" -m venv --without-pip "$prefix"
    "${pip[@]}" --python "$prefix/bin/python" "${locked[@]}" -r requirements/server.txt
    ;;
  services)
    "${pip[@]}" "${locked[@]}" -r requirements/build.txt
    # Built from copies: a build leaves its traces beside the sources.
    cp -r . "$scratch/sources"
    "${pip[@]}" wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir "$scratch/wheels" \
      "$scratch/sources/client" "$scratch/sources"
    "${pip[@]}" --python "$prefix/bin/python" install --quiet --no-compile --no-deps --no-index "$scratch"/wheels/*.whl
    "${pip[@]}" --python "$prefix/bin/python" check >/dev/null
    ;;
  *)
    echo "install.sh: libraries or services, not $step" >&2
    exit 2
    ;;
esac
# The file system is read-only at run time, so nothing could be compiled then. Hashes instead of
# times: the same sources make the same files.
"$prefix/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$prefix/lib"
