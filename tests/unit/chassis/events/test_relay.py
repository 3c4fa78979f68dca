"""Relays share an outbox's partitions, outlive outages, and give up what is not theirs any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from chassis.clock import SystemClock
from chassis.endings import leaves
from chassis.events.partition import RelayLimits
from chassis.events.ports import SinkUnavailable
from chassis.events.relay import EventRelay
from chassis.store_errors import CommitInDoubt, StoreBroken, StoreError, StoreUnavailable
from tests.doubles.vault_ports_events import FakeOutbox, FakeSink, row

FAST = RelayLimits(
    batch=4, idle_s=0.001, first_retry_s=0.001, last_retry_s=0.002, beat_s=0.002, lease_s=0.05
)


@asynccontextmanager
async def relaying(outbox: FakeOutbox, sink: FakeSink) -> AsyncIterator[EventRelay]:
    relay = EventRelay(outbox, sink, SystemClock(), limits=FAST)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what others change has no event
            await asyncio.sleep(0.001)


ROWS = [row(f"tok_{n}", revision) for n in range(20) for revision in (1, 2, 3)]


async def test_all_partitions_are_delivered_and_given_back_at_the_end() -> None:
    outbox, sink = FakeOutbox(ROWS, partitions=4), FakeSink()
    async with relaying(outbox, sink) as relay:
        await until(lambda: not outbox.rows)
        assert relay.counts.partitions == 4
    assert set(sink.got) == set(ROWS)
    assert len(sink.got) == len(ROWS)
    assert {who for who, _epoch in outbox.holders.values()} == {""}
    assert outbox.alive == set()


async def test_relays_that_come_and_go_share_the_partitions() -> None:
    outbox, sink = FakeOutbox(partitions=4), FakeSink()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(relaying(outbox, sink))
        await until(lambda: first.counts.partitions == 4)
        second = await stack.enter_async_context(relaying(outbox, sink))
        await until(lambda: first.counts.partitions == second.counts.partitions == 2)
        assert len({who for who, _epoch in outbox.holders.values()}) == 2
        async with relaying(outbox, sink) as third:  # it stands by: two have two each
            await asyncio.sleep(0.02)
            assert third.counts.partitions == 0
            await stack.aclose()
            await until(lambda: third.counts.partitions == 4)


async def test_outages_of_sink_and_store_are_outlived() -> None:
    outbox, sink = FakeOutbox([row("a", 1)]), FakeSink()
    sink.down, outbox.faults = 3, [StoreUnavailable(), CommitInDoubt()]
    async with relaying(outbox, sink) as relay:
        await until(lambda: not outbox.rows)
        assert relay.counts.failures == 5
    assert len(sink.opened) == 6  # after every failure anew


async def test_a_broken_store_ends_the_relay() -> None:
    outbox = FakeOutbox([row("a", 1)])
    outbox.faults = [StoreBroken()]
    with pytest.raises(ExceptionGroup) as ended:
        await EventRelay(outbox, FakeSink(), SystemClock(), limits=FAST).run()
    assert [type(leaf) for leaf in leaves(ended.value)] == [StoreBroken]


async def test_who_is_shut_out_by_the_sink_gives_the_partition_back_and_takes_it_anew() -> None:
    outbox, sink = FakeOutbox(), FakeSink()
    async with relaying(outbox, sink) as relay:
        await until(lambda: bool(sink.opened))
        sink.shut.add(0)  # somebody opened it, and has gone again
        outbox.rows = [row("a", 1)]
        await until(lambda: not outbox.rows)
        assert relay.counts.fenced == 1
    assert outbox.holders[0][1] == 2  # under a new epoch


async def test_a_partition_that_another_relay_took_is_left_alone() -> None:
    outbox, sink = FakeOutbox(partitions=2), FakeSink()
    async with relaying(outbox, sink) as relay:
        await until(lambda: relay.counts.partitions == 2)
        outbox.seize(0)
        await until(lambda: relay.counts.partitions == 1)
        outbox.rows = sorted([row("a", 1), row("b", 1)])
        await until(lambda: len(outbox.rows) == 1)
        await asyncio.sleep(0.02)
        assert [outbox.partition(each) for each in outbox.rows] == [0]


async def test_nothing_is_published_once_the_leases_could_not_be_renewed_for_long() -> None:
    outbox, sink = FakeOutbox(), FakeSink()
    async with relaying(outbox, sink) as relay:
        await until(lambda: relay.counts.partitions == 1)

        async def down(_relay: str) -> None:
            raise StoreUnavailable

        outbox.standing = down  # type: ignore[method-assign, assignment]
        await until(lambda: relay.counts.partitions == 0)
        outbox.rows = [row("a", 1)]
        await asyncio.sleep(0.02)
        assert sink.got == []


async def test_what_waits_is_counted() -> None:
    outbox, sink = FakeOutbox([row("a", 1)._replace(time=77)], partitions=4), FakeSink()
    sink.down = 1_000_000
    quick = RelayLimits(**{**{f: getattr(FAST, f) for f in FAST.__slots__}, "backlog_s": 0.001})
    relay = EventRelay(outbox, sink, SystemClock(), limits=quick)
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(1.2)
    assert (relay.counts.depth, relay.counts.oldest) == (1, 77)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_waits_is_not_forgotten_while_the_store_is_away() -> None:
    """An outage must not clear the alarm on a backlog, though nothing is held any more."""
    outbox, sink = FakeOutbox([row("a", 1)._replace(time=77)], partitions=4), FakeSink()
    sink.down = 1_000_000
    async with relaying(outbox, sink) as relay:
        await until(lambda: relay.counts.depth == 1)

        async def down(*_asked: object) -> None:
            raise StoreUnavailable

        outbox.standing = outbox.backlog = down  # type: ignore[method-assign, assignment]
        await until(lambda: relay.counts.partitions == 0)
        measure = asyncio.create_task(relay._measure())
        await asyncio.sleep(0.02)
        measure.cancel()
        assert (relay.counts.depth, relay.counts.oldest) == (1, 77)


@pytest.mark.parametrize("error", [SinkUnavailable("X"), StoreUnavailable()])
async def test_what_failed_is_counted_once_a_time(error: StoreError | SinkUnavailable) -> None:
    outbox, sink = FakeOutbox([row("a", 1)]), FakeSink()
    if isinstance(error, StoreError):
        outbox.faults = [error]
    else:
        sink.down = 1
    async with relaying(outbox, sink) as relay:
        await until(lambda: not outbox.rows)
        assert relay.counts.failures == 1
