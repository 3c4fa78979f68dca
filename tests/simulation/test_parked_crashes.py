"""The process dies before or after any port call while answers are parked and released.

Between the flush that makes a number current and the one that decides what waited for it, too: then
it is the sweeper that comes to it. Whatever died, each answer has one effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cards.outcomes import Outcome as UpdateOutcome
from tests.doubles.decide_bench import answer, by_number, entry_of, new_card
from tests.doubles.decide_crashes import (
    Mutant,
    SplitOutbox,
    World,
    check_chains,
    check_events,
)
from tests.doubles.updater_faults import Crash
from tests.doubles.vault_ledger import pan
from vault.domain.card import Card, CardKey
from vault.domain.intents import Entry
from vault.domain.outcome import Applied, Outcome
from vault.domain.parked import LOOK_AGAIN_US
from vault.usecases.ledger.delta import Delta
from vault.usecases.sweeper import Sweeper, SweepLimits

RENEWED = UpdateOutcome.PAN_UPDATED
LAST = 5


class Beneath:
    """The ledger that a sweeper sees: whichever process is there, and the one that follows it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        return await self._world.insist(entries)

    async def read(self, keys: Sequence[CardKey]) -> dict[CardKey, Card]:
        return dict(await self._world.engine.reader.cards(keys))


async def sweep(world: World) -> Sweeper:
    """Let the sweeper's time come, and sweep."""
    world.clock.advance(LOOK_AGAIN_US / 1e6)
    sweeper = Sweeper(
        Beneath(world), world.engine.housekeeping, world.clock.now_us, SweepLimits(pause_s=0)
    )
    await sweeper.sweep()
    return sweeper


async def work(world: World) -> list[str]:
    """Park three links, then make the first one's number current; return the dispositions."""
    told = []
    (outcome,) = await world.insist([entry_of(new_card(1, customer="c-1"), "r-1")])
    token = outcome.value.card.token  # type: ignore[union-attr]
    for at in (3, 4, 2):
        intent = by_number(at, RENEWED, number=at + 1, update_id=f"u-{at}", event=at)
        (outcome,) = await world.insist([entry_of(intent)])
        assert isinstance(outcome, Applied), type(outcome).__name__
        told.append(outcome.value.disposition.value)
    first = answer(token, RENEWED, number=2, update_id="u-1", event=1)
    (outcome,) = await world.insist([entry_of(first)])
    assert isinstance(outcome, Applied), type(outcome).__name__
    told.append(outcome.value.disposition.value)
    await settle(world)
    return told


async def settle(world: World) -> None:
    """Let the process come to its end by itself: what it put in its own line is flushed."""
    try:
        await world.stop()
    except* Crash:
        world.deaths.struck = False
    await world.kill()


async def one_life(at: int | None, *, after: bool, mutant: Mutant | None = None) -> World:
    """Do the work with one death at a port call, sweep, do it all again, and check everything."""
    world = World(mutant)
    world.deaths.arm(at, after=after)
    try:
        await work(world)
        assert at is None or world.deaths.calls > at
        calls = world.deaths.calls
        await sweep(world)
        await settle(world)
        for _ in range(3):  # a link a turn, where the process died in between
            await sweep(world)
            await settle(world)
        again = await work(world)
        assert again == ["DUPLICATE"] * 4
    finally:
        await world.kill()
    check(world)
    world.deaths.calls = calls
    return world


def check(world: World) -> None:
    """Check that the chain is whole, and that every answer was applied once."""
    tables = world.tables
    (card,) = tables.cards.values()
    assert (card.last4, card.credential_version) == (pan(LAST).last4, LAST)
    numbers = [old.last4 for _key, old in sorted(tables.versions.items())]
    assert numbers == [pan(at).last4 for at in range(1, LAST)]
    assert tables.parked == {}
    assert len(tables.applied) == 4
    applied = [each for each in world.records() if each["result"] == "applied"]
    assert len(applied) == 4
    check_events(tables)
    check_chains(tables)


async def calls_of(mutant: Mutant | None = None) -> int:
    return (await one_life(None, after=False, mutant=mutant)).deaths.calls


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_at_any_port_call_leaves_one_effect_an_answer(*, after: bool) -> None:
    calls = await calls_of()
    assert calls > 45
    for at in range(calls):
        await one_life(at, after=after)


class DropsFirst(SplitOutbox):
    """A mutant: a parked answer is gone before what it says is applied."""

    async def write(self, delta: Delta) -> None:
        gone = [key for key, change in delta.parked.items() if change.row is None]
        for key in gone:
            self._tables.parked.pop(key, None)
        if gone:
            self._deaths.reached("between two transactions")
        kept = {key: change for key, change in delta.parked.items() if key not in gone}
        await self._inner.write(replace(delta, parked=kept))


class Unmarked(SplitOutbox):
    """A mutant: that a number is current is told to the next flush, and not written down."""

    async def write(self, delta: Delta) -> None:
        kept = {
            key: change
            for key, change in delta.parked.items()
            if change.base is None or change.row is None or not change.row.look_time
        }
        await self._inner.write(replace(delta, parked=kept))


async def found_by(mutant: Mutant) -> int:
    found = 0
    calls = await calls_of(mutant)  # without a death the mutant passes
    for at in range(calls):
        try:
            await one_life(at, after=False, mutant=mutant)
        except (AssertionError, ValueError):
            found += 1
    return found


async def test_the_simulation_finds_a_second_transaction() -> None:
    assert await found_by(DropsFirst) > 0


async def test_the_simulation_finds_that_nothing_was_written_down_for_the_sweeper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the second look that each parked answer gets, the mark is all that there is."""
    monkeypatch.setattr("vault.usecases.decide.parked.LOOK_AGAIN_US", -(1 << 60))
    assert await calls_of() > 45
    assert await found_by(Unmarked) > 0
