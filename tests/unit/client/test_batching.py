"""What a batch gathers, and who shares it."""

from __future__ import annotations

import contextvars

import grpc
import pytest
from cardvault.batching import Answers, Item

from tests.unit.client.places import Bench, failure


def test_a_call_on_its_own_leaves_at_once(bench: Bench) -> None:
    (call,) = bench.arrive(b"a")
    assert bench.batches == [[b"a"]]
    bench.answer(0, b"A")
    assert call.result() == b"A"


def test_calls_gather_while_others_are_under_way(bench: Bench) -> None:
    bench.made(batches=1)
    first = bench.arrive(b"a")
    later = bench.arrive(b"b") + bench.arrive(b"c", b"d")
    assert bench.batches == [[b"a"]]
    bench.answer(0)
    assert bench.batches == [[b"a"], [b"b", b"c", b"d"]]
    bench.answer(1)
    assert [each.result() for each in first + later] == [b"a", b"b", b"c", b"d"]


def test_callers_who_come_back_at_once_leave_together(bench: Bench) -> None:
    async def caller(name: bytes) -> None:
        for _ in range(3):
            await bench.batcher.call(Item(name), None)

    bench.made(batches=1)
    callers = [bench.loop.create_task(caller(name)) for name in (b"a", b"b", b"c")]
    for index in range(3):
        bench.loop.settle()
        bench.answer(index)
    assert all(each.done() for each in callers)
    assert bench.batches == [[b"a", b"b", b"c"]] * 3


def test_many_calls_go_as_several_batches(bench: Bench) -> None:
    bench.made(batches=2)
    bench.arrive(*[b"%d" % number for number in range(150)])
    assert [len(each) for each in bench.batches] == [64, 64]
    bench.answer(1)
    assert [len(each) for each in bench.batches] == [64, 64, 22]


def test_a_few_calls_do_not_go_beside_many(bench: Bench) -> None:
    bench.made(batches=2)
    bench.arrive(*[b"%d" % number for number in range(40)])
    few = bench.arrive(*[b"few"] * 9)
    assert [len(each) for each in bench.batches] == [40]
    more = bench.arrive(b"one more")
    assert [len(each) for each in bench.batches] == [40, 10]
    bench.answer(1)
    assert all(each.result() for each in few + more)


def test_a_few_calls_wait_no_longer_than_the_many(bench: Bench) -> None:
    bench.made(batches=2)
    bench.arrive(*[b"%d" % number for number in range(40)])
    (lone,) = bench.arrive(b"lone")
    bench.answer(0)
    bench.answer(1)
    assert lone.result() == b"lone"


def test_a_batch_is_bounded_in_calls(bench: Bench) -> None:
    bench.made(batches=1, batch_calls=20)
    bench.arrive(*[b"%d" % number for number in range(50)])
    bench.answer(0)
    bench.answer(1)
    assert [len(each) for each in bench.batches] == [20, 20, 10]


def test_a_batch_is_bounded_in_bytes(bench: Bench) -> None:
    bench.made(batches=1, batch_bytes=2_000)
    big = [letter * 600 for letter in (b"a", b"b", b"c")]
    bench.arrive(*big, key=b"key")
    assert bench.batches == [big[:2]]
    bench.answer(0)
    assert bench.batches == [big[:2], big[2:]]


def test_keys_take_turns_and_never_share(bench: Bench) -> None:
    bench.made(batches=1, batch_calls=2)
    bench.arrive(b"-", key=b"x")
    bench.arrive(b"1", b"2", b"3", key=b"x")
    bench.arrive(b"4", key=b"y")
    for index in range(3):
        bench.answer(index)
    assert [(each.key, each.items) for each in bench.transport.sent] == [
        (b"x", [b"-"]),
        (b"x", [b"1", b"2"]),
        (b"y", [b"4"]),
        (b"x", [b"3"]),
    ]


@pytest.mark.parametrize(("limits"), [{"waiting_calls": 2}, {"waiting_bytes": 11}])
def test_a_full_line_refuses_and_recovers(bench: Bench, limits: dict[str, int]) -> None:
    bench.made(batches=1, **limits)
    bench.arrive(b"first")
    waiting = bench.arrive(b"12345", b"12345")
    (refused,) = bench.arrive(b"12345")
    assert failure(refused).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure(refused).retry_after is not None
    waiting[0].cancel()
    bench.loop.settle()
    (taken,) = bench.arrive(b"12345")
    bench.answer(0)
    bench.answer(1)
    assert taken.result() == b"12345"


def test_a_batch_runs_in_no_callers_context(bench: Bench) -> None:
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="nobody's")
    seen: list[str] = []
    send = bench.transport.send

    async def look(key: bytes, items: object, timeout: float | None) -> object:  # noqa: ASYNC109
        seen.append(mine.get())
        return await send(key, items, timeout)  # type: ignore[arg-type]

    bench.transport.send = look  # type: ignore[method-assign,assignment]
    bench.made()

    async def caller() -> bytes:
        mine.set("the caller's")
        return await bench.batcher.call(Item(b"a"), None)

    call = bench.loop.create_task(caller())
    bench.loop.settle()
    bench.answer(0)
    assert call.result() == b"a"
    assert seen == ["nobody's"]


def test_no_repr_shows_what_was_sent_or_answered() -> None:
    secret = "4" + "1" * 15
    for each in (Item(secret.encode(), secret.encode()), Answers([secret])):
        told = secret in f"{each!r} {each} {[each]}"
        assert not told, type(each).__name__
        assert not hasattr(each, "__dict__")
