"""The updater's clock: a turn that fails is taken again soon, not after its usual interval."""

import asyncio
from datetime import timedelta
from typing import cast

from updater.usecases.cycle import Cycle, CycleReport
from updater.usecases.worker import Worker


class FailingAtFirst:
    """A cycle whose `ask` fails twice; `listen` never does."""

    def __init__(self) -> None:
        self.asked = 0
        self.done = asyncio.Event()

    async def ask(self) -> CycleReport:
        self.asked += 1
        if self.asked < 3:
            raise ConnectionError
        self.done.set()
        return CycleReport()

    async def listen(self) -> CycleReport:
        return CycleReport()


async def test_a_failed_turn_is_taken_again_soon() -> None:
    cycle, failures = FailingAtFirst(), []
    worker = Worker(
        cast("Cycle", cycle),
        timedelta(hours=1),
        timedelta(hours=1),
        lambda _phase, _report: None,
        lambda phase, _error: failures.append(phase),
        first_retry=timedelta(milliseconds=5),
    )
    running = asyncio.ensure_future(worker.run())
    try:
        await asyncio.wait_for(cycle.done.wait(), 5)
        assert failures == ["ask", "ask"]
        await asyncio.sleep(0.1)
        assert cycle.asked == 3  # done: the next turn is an hour away
    finally:
        running.cancel()
