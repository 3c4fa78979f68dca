"""Waits end at their deadlines, one timer for all, and a cancellation from elsewhere goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chassis.deadlines import Deadlines


async def waiting(deadlines: Deadlines, seconds: float | None, takes: float) -> str:
    try:
        with deadlines.within(seconds):
            await asyncio.sleep(takes)
    except TimeoutError:
        return "over"
    return "done"


async def test_a_wait_ends_at_its_deadline_and_the_task_goes_on() -> None:
    deadlines = Deadlines()
    assert await waiting(deadlines, 0.02, 30) == "over"
    assert await waiting(deadlines, 30, 0) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_each_wait_has_its_own_deadline_whatever_their_order() -> None:
    deadlines = Deadlines()
    loop = asyncio.get_running_loop()
    ended: dict[float, float] = {}

    async def one(seconds: float) -> None:
        began = loop.time()
        assert await waiting(deadlines, seconds, 30) == "over"
        ended[seconds] = loop.time() - began

    async with asyncio.TaskGroup() as tasks:
        for seconds in (0.3, 0.1, 0.2, 0.05, 0.1):
            tasks.create_task(one(seconds))
    assert list(ended) == sorted(ended)
    assert all(seconds <= took < seconds + 5 for seconds, took in ended.items())


async def test_no_limit_is_no_limit_and_no_time_left_is_over_at_once() -> None:
    deadlines = Deadlines()
    assert await waiting(deadlines, None, 0.01) == "done"
    assert await waiting(deadlines, 0.0, 30) == "over"


async def test_a_cancellation_from_elsewhere_is_no_timeout() -> None:
    deadlines = Deadlines()
    task = asyncio.ensure_future(waiting(deadlines, 30, 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_beside_the_deadline_goes_on() -> None:
    deadlines = Deadlines()

    async def both() -> None:
        task = asyncio.current_task()
        assert task is not None
        with deadlines.within(30) as limit:
            limit.expire()
            task.cancel()
            await asyncio.sleep(30)

    task = asyncio.ensure_future(both())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_is_its_own() -> None:
    deadlines = Deadlines()
    with pytest.raises(KeyError), deadlines.within(30):
        raise KeyError


async def test_calls_that_end_in_time_share_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, deadlines, timers = asyncio.get_running_loop(), Deadlines(), 0
    call_at = loop.call_at

    def counted(when: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        nonlocal timers
        timers += 1
        return call_at(when, callback, *args)

    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(1_000):
        with deadlines.within(30):
            await asyncio.sleep(0)
    assert timers == 1
