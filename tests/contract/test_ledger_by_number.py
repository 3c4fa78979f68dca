"""Answers by number through a ledger, over every store: reads, releases, races and bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from cards.outcomes import Outcome as UpdateOutcome
from tests.contract.ledger_engines import ENGINES
from tests.doubles.clocks import FakeClock
from tests.doubles.decide_bench import answer, by_number, edit, entry_of, new_card, told_in
from tests.doubles.vault_ledger import card_of, pan, running
from tests.doubles.vault_stores import Interleaved
from vault.adapters.engine import Engine
from vault.domain.card import CardKey
from vault.domain.intents import Intent, Note
from vault.domain.outcome import Outcome
from vault.domain.parked import LOOK_AGAIN_US
from vault.usecases.ledger import reading
from vault.usecases.ledger.ledger import GroupCommitLedger, Limits
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import Store
from vault.usecases.sweeper import Sweeper, SweepLimits

RENEWED, CLOSED = UpdateOutcome.PAN_UPDATED, UpdateOutcome.CLOSED


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


class Counted:
    """Counts reads, and keeps what each of them asked for."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.wants: list[Want] = []

    async def read(self, chain: str, want: Want) -> State:
        self.wants.append(want)
        return await self._inner.read(chain, want)

    async def write(self, delta: object) -> None:
        await self._inner.write(delta)  # type: ignore[arg-type]


async def flushed(ledger: GroupCommitLedger) -> None:
    """Wait until what the last flush put in line has been flushed."""
    await ledger.apply([entry_of(Note("test", "ok"))])


async def last4(engine: Engine, token: str) -> str:
    (card,) = (await engine.reader.cards([CardKey("demo", token)])).values()
    return card.last4


async def one_card(ledger: GroupCommitLedger, number: int = 1) -> str:
    (outcome,) = await ledger.apply([entry_of(new_card(number, customer="c-1"), "r-1")])
    return card_of(outcome).token


async def test_what_waited_is_decided_in_the_flush_behind(engine: Engine) -> None:
    async with running(engine) as ledger:
        token = await one_card(ledger)
        for at in (4, 2, 3):
            (outcome,) = await ledger.apply([entry_of(by_number(at, RENEWED, number=at + 1))])
            assert told_in(outcome).disposition == "PARKED"
        await ledger.apply([entry_of(answer(token, RENEWED, number=2))])
        for _ in range(3):
            await flushed(ledger)
        assert await last4(engine, token) == pan(5).last4
    assert await engine.housekeeping.parked_due(1 << 60, 10) == []


async def test_a_closing_ledger_decides_what_its_last_flush_released(engine: Engine) -> None:
    async with running(engine) as ledger:
        token = await one_card(ledger)
        await ledger.apply([entry_of(by_number(2, RENEWED, number=3))])
        await ledger.apply([entry_of(answer(token, RENEWED, number=2))])
    assert await last4(engine, token) == pan(3).last4


async def test_chains_rows_twins_and_repetitions_in_one_flush(engine: Engine) -> None:
    async with running(engine) as ledger:
        first = await one_card(ledger)
        (outcome,) = await ledger.apply([entry_of(new_card(1, customer="c-2"), "r-2")])
        second = card_of(outcome).token
        rows = [by_number(at, RENEWED, number=at + 1, file_time=5) for at in (1, 2, 3, 2)]
        told = [told_in(each) for each in await ledger.apply([entry_of(row) for row in rows])]
        assert [each.disposition for each in told] == ["APPLIED"] * 3 + ["NO_CHANGE"]
        assert all(set(each.cards) == {first, second} for each in told)
        again = await ledger.apply([entry_of(row) for row in rows])
        assert [told_in(each).disposition for each in again] == ["DUPLICATE"] * 4
        (found,) = await ledger.apply([entry_of(new_card(4, customer="c-1"), "r-3")])
        assert card_of(found).token == first


async def test_only_what_a_number_names_is_read_a_second_time(engine: Engine) -> None:
    counted = Counted(engine.store)
    async with running(engine, store=counted) as ledger:
        token = await one_card(ledger)
        cases: list[tuple[Intent, int, int]] = [
            (answer(token, RENEWED, number=2), 1, 1),  # its number's parked answers, at once
            (answer(token, CLOSED, asked=2), 1, 0),
            (edit(token, number=3), 1, 0),
            (new_card(5), 1, 0),
            (by_number(7, CLOSED), 1, 0),  # nobody has it
            (by_number(3, CLOSED), 2, 0),
        ]
        for asked, (intent, reads, parked) in enumerate(cases):
            counted.wants.clear()
            await ledger.apply([entry_of(intent)])
            assert len(counted.wants) == reads, asked
            assert len(counted.wants[0].parked) == parked, asked


async def test_a_number_that_another_process_gives_a_card_meanwhile_is_looked_for_again(
    engine: Engine,
) -> None:
    """Both flushes read before either wrote: neither can know. The second look finds it."""
    clock = FakeClock()
    async with running(engine, chain="chn_other", clock=clock) as other:
        token = await one_card(other)

        async def meanwhile() -> None:
            await other.apply([entry_of(answer(token, RENEWED, number=2))])

        slow = Interleaved(engine.store, meanwhile)
        async with running(engine, store=slow, clock=clock) as ledger:
            (outcome,) = await ledger.apply([entry_of(by_number(2, RENEWED, number=3))])
            assert told_in(outcome).disposition == "PARKED"
            assert await last4(engine, token) == pan(2).last4
            sweeper = Sweeper(ledger, engine.housekeeping, clock.now_us, SweepLimits(pause_s=0))
            await sweeper.sweep()
            assert await last4(engine, token) == pan(2).last4  # not yet
            clock.advance(LOOK_AGAIN_US / 1e6)
            await sweeper.sweep()
            assert await last4(engine, token) == pan(3).last4
            assert sweeper.counts.looked_at_parked == 1
            await sweeper.sweep()
            assert sweeper.counts.looked_at_parked == 1


async def test_a_card_that_gets_the_number_while_it_is_looked_up_is_found(engine: Engine) -> None:
    """Between the first read and the second: the flush reads until nothing names more."""
    async with running(engine, chain="chn_other") as other:
        token = await one_card(other)
        twin = card_of((await other.apply([entry_of(new_card(9), "r-2")]))[0]).token

        async def meanwhile() -> None:
            await other.apply([entry_of(edit(twin, number=1))])

        slow = Interleaved(engine.store, meanwhile)
        async with running(engine, store=slow) as ledger:
            (outcome,) = await ledger.apply([entry_of(by_number(1, RENEWED, number=2))])
            assert told_in(outcome).cards == {token: "APPLIED", twin: "APPLIED"}
            assert slow.reads == 3


async def test_answers_about_more_cards_than_a_flush_takes_are_flushed_in_parts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_WIDTH", 4)
    async with running(engine) as ledger:
        tokens = [
            card_of((await ledger.apply([entry_of(new_card(1), f"r-{at}")]))[0]).token
            for at in range(3)
        ]
        before = ledger.counts.isolated
        rows = [by_number(at, RENEWED, number=at + 1, file_time=5) for at in (1, 2, 3, 4)]
        told = [told_in(each) for each in await ledger.apply([entry_of(row) for row in rows])]
        assert [each.cards for each in told] == [dict.fromkeys(sorted(tokens), "APPLIED")] * 4
        assert {await last4(engine, token) for token in tokens} == {pan(5).last4}
        assert ledger.counts.isolated == before


async def test_a_line_without_room_leaves_it_to_the_sweeper(engine: Engine) -> None:
    clock = FakeClock()
    async with running(engine, chain="chn_first") as first:
        token = await one_card(first)
        await first.apply([entry_of(by_number(2, RENEWED, number=3))])
    waiting: list[asyncio.Future[Sequence[Outcome]]] = []

    async def meanwhile() -> None:
        note = entry_of(Note("test", "ok"))
        waiting.append(asyncio.ensure_future(ledger.apply([note])))
        await asyncio.sleep(0)

    slow = Interleaved(engine.store, meanwhile)
    limits = Limits(queue_bytes=600)  # one entry
    async with running(engine, store=slow, clock=clock, limits=limits) as ledger:
        await ledger.apply([entry_of(answer(token, RENEWED, number=2))])
        await waiting[0]
        await flushed(ledger)
        assert await last4(engine, token) == pan(2).last4
        sweeper = Sweeper(ledger, engine.housekeeping, clock.now_us, SweepLimits(pause_s=0))
        await sweeper.sweep()
        assert await last4(engine, token) == pan(3).last4
