"""The updater's day: ask every so often, look into the inbox more often, one at a time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from updater.usecases.cycle import Cycle, CycleReport

OnReport = Callable[[str, CycleReport], None]
OnFailure = Callable[[str, Exception], None]


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs a cycle's halves by the clock; `busy` is held while one of them works."""

    cycle: Cycle
    ask_interval: timedelta
    poll_interval: timedelta
    on_report: OnReport
    on_failure: OnFailure
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    turns: Counter[str] = field(default_factory=Counter)
    """Turns taken by phase, failed ones included."""
    first_retry: timedelta = timedelta(seconds=1)
    """How long after its first failure a turn is taken again; doubled up to its usual interval."""

    def wake(self) -> None:
        """Have open inquiries written and sent now."""
        self.woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every(self.ask_interval, "ask", self.cycle.ask))
            tasks.create_task(self._every(self.poll_interval, "listen", self.cycle.listen))
            tasks.create_task(self._when_woken())

    async def _every(
        self, interval: timedelta, phase: str, step: Callable[[], Awaitable[CycleReport]]
    ) -> None:
        """Take a turn every `interval`; a failed one is taken again soon, then less often."""
        usual = interval.total_seconds()
        wait = soon = min(self.first_retry.total_seconds(), usual)
        while True:
            done = await self._step(phase, step)
            wait = soon if done else wait * 2
            await asyncio.sleep(usual if done else min(wait, usual))

    async def _when_woken(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            await self._step("dispatch", self.cycle.dispatch)

    async def _step(self, phase: str, step: Callable[[], Awaitable[CycleReport]]) -> bool:
        try:
            async with self.busy:
                report = await step()
        except Exception as error:  # noqa: BLE001 - a worker loop outlives its turns
            self.on_failure(phase, error)
            return False
        else:
            self.on_report(phase, report)
            return True
        finally:
            self.turns[phase] += 1
