"""Lives that nobody saw: a start that dies before it is ready is counted, and timed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.kills.lives import Lives
from tests.e2e.processes import Process, ProcessFailed, Site
from tools.running.site import free_addresses

DIES: Final = "sleep 0.2; kill -9 $$"


def site(directory: Path) -> Site:
    """Return an installation of which only the addresses are used."""
    return Site(directory, directory, free_addresses())


def dying(directory: Path, how: str) -> Lives:
    def killable(_site: Site, _die: Mapping[str, int]) -> Process:
        command = ("/bin/sh", "-c", how)
        return Process("vault", command, env={}, cwd=directory, log=directory / "log")

    return Lives(killable=killable)


async def test_a_start_that_died_before_it_was_ready_is_counted_until_its_death(
    tmp_path: Path,
) -> None:
    lives = dying(tmp_path, DIES)
    await lives.live_through(site(tmp_path), [("after_commit", 1), ("after_commit", 2)])
    assert lives.kills.total() == 2
    assert not lives.restarts
    assert len(lives.unseen) == 2
    assert min(lives.unseen) >= 0.2
    lives.restarts.append(0.1)
    assert lives.starts == sorted([0.1, *lives.unseen])
    assert "2 of 3 dead before they were seen ready" in str(lives)


async def test_a_start_that_ends_in_any_other_way_is_a_failure(tmp_path: Path) -> None:
    lives = dying(tmp_path, "exit 3")
    with pytest.raises(ProcessFailed, match="ended with 3"):
        await lives.live_through(site(tmp_path), [("after_commit", 1)])
    assert not lives.kills
