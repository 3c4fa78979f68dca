#!/usr/bin/env bash
# Build a PgBouncer that keeps prepared statements apart (1.21 up), from the sources of the Debian
# release after ours, which apt fetches and whose signature it checks; print where it is. Debian 12
# itself has 1.18, which the tests use as well.
set -euo pipefail
cache=/var/cache/cardvault
built=$cache/pgbouncer-prepared
if [ ! -x "$built/bin/pgbouncer" ]; then
  mkdir -p "$cache"
  exec 9>"$built.lock"
  flock 9
fi
if [ ! -x "$built/bin/pgbouncer" ]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  chmod 755 "$scratch"
  mkdir -p "$scratch"/lists/partial
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "http://deb.debian.org/debian trixie main" > "$scratch/sources.list"
  options=(-qq -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::State::lists="$scratch/lists" -o APT::Sandbox::User=root)
  cd "$scratch"
  apt-get "${options[@]}" update
  apt-get "${options[@]}" source --download-only pgbouncer >/dev/null
  mkdir build
  tar -xf pgbouncer_*.orig.tar.* -C build --strip-components=1
  cd build
  { ./configure --prefix="$built" --without-cares --without-systemd --disable-evdns &&
    make -j2 && make install; } > "$scratch/log" 2>&1 || { tail -30 "$scratch/log" >&2; exit 1; }
  chmod -R a+rX "$built"
fi
echo "$built"
