"""Die before or after port calls of a whole cycle over PostgreSQL, start again: no difference.

`--updater-kills` says how many deaths there are, evenly spread over all calls.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.updater_crashes import ending, run, world_at
from tests.parts.servers.updater_databases import UpdaterDatabases
from tests.parts.updater_postgres.opening import opening
from updater.adapters.postgres.address import Address


async def test_a_crash_anywhere_changes_nothing_in_the_end(
    tmp_path: Path, databases: UpdaterDatabases, kills: int
) -> None:
    calm = world_at(tmp_path / "calm", opens=opening(Address(await databases.migrated())))
    calls = await run(calm)
    expected = await ending(calm)
    assert calls >= 40
    assert expected[0] == calm.vault.contents()
    for turn in range(kills):
        at, after = turn * calls // kills, bool(turn % 2)
        dsn = await databases.migrated()
        world = world_at(tmp_path / f"{turn}", opens=opening(Address(dsn)))
        world.faults.arm(at, after=after)
        await run(world)
        assert await ending(world) == expected, f"died {'after' if after else 'before'} {at}"


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Return how often to die."""
    return int(request.config.getoption("--updater-kills"))
