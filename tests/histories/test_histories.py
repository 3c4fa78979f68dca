"""Histories of concurrent clients have an order; those of vaults that break a promise have none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.histories import explain
from tests.histories.grounds import GROUNDS, Ground, play
from tests.histories.planting import planted
from tests.histories.plants import Plant
from tests.histories.plants_answers import PLANTS
from tests.histories.search import Verdict

SEED: Final = "20261122"
OPERATIONS: Final = {
    "memory, one vault": 3_300,
    "memory, two vaults": 3_200,
    "memory, two vaults and a cache": 2_700,
    "SQLite, one vault": 800,
}


@pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.name)
async def test_there_is_an_order_of_all_calls(
    ground: Ground, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    played = await play(ground, f"{SEED}/{ground.name}", OPERATIONS[ground.name], tmp_path)
    record_property("said", f"{ground.name}, seed {SEED}: {played.operations} operations")
    assert not played.found, f"seed {SEED}: {played.found[0]}"
    assert played.operations >= OPERATIONS[ground.name]
    for name in ("refused", "in doubt", "gone"):
        assert played.met[name] > 0, name


async def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    first, again = [await play(GROUNDS[1], SEED, 600, tmp_path) for _ in range(2)]
    assert first == again
    assert first.met["processes killed"] + first.met["commits in doubt"] > 0


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.fault)
def test_a_planted_fault_is_caught_and_named(plant: type[Plant]) -> None:
    caught = asyncio.run(planted(plant, SEED))
    assert caught.struck, f"seed {SEED}: it had no occasion"
    assert caught.by(plant), f"seed {SEED}: {caught.found or 'not seen'}"


def test_a_history_without_an_order_never_passes_for_want_of_an_explanation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explain, "judge", lambda _ops: Verdict(linearizable=False, steps=1))
    with pytest.raises(AssertionError, match="no order"):
        explain.check("a card", [])
