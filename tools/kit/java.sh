#!/usr/bin/env bash
# What the Java client is made with: a JDK and Maven from Debian where there is none, and buf's two
# plugins for Java, at the versions of the libraries in its pom.xml and with the hashes below. Prints
# where the plugins are; the hashes are part of the path, so that nothing unchecked is met there.
set -euo pipefail
protobuf=4.33.0
grpc=1.76.0
machine=$(uname -m | sed 's/aarch64/aarch_64/')
case $machine in  # of what Maven fetched when these versions were pinned
  x86_64) hashes=(
    855eca120edab40ed611f2b3a5da25a654d22fa4c757de128c7e1dfb70c4d4e7
    01926d84912cb0073abd9b3104675416d30f2b1757376b526fa0dfbb94272218) ;;
  aarch_64) hashes=(
    b02120ef5565d2376bfd7d4e2b3cd46492ba64ba4f8f00dfc204edb9385e1322
    3a692ad56221ad4ba9a5e98a07ca91e6766c93b047d68653c4468c4cccae8a14) ;;
  *) echo "no hashes are known of protoc and its gRPC plugin for $machine" >&2; exit 1 ;;
esac
pinned="${hashes[0]}  protoc
${hashes[1]}  protoc-gen-grpc-java"
missing=()
[ -e /usr/bin/javac ] || missing+=(default-jdk-headless)
[ -e /usr/bin/mvn ] || missing+=(maven)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
cache=${CARDVAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardvault}
bin=$cache/java-plugins-$protobuf-$grpc-$(sha256sum <<<"$pinned" | cut -c1-12)
if [ ! -d "$bin" ]; then
  mkdir -p "$cache"
  exec 9>"$bin.lock"
  flock 9  # two runs at once: the second one waits and finds it done
fi
if [ ! -d "$bin" ]; then
  scratch=$(mktemp -d "$bin.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy
  for tool in "com.google.protobuf:protoc:$protobuf" "io.grpc:protoc-gen-grpc-java:$grpc"; do
    (cd "$scratch" && mvn -q -B -C "$copy" -Dartifact="$tool:exe:linux-$machine" \
      -DoutputDirectory="$scratch/bin" -Dmdep.stripVersion=true) >&2
  done
  for tool in protoc protoc-gen-grpc-java; do
    mv "$scratch/bin/$tool-linux-$machine.exe" "$scratch/bin/$tool"
  done
  (cd "$scratch/bin" && sha256sum --check --strict --quiet <<<"$pinned") >&2
  chmod 755 "$scratch"/bin/*
  mv "$scratch/bin" "$bin"
fi
echo "$bin"
