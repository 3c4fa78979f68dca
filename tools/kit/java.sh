#!/usr/bin/env bash
# What the Java client is made with: a JDK and Maven from Debian where there is none, and buf's two
# plugins for Java, at the versions of the libraries in its pom.xml. Prints where the plugins are.
set -euo pipefail
protobuf=4.33.0
grpc=1.76.0
missing=()
[ -e /usr/bin/javac ] || missing+=(default-jdk-headless)
[ -e /usr/bin/mvn ] || missing+=(maven)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
cache=${CARDVAULT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardvault}
bin=$cache/java-plugins-$protobuf-$grpc
if [ ! -d "$bin" ]; then
  mkdir -p "$cache"
  exec 9>"$bin.lock"
  flock 9  # two runs at once: the second one waits and finds it done
fi
if [ ! -d "$bin" ]; then
  scratch=$(mktemp -d "$bin.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  machine=$(uname -m | sed 's/aarch64/aarch_64/')
  copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy
  for tool in "com.google.protobuf:protoc:$protobuf" "io.grpc:protoc-gen-grpc-java:$grpc"; do
    (cd "$scratch" && mvn -q -B -C "$copy" -Dartifact="$tool:exe:linux-$machine" \
      -DoutputDirectory="$scratch/bin" -Dmdep.stripVersion=true) >&2
  done
  for tool in protoc protoc-gen-grpc-java; do
    mv "$scratch/bin/$tool-linux-$machine.exe" "$scratch/bin/$tool"
    chmod 755 "$scratch/bin/$tool"
  done
  mv "$scratch/bin" "$bin"
fi
echo "$bin"
