"""What becomes of calls when the client is closed."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from tests.unit.client.places import Bench, failure


def test_closing_sends_what_waits_and_takes_no_more(bench: Bench) -> None:
    bench.made(batches=1)
    first, second = bench.arrive(b"a")[0], bench.arrive(b"b")[0]
    closing = bench.loop.create_task(bench.batcher.close())
    bench.loop.settle()
    (refused,) = bench.arrive(b"c")
    assert failure(refused).code() is grpc.StatusCode.CANCELLED
    bench.answer(0)
    assert not closing.done()
    bench.answer(1)
    assert closing.done()
    assert (first.result(), second.result()) == (b"a", b"b")


def test_closing_waits_for_nobody_whose_time_is_over(bench: Bench) -> None:
    bench.made(batches=1)
    bench.arrive(b"a")
    (late,) = bench.arrive(b"b", timeout=1.0)
    closing = bench.loop.create_task(bench.batcher.close())
    bench.loop.advance(2.0)
    bench.answer(0)
    assert closing.done()
    assert failure(late).code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("how", ["at once", "while it drains"])
def test_being_cut_off(bench: Bench, how: str) -> None:
    bench.made(False, batches=1)
    calls = [*bench.arrive(b"a", timeout=4.0), *bench.arrive(b"b", timeout=4.0)]
    closing = bench.loop.create_task(bench.batcher.close(drain=how != "at once"))
    bench.loop.settle()
    closing.cancel()
    bench.loop.settle()
    assert closing.cancelled() is (how != "at once")
    assert bench.transport.sent[0].cancelled
    assert {failure(call).code() for call in calls} == {grpc.StatusCode.CANCELLED}
    assert bench.batches == [[b"a"]]


@pytest.mark.parametrize("how", ["at once", "while it drains"])
def test_being_cut_off_between_a_cancellation_and_its_callers_waking_up(
    bench: Bench, how: str
) -> None:
    bench.made(batches=1)
    calls = [
        *bench.arrive(b"-", timeout=4.0),
        *bench.arrive(b"a", b"b", timeout=4.0),
        *bench.arrive(b"c", key=b"other"),
    ]
    drained = how != "at once"
    closing = bench.loop.create_task(bench.batcher.close(drain=drained))
    if drained:  # as asyncio.run does on Ctrl-C: everything is cancelled, the close with it
        bench.loop.settle()
        closing.cancel()
    for call in calls:
        call.cancel()
    bench.loop.settle()
    assert [call.cancelled() for call in calls] == [True] * 4
    assert closing.cancelled() is drained
    assert bench.batcher.waiting == 0
    assert bench.batcher.idle


def test_what_a_reply_had_no_room_for_is_not_sent_after_the_cut(bench: Bench) -> None:
    bench.made(batches=1)
    calls = bench.arrive(b"a", b"b")

    async def cut() -> None:
        bench.transport.sent[0].answer(b"a", truncated=True)
        await asyncio.sleep(0)  # answered, and nobody told yet
        await bench.batcher.close(drain=False)

    bench.loop.do(cut())
    bench.loop.settle()
    assert calls[0].result() == b"a"
    assert failure(calls[1]).code() is grpc.StatusCode.CANCELLED
    assert bench.batches == [[b"a", b"b"]]
