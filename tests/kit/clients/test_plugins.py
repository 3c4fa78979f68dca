"""tools/kit/java.sh runs no plugin but those whose hashes it states."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.charts.rendering import ROOT, installed

# Puts a file of $TOOLS where the real one puts what it has downloaded.
_MAVEN = """#!/usr/bin/env bash
set -euo pipefail
for word; do
  case $word in
    -Dartifact=*) IFS=: read -r _ tool _ _ platform <<<"$word" ;;
    -DoutputDirectory=*) to=${word#*=} ;;
  esac
done
mkdir -p "$to"
cp "$TOOLS/$tool" "$to/$tool-$platform.exe"
"""


@pytest.fixture(scope="module")
def genuine() -> Path:
    """Return where the real plugins are."""
    return installed("java.sh")


def fetched(tools: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with an empty cache and a Maven that downloads what is in `tools`."""
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(_MAVEN)
    maven.chmod(0o755)
    return subprocess.run(
        ["bash", "tools/kit/java.sh"],
        cwd=ROOT,
        env={
            "PATH": f"{maven.parent}:/usr/bin:/bin",
            "CARDVAULT_CACHE": str(tmp_path / "cache"),
            "TOOLS": str(tools),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_has_the_stated_hashes_is_taken(genuine: Path, tmp_path: Path) -> None:
    done = fetched(genuine, tmp_path)
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.strip())
    assert made.parent == tmp_path / "cache"
    assert {each.name for each in made.iterdir()} == {"protoc", "protoc-gen-grpc-java"}
    assert all(each.stat().st_mode & 0o111 for each in made.iterdir())


@pytest.mark.parametrize("changed", ["protoc", "protoc-gen-grpc-java"])
def test_one_changed_byte_is_refused(genuine: Path, tmp_path: Path, changed: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in genuine.iterdir():
        end = b"\n" if tool.name == changed else b""
        (tools / tool.name).write_bytes(tool.read_bytes() + end)
    done = fetched(tools, tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert f"{changed}: FAILED" in done.stderr
    assert [each for each in (tmp_path / "cache").iterdir() if each.is_dir()] == []
