"""The writer thread: jobs in order, answers on the loop, nothing dropped that was handed over."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vault.adapters.sqlite.worker import Worker


async def test_jobs_run_one_after_another_on_one_other_thread() -> None:
    worker = Worker("test")
    seen: list[tuple[int, str]] = []
    await asyncio.gather(
        *[
            worker.run(lambda n=n: seen.append((n, threading.current_thread().name)))  # type: ignore[misc]
            for n in range(20)
        ]
    )
    await worker.close()
    assert seen == [(n, "test") for n in range(20)]


async def test_what_a_job_raises_is_raised_where_it_is_awaited() -> None:
    worker = Worker("test")

    def failing() -> None:
        raise ValueError("this job")

    with pytest.raises(ValueError, match="this job"):
        await worker.run(failing)
    assert await worker.run(lambda: "next") == "next"
    await worker.close()


async def test_a_caller_that_gives_up_does_not_stop_its_job() -> None:
    worker = Worker("test")
    gate, ran = threading.Event(), threading.Event()

    def job() -> None:
        gate.wait(5)
        ran.set()

    waiting = asyncio.create_task(worker.run(job))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.set()
    await worker.close()
    assert ran.is_set()


async def test_what_comes_afterwards_comes_behind_the_answer() -> None:
    worker = Worker("test")
    gate, done = threading.Event(), threading.Event()

    def afterwards() -> None:
        gate.wait(5)
        done.set()

    assert await worker.run(lambda: "answer", afterwards) == "answer"
    assert not done.is_set()
    gate.set()
    await worker.close()
    assert done.is_set()
