"""The process dies at any port call while files come in and are undone; the caller tries again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import answer, entry_of, new_card
from tests.doubles.decide_crashes import (
    Mutant,
    SplitOutbox,
    World,
    check_chains,
    check_events,
)
from tests.doubles.vault_ledger import TENANT, pan
from vault.domain.card import Card, CardKey
from vault.domain.intents import RevertUpdates
from vault.domain.outcome import Applied, Replayed
from vault.domain.results import RevertResult, TokenizeResult
from vault.usecases.ledger.delta import Delta

CARDS = ("r-1", "r-2")


class LateMarks(SplitOutbox):
    """A mutant: that something was undone is written in a transaction of its own."""

    async def write(self, delta: Delta) -> None:
        await self._inner.write(replace(delta, undone={}))
        self._deaths.reached("between two transactions")
        for key, (_was, told) in delta.undone.items():
            self._tables.imprints[key] = self._tables.imprints[key]._replace(undone=told)


class LateImprints(SplitOutbox):
    """A mutant: what an answer left is written in a transaction of its own."""

    async def write(self, delta: Delta) -> None:
        await self._inner.write(replace(delta, imprints={}))
        self._deaths.reached("between two transactions")
        self._tables.imprints.update(delta.imprints)


async def work(world: World) -> list[Card]:
    """Store cards, apply two files, undo the first, the second, and the first again."""
    tokens = []
    for at, request_id in enumerate(CARDS, 1):
        (stored,) = await world.insist([entry_of(new_card(at, customer="c-1"), request_id)])
        assert isinstance(stored, Applied | Replayed)
        assert isinstance(stored.value, TokenizeResult)
        tokens.append(stored.value.card.token)
    for at, token in enumerate(tokens, 1):
        said = answer(token, Outcome.PAN_UPDATED, number=at + 10, event=50, update_id="u-1")
        closed = answer(token, Outcome.CLOSED, asked=2, event=60, update_id="u-2", file="f-2")
        await world.insist([entry_of(said)])
        await world.insist([entry_of(closed)])
    for file in ("f-1", "f-2", "f-1"):
        outcomes = await world.insist(
            [entry_of(RevertUpdates(token, f"cyb/{file}")) for token in tokens]
        )
        for outcome in outcomes:
            assert isinstance(outcome, Applied), type(outcome).__name__
            assert isinstance(outcome.value, RevertResult)
    return [world.tables.cards[CardKey(TENANT, token)] for token in tokens]


async def one_life(at: int | None, *, after: bool, mutant: Mutant | None = None) -> int:
    """Do the work with one death at a port call, then all of it again; return the calls."""
    world = World(mutant)
    world.deaths.arm(at, after=after)
    try:
        await work(world)
        calls = world.deaths.calls
        cards = await work(world)
        await world.stop()
    finally:
        await world.kill()
    check(world, cards)
    return calls


def check(world: World, cards: list[Card]) -> None:
    """Check that each card is what it was, by one change that undid both files."""
    for at, card in enumerate(cards, 1):
        assert (card.status, card.last4) == ("ACTIVE", pan(at).last4)
        assert (card.revision, card.credential_version) == (4, 3)
        assert card.times == (0, 0, 0)
    undone = [
        each
        for each in world.records()
        if each["action"] == "card.revert_updates" and each.get("revision")
    ]
    assert sorted(each["token"] for each in undone) == sorted(card.token for card in cards)
    assert len(world.tables.imprints) == 4
    assert {row.undone for row in world.tables.imprints.values()} == {"REVERTED"}
    assert sorted(world.tables.existing.values()) == sorted(card.token for card in cards)
    check_events(world.tables)
    check_chains(world.tables)


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_at_any_port_call_leaves_every_card_undone_once(*, after: bool) -> None:
    calls = await one_life(None, after=False)
    assert calls > 50
    for at in range(calls):
        await one_life(at, after=after)


@pytest.mark.parametrize("mutant", [LateMarks, LateImprints])
async def test_the_simulation_finds_a_second_transaction(mutant: Mutant) -> None:
    calls = await one_life(None, after=False, mutant=mutant)
    found = 0
    for at in range(calls):
        try:
            await one_life(at, after=False, mutant=mutant)
        except AssertionError:
            found += 1
    assert found > 0
