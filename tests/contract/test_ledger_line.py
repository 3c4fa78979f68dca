"""The ledger's line and its ends: who waits, who gives up, and what callers hear when it fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.doubles.outbox_reading import waiting
from tests.doubles.vault_ledger import (
    ColdKeyring,
    add,
    kinds,
    records,
    rename,
    reveal,
    running,
    tokenize,
)
from tests.doubles.vault_stores import Failing, Gated, Interleaved, Unanswered
from vault.adapters.engine import Engine
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import InDoubt, NotApplied, Outcome
from vault.domain.reasons import Reason
from vault.usecases.ledger.ledger import MAX_ATTEMPTS, Limits
from vault.usecases.ports import StoreBroken, StoreFull, StoreUnavailable


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def answered(call: Coroutine[None, None, Sequence[Outcome]]) -> Sequence[Outcome]:
    """Wait for a call although the ledger's end cancels whoever runs beside it."""
    task = asyncio.create_task(call)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=5)
    return task.result()


async def test_a_flush_gives_up_after_five_conflicts(engine: Engine) -> None:
    async with running(engine, chain="chn_other") as other:
        (card,) = await tokenize(other, add(1))
        store = Interleaved(
            engine.store, lambda: tokenize(other, rename(card.token, "X")), times=1_000
        )
        async with running(engine, store=store) as ledger:
            (outcome,) = await ledger.apply([rename(card.token, "Y")])
            assert outcome == NotApplied(Reason.CONTENTION)
            assert store.reads == ledger.counts.conflicts == MAX_ATTEMPTS
    (now,) = (await engine.reader.cards([card.key])).values()
    assert now.revision == 1 + MAX_ATTEMPTS


async def test_a_full_line_refuses_whole_calls_and_takes_more_once_it_is_empty(
    engine: Engine,
) -> None:
    store = Gated(engine.store)
    async with running(engine, store=store, limits=Limits(queue_entries=3)) as ledger:
        held = asyncio.create_task(ledger.apply([add(0)]))
        await store.writing.wait()
        waiting = asyncio.create_task(ledger.apply([add(1), add(2)]))
        await asyncio.sleep(0)
        assert await ledger.apply([add(3), add(4)]) == [NotApplied(Reason.OVERLOADED)] * 2
        assert ledger.counts.refused_full == 2
        store.gate.set()
        assert kinds([*await held, *await waiting]) == ["Applied"] * 3
        assert kinds(await ledger.apply([add(5), add(6)])) == ["Applied"] * 2


async def test_the_line_is_bounded_in_bytes_too(engine: Engine) -> None:
    store = Gated(engine.store)
    async with running(engine, store=store, limits=Limits(queue_bytes=1_000)) as ledger:
        held = asyncio.create_task(ledger.apply([add(0)]))
        await store.writing.wait()
        waiting = asyncio.create_task(ledger.apply([add(1)]))
        await asyncio.sleep(0)
        assert await ledger.apply([add(2)]) == [NotApplied(Reason.OVERLOADED)]
        store.gate.set()
        assert kinds([*await held, *await waiting]) == ["Applied"] * 2


async def test_a_caller_that_gives_up_before_its_entry_is_picked_is_dropped(
    engine: Engine,
) -> None:
    store = Gated(engine.store)
    async with running(engine, store=store) as ledger:
        held = asyncio.create_task(ledger.apply([add(0)]))
        await store.writing.wait()
        cancelled = asyncio.create_task(ledger.apply([add(1, request_id="cancelled")]))
        late = add(2)
        late.still_wanted = lambda: False
        past_deadline = asyncio.create_task(ledger.apply([late, add(3)]))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        store.gate.set()
        assert kinds(await held) == ["Applied"]
        dropped, applied = await past_deadline
        assert dropped == NotApplied(Reason.DEADLINE_EXCEEDED)
        assert kinds([applied]) == ["Applied"]
        assert kinds(await ledger.apply([add(1, request_id="cancelled")])) == ["Applied"]
    assert len(await records(engine)) == 3


async def test_a_caller_that_gives_up_after_its_entry_is_picked_is_committed_anyway(
    engine: Engine,
) -> None:
    store = Gated(engine.store)
    async with running(engine, store=store) as ledger:
        call = asyncio.create_task(ledger.apply([add(1, request_id="r")]))
        await store.writing.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        store.gate.set()
        assert kinds(await ledger.apply([add(1, request_id="r")])) == ["Replayed"]
    assert len(await records(engine)) == 1


async def test_one_tenants_flood_does_not_delay_another_tenant(engine: Engine) -> None:
    store = Gated(engine.store)
    limits = Limits(flush_entries=4)
    async with running(engine, store=store, limits=limits) as ledger:
        held = asyncio.create_task(ledger.apply([add(0)]))
        await store.writing.wait()
        flood = asyncio.create_task(ledger.apply([add(n, tenant="loud") for n in range(1, 21)]))
        await asyncio.sleep(0)
        quiet = asyncio.create_task(ledger.apply([add(99, tenant="quiet")]))
        await asyncio.sleep(0)
        store.gate.set()
        await asyncio.gather(held, flood, quiet)
    assert store.flushes[1] == ["loud", "quiet", "loud", "loud"]
    assert [len(flush) for flush in store.flushes] == [1, 4, 4, 4, 4, 4, 1]


async def test_while_a_flush_is_under_way_the_next_one_gathers(engine: Engine) -> None:
    store = Gated(engine.store)
    async with running(engine, store=store) as ledger:
        calls = [asyncio.create_task(ledger.apply([add(0)]))]
        await store.writing.wait()
        calls += [asyncio.create_task(ledger.apply([add(number)])) for number in range(1, 65)]
        await asyncio.sleep(0)
        store.gate.set()
        await asyncio.gather(*calls)
        assert ledger.counts.flushes == 2
        assert ledger.counts.entries == 65


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_in_doubt_is_said_to_be_so_and_a_retry_settles_it(
    engine: Engine, committed: bool
) -> None:
    store = Unanswered(engine.store, committed=committed)
    async with running(engine, store=store) as ledger:
        assert await ledger.apply([add(1, request_id="r")]) == [InDoubt()]
        assert ledger.counts.in_doubt == 1
        (again,) = await ledger.apply([add(1, request_id="r")])
        assert kinds([again]) == ["Replayed" if committed else "Applied"]
    assert len(await records(engine)) == 1
    assert len(await waiting(engine.outbox, 10)) == 1


async def test_a_full_store_refuses_writes_and_reveals_until_there_is_room(engine: Engine) -> None:
    store = Failing(engine.store, None)
    async with running(engine, store=store) as ledger:
        (card,) = await tokenize(ledger, add(1))
        store.error = StoreFull("no room")
        outcomes = await ledger.apply([add(2, request_id="r"), reveal(card.token)])
        assert outcomes == [NotApplied(Reason.STORAGE_FULL)] * 2
        assert await ledger.read([card.key]) == {card.key: card}
        store.error = None
        again = await ledger.apply([add(2, request_id="r"), reveal(card.token)])
        assert kinds(again) == ["Applied", "Applied"]


async def test_a_store_that_cannot_be_reached_is_told_and_tried_again_later(
    engine: Engine,
) -> None:
    store = Failing(engine.store, StoreUnavailable("busy"))
    async with running(engine, store=store) as ledger:
        assert await ledger.apply([add(1)]) == [NotApplied(Reason.STORE_UNAVAILABLE)]
        store.error = None
        assert kinds(await ledger.apply([add(1)])) == ["Applied"]


async def test_a_broken_store_ends_the_ledger_and_answers_everybody(engine: Engine) -> None:
    store = Failing(engine.store, StoreBroken("sync"))
    told: list[BaseException] = []

    async def serve() -> None:
        async with running(engine, store=store, broken=told.append) as ledger:
            first, waiting = ledger.apply([add(1), reveal("tok_1")]), ledger.apply([add(2)])
            answers = await answered(first)
            assert answers == [InDoubt(), InDoubt()]
            assert await answered(waiting) == [NotApplied(Reason.STORE_UNAVAILABLE)]

    with pytest.raises(BaseExceptionGroup) as caught:
        await serve()
    assert caught.group_contains(StoreBroken, depth=2)
    assert told == [store.error]
    assert store.writes == 1  # never tried again


async def test_a_store_that_breaks_between_the_halves_answers_the_other_half_too(
    engine: Engine,
) -> None:
    store = Failing(engine.store, StoreBroken("sync"))
    outcomes: list[Outcome] = []

    async def serve() -> None:
        async with running(engine, store=store) as ledger:
            entries = [add(1), add(2), reveal("tok_\ud800"), add(3)]
            outcomes.extend(await answered(ledger.apply(entries)))

    with pytest.raises(BaseExceptionGroup):
        await serve()
    assert kinds(outcomes) == ["InDoubt"] * 4


async def test_an_entry_with_cold_keys_waits_outside_and_holds_nobody_up(engine: Engine) -> None:
    keyring = ColdKeyring("cold")
    async with running(engine, keyring=keyring) as ledger:
        cold = [
            asyncio.create_task(ledger.apply([add(n, tenant="cold"), add(n)])) for n in range(3)
        ]
        assert kinds(await ledger.apply([add(9)])) == ["Applied"]
        assert not any(call.done() for call in cold)
        keyring.kms.set()
        for call in cold:
            assert kinds(await call) == ["Applied", "Applied"]
        assert keyring.warmed == 1


async def test_entries_that_wait_for_keys_count_in_the_lines_bounds(engine: Engine) -> None:
    keyring = ColdKeyring("cold")
    async with running(engine, keyring=keyring, limits=Limits(queue_entries=3)) as ledger:
        cold = asyncio.create_task(ledger.apply([add(n, tenant="cold") for n in range(3)]))
        while not keyring.warmed:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        assert await ledger.apply([add(8, tenant="cold")]) == [NotApplied(Reason.OVERLOADED)]
        keyring.kms.set()
        assert kinds(await cold) == ["Applied"] * 3
        assert kinds(await ledger.apply([add(9), add(10), add(11)])) == ["Applied"] * 3


async def test_a_note_needs_no_keys_so_refusals_are_recorded_without_a_kms(engine: Engine) -> None:
    async with running(engine, keyring=ColdKeyring("cold")) as ledger:
        note = Entry(Caller("cold", "someone"), Note("card.reveal", "refused", "PURPOSE_FORBIDDEN"))
        assert kinds(await asyncio.wait_for(ledger.apply([note]), 5)) == ["Applied"]


async def test_closing_flushes_what_waits_and_refuses_what_comes_later(engine: Engine) -> None:
    async with running(engine) as ledger:
        waiting = asyncio.create_task(ledger.apply([add(1)]))
        await asyncio.sleep(0)
    assert kinds(await waiting) == ["Applied"]
    assert await ledger.apply([add(2)]) == [NotApplied(Reason.STORE_UNAVAILABLE)]
