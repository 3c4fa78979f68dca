"""Whose an error is, and what it shows."""

from __future__ import annotations

import asyncio
import traceback

import grpc
import pytest
from cardvault.batching import Batcher, Item, Limits
from cardvault.failures import CallFailed

from tests.unit.client.places import Bench, failure
from tests.unit.client.scripted import Transport, passes


def test_an_error_of_one_call_is_its_own(bench: Bench) -> None:
    bad, good = bench.arrive(b"a", b"b")
    refused = CallFailed(grpc.StatusCode.NOT_FOUND, "no such card", reason="ERROR_REASON_X")
    bench.answer(0, refused, b"B")
    assert failure(bad) is refused
    assert good.result() == b"B"


def test_an_error_of_the_batch_is_everybodys_in_an_object_of_their_own(bench: Bench) -> None:
    calls = bench.arrive(b"a", b"b", timeout=3.0)
    refused = CallFailed(
        grpc.StatusCode.UNAVAILABLE, "the store is not available", reason="ERROR_REASON_X"
    )
    bench.transport.sent[0].fail(refused)
    bench.loop.settle()
    errors = [failure(call) for call in calls]
    assert bench.batcher.idle
    assert len({id(each) for each in (*errors, refused)}) == 3
    assert {(each.code(), each.details(), each.reason) for each in errors} == {
        (grpc.StatusCode.UNAVAILABLE, "the store is not available", "ERROR_REASON_X")
    }


def test_an_error_that_nobody_expected_is_told_without_its_text(bench: Bench) -> None:
    (call,) = bench.arrive(b"a")
    bench.transport.sent[0].fail(ValueError("the number is: secret"))
    bench.loop.settle()
    error = failure(call)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "ValueError" in error.details()
    assert "secret" not in repr(error) + str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("answers", [(b"A",), (b"A", b"B", b"C")], ids=["too few", "too many"])
def test_an_answer_that_does_not_fit_is_nobodys(bench: Bench, answers: tuple[bytes, ...]) -> None:
    calls = bench.arrive(b"a", b"b")
    bench.answer(0, *answers)
    assert {failure(call).code() for call in calls} == {grpc.StatusCode.INTERNAL}


def test_calls_that_a_reply_had_no_room_for_go_first_in_the_next_batch(bench: Bench) -> None:
    bench.made(batches=1)
    calls = bench.arrive(b"a", b"b", b"c")
    calls += bench.arrive(b"d")
    calls[2].cancel()
    bench.answer(0, b"a", truncated=True)
    assert bench.batches == [[b"a", b"b", b"c"], [b"b", b"d"]]
    bench.answer(1)
    assert [call.result() for call in calls if not call.cancelled()] == [b"a", b"b", b"d"]


def test_a_traceback_shows_nothing_of_a_call(bench: Bench) -> None:
    (call,) = bench.arrive(b"the secret")
    bench.transport.sent[0].fail(ValueError("the secret"))
    bench.loop.settle()
    error = failure(call)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert "batching.py" in "".join(told.format())
    assert "the secret" not in "".join(told.format())


def test_a_reply_with_room_for_nobody_is_an_error(bench: Bench) -> None:
    (call,) = bench.arrive(b"a")
    sent = bench.transport.sent[0]
    sent.items = []
    sent.answer(truncated=True)
    bench.loop.settle()
    assert failure(call).code() is grpc.StatusCode.INTERNAL


async def test_nothing_that_waits_can_be_printed() -> None:
    transport = Transport()
    batcher = Batcher(transport.send, Limits(batches=1), abandon=True)
    secret = b"the secret"
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(batcher.call(Item(b"-"), None))
        await passes()
        second = tasks.create_task(batcher.call(Item(secret), None))
        await passes()
        shown = "".join(
            repr(each) for each in (batcher, vars(batcher), *batcher._lanes.values(), first, second)
        )
        assert "the secret" not in shown
        transport.sent[0].answer()
        await passes()
        transport.sent[1].answer()
    assert second.result() == secret
    await batcher.close()


@pytest.mark.parametrize(
    "limits",
    [
        {"batches": 0},
        {"batch_calls": 0},
        {"batch_calls": 1_001},
        {"batch_bytes": 1_023},
        {"batch_bytes": (4 << 20) + 1},
        {"waiting_calls": 0},
        {"waiting_bytes": 0},
    ],
    ids=lambda limits: next(iter(limits)),
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a batch has"):
        Limits(**limits)
