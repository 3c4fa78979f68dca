"""Two processes that change different cards, and each chose by the other's: one starts again.

The other one's flush is whole between this one's read and its write. Each pair is played both ways.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ledger import add, entry, renumber, running, tokenize
from tests.doubles.vault_stores import Interleaved
from vault.adapters.engine import Engine
from vault.domain.card import Card, Hold, HoldType
from vault.domain.intents import DeleteCard, Entry, PurgeVersion, SetStatus, UndeleteCard
from vault.domain.outcome import Applied, Refused
from vault.domain.reasons import Reason
from vault.domain.results import TokenizeResult
from vault.usecases.decide.context import Rules

DAY_US = 86_400_000_000
# Of the three cards of one customer and number, oldest first: what a process does.
Deed = Callable[[list[Card]], Entry]


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


def delete(at: int) -> Deed:
    return lambda cards: entry(DeleteCard(cards[at].token, 0, DAY_US), request_id=f"delete-{at}")


def undelete(at: int) -> Deed:
    return lambda cards: entry(UndeleteCard(cards[at].token, 0), request_id=f"undelete-{at}")


def move(at: int) -> Deed:
    return lambda cards: renumber(cards[at].token, 9)


def another(_cards: list[Card]) -> Entry:
    return add(1, customer="anna", on_existing="NEW", request_id="another")


# How many cards there are, which of them are deleted before, what both do, and which is found then
# (behind the last: the one made by then; None: none is left, and Tokenize makes one).
PAIRS: dict[str, tuple[int, tuple[int, ...], Deed, Deed, int | None]] = {
    "the heir goes, too": (3, (), delete(0), delete(1), 2),
    "the heir gets another number": (3, (), delete(0), move(1), 2),
    "both of two go": (2, (), delete(0), delete(1), None),
    "one comes as the only one goes": (1, (), delete(0), another, 1),
    "one comes as the only one gets another number": (1, (), move(0), another, 1),
    "one comes back as the only one goes": (2, (1,), delete(0), undelete(1), 1),
    "one comes back as a younger one takes its place": (3, (1,), delete(0), undelete(1), 1),
    "the oldest comes back as the next one goes": (3, (0,), undelete(0), delete(1), 0),
}


@pytest.mark.parametrize("swapped", [False, True], ids=["in order", "swapped"])
@pytest.mark.parametrize("pair", PAIRS)
async def test_tokenize_finds_the_oldest_live_card_whoever_is_first(
    engine: Engine, pair: str, swapped: bool
) -> None:
    count, gone, one, two, left = PAIRS[pair]
    clock = FakeClock()
    async with running(engine, chain="chn_other", clock=clock) as other:
        cards: list[Card] = []
        for _at in range(count):
            cards += await tokenize(other, add(1, customer="anna", on_existing="NEW"))
            clock.advance(1)
        await tokenize(other, *[delete(at)(cards) for at in gone])
        clock.advance(1)
        ours, theirs = (two, one) if swapped else (one, two)
        store = Interleaved(engine.store, lambda: tokenize(other, theirs(cards)))
        async with running(engine, store=store, clock=clock) as ledger:
            await tokenize(ledger, ours(cards))
            assert (ledger.counts.conflicts, store.reads) == (1, 2)
        (outcome,) = await other.apply([add(1, customer="anna")])
    assert isinstance(outcome, Applied)
    assert isinstance(outcome.value, TokenizeResult)
    assert outcome.value.created is (left is None)
    known = [card.token for card in cards]
    found = outcome.value.card.token
    assert found == known[left] if left is not None and left < count else found not in known


LEGAL = frozenset({Hold(HoldType.LEGAL_HOLD)})


async def test_a_legal_hold_placed_meanwhile_stops_a_purge(engine: Engine) -> None:
    clock = FakeClock()
    async with running(engine, chain="chn_other", clock=clock) as other:
        (card,) = await tokenize(other, add(1))
        await tokenize(other, renumber(card.token, 2))
        clock.advance(timedelta(microseconds=Rules().superseded_retention_us))
        hold = entry(SetStatus(card.token, 0, None, place=LEGAL), request_id="hold")
        store = Interleaved(engine.store, lambda: tokenize(other, hold))
        async with running(engine, store=store, clock=clock) as ledger:
            (purged,) = await ledger.apply([entry(PurgeVersion(card.token, 1))])
            assert ledger.counts.conflicts == 1
    assert purged == Refused(Reason.CARD_HELD, "token")
    assert [old.credential_version for old in await engine.reader.versions(card.key, 9, 9)] == [1]


async def test_a_purge_of_a_card_that_stays_as_it_is_does_not_start_again(engine: Engine) -> None:
    clock = FakeClock()
    async with running(engine, clock=clock) as ledger:
        (card,) = await tokenize(ledger, add(1))
        await tokenize(ledger, renumber(card.token, 2))
        clock.advance(timedelta(microseconds=Rules().superseded_retention_us))
        await ledger.apply([entry(PurgeVersion(card.token, 1))])
        assert ledger.counts.conflicts == 0
    assert await engine.reader.versions(card.key, 9, 9) == []
