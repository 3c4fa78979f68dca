"""Calls whose time is over, and calls whose callers have gone."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from cardvault.batching import Item

from tests.unit.client.places import Bench, Task, failure


def test_a_call_whose_time_is_over_fails_alone_and_the_batch_goes_on(bench: Bench) -> None:
    short, long = bench.arrive(b"a", timeout=1.0)[0], bench.arrive(b"b")[0]
    bench.loop.advance(0.999)
    assert not short.done()
    bench.loop.advance(0.002)
    assert failure(short).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    bench.answer(1)
    assert long.result() == b"b"


def test_a_batch_has_the_longest_deadline_of_its_calls(bench: Bench) -> None:
    bench.made(batches=1)
    bench.arrive(b"-", timeout=9.0)
    bench.arrive(b"a", timeout=5.0)
    bench.arrive(b"b", timeout=3.0)
    bench.loop.advance(1.0)
    bench.answer(0)
    bench.arrive(b"c", timeout=5.0)
    bench.arrive(b"d")
    bench.answer(1)
    assert [each.timeout for each in bench.transport.sent] == [9.0, 4.0, None]


def test_a_call_that_waited_too_long_is_not_sent(bench: Bench) -> None:
    bench.made(batches=1)
    bench.arrive(b"-")
    (late,) = bench.arrive(b"a", timeout=1.0)
    bench.loop.advance(2.0)
    bench.answer(0)
    assert failure(late).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert bench.batches == [[b"-"]]


def test_a_call_whose_timer_is_late_is_not_sent_either(bench: Bench) -> None:
    async def something_slow() -> None:
        await asyncio.sleep(0)
        bench.loop.now += 5.0  # in the very pass in which the batch leaves

    slow = bench.loop.create_task(something_slow())
    late, patient = bench.arrive(b"a", timeout=1.0)[0], bench.arrive(b"b")[0]
    assert slow.done()
    assert failure(late).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert bench.batches == [[b"b"]]
    assert not patient.done()


def test_no_time_at_all_is_no_call(bench: Bench) -> None:
    (call,) = bench.arrive(b"a", timeout=0.0)
    assert failure(call).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert bench.batches == []


def test_a_cancelled_call_that_waits_is_not_sent(bench: Bench) -> None:
    bench.made(batches=1)
    bench.arrive(b"-")
    gone, stays = bench.arrive(b"a", b"b")
    gone.cancel()
    bench.loop.settle()
    bench.answer(0)
    bench.answer(1)
    assert bench.batches == [[b"-"], [b"b"]]
    assert gone.cancelled()
    assert stays.result() == b"b"


def test_a_call_cancelled_as_its_batch_is_about_to_leave_is_not_sent(bench: Bench) -> None:
    async def think_better_of_it() -> list[Task]:
        calls = [
            bench.loop.create_task(bench.batcher.call(Item(name), 5.0)) for name in (b"a", b"b")
        ]
        await asyncio.sleep(0)  # they are in the line; the batch leaves before they wake up
        calls[0].cancel()
        return calls

    gone, stays = bench.loop.do(think_better_of_it())
    bench.loop.settle()
    assert bench.batches == [[b"b"]]
    assert gone.cancelled()
    bench.answer(0)
    assert stays.result() == b"b"
    assert bench.batcher.idle


@pytest.mark.parametrize("abandon", [True, False])
def test_nothing_is_sent_if_nobody_stays(bench: Bench, *, abandon: bool) -> None:
    bench.made(abandon)

    async def think_better_of_it() -> Task:
        call = bench.loop.create_task(bench.batcher.call(Item(b"a"), 5.0))
        await asyncio.sleep(0)
        call.cancel()
        return call

    gone = bench.loop.do(think_better_of_it())
    bench.loop.settle()
    assert gone.cancelled()
    assert bench.batches == []
    assert bench.batcher.idle


def test_a_cancelled_call_that_has_left_hurts_nobody(bench: Bench) -> None:
    gone, stays = bench.arrive(b"a", b"b")
    gone.cancel()
    bench.loop.settle()
    bench.answer(0)
    assert gone.cancelled()
    assert stays.result() == b"b"


@pytest.mark.parametrize("abandon", [True, False])
def test_a_batch_that_nobody_waits_for(bench: Bench, *, abandon: bool) -> None:
    bench.made(abandon)
    calls = bench.arrive(b"a", b"b")
    for index, call in enumerate(calls):
        assert not bench.transport.sent[0].cancelled, index
        call.cancel()
        bench.loop.settle()
    assert bench.transport.sent[0].cancelled is abandon
    assert len(bench.transport.under_way) == (0 if abandon else 1)


@pytest.mark.parametrize("later", range(5))
def test_an_answer_and_a_cancellation_at_the_same_moment(bench: Bench, later: int) -> None:
    async def race(call: Task) -> None:
        bench.transport.sent[0].answer()
        for _ in range(later):
            await asyncio.sleep(0)
        call.cancel()

    gone, stays = bench.arrive(b"a", b"b", timeout=5.0)
    bench.loop.do(race(gone))
    bench.loop.settle()
    assert gone.cancelled() or gone.result() == b"a"
    assert stays.result() == b"b"
    assert bench.batcher.idle


def test_a_call_that_was_put_back_can_still_be_given_up(bench: Bench) -> None:
    bench.made(batches=1)
    _, gone, late = bench.arrive(b"a", b"b", b"c", key=b"x", timeout=3.0)
    bench.arrive(b"d", key=b"y")
    bench.answer(0, b"a", truncated=True)
    assert bench.batches == [[b"a", b"b", b"c"], [b"d"]]  # it is the other key's turn
    gone.cancel()
    bench.loop.advance(4.0)
    assert failure(late).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    bench.answer(1)
    assert len(bench.batches) == 2
