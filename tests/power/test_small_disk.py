"""Only a mount that fails is an excuse for no small disk; what else ends a vault is a finding."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.power.small_disk import in_small_disk

SAYS_WHY: Final = "echo 'unshare failed: Operation not permitted' >&2; exit 1"
KILLED: Final = "echo mounted; kill -9 $$"
RAISED: Final = "echo mounted; echo 'StoreBroken: with what it held' >&2; exit 1"


@pytest.fixture
def unshare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of what is run in the place of `unshare`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "unshare"


@pytest.mark.parametrize(
    ("does", "unable", "found"),
    [
        (SAYS_WHY, "no tmpfs could be mounted: unshare failed: Operation not permitted", []),
        (KILLED, "", ["the vault ended with -9: "]),
        (RAISED, "", ["the vault ended with 1: StoreBroken"]),
    ],
    ids=["not mounted", "killed", "raised"],
)
def test_only_a_mount_that_fails_is_an_excuse(
    unshare: Path, tmp_path: Path, does: str, unable: str, found: list[str]
) -> None:
    unshare.write_text(f"#!/bin/sh\n{does}\n")
    unshare.chmod(0o700)
    came = in_small_disk("1", 1, tmp_path / "disk")
    assert came.unable == unable
    assert came.violations == found
