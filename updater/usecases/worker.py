"""The updater's day: ask every so often, look into the inbox more often, one at a time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from updater.usecases.cycle import Cycle
from updater.usecases.enrolling import Enrolling
from updater.usecases.report import CycleReport

OnReport = Callable[[str, CycleReport], None]
OnFailure = Callable[[str, Exception], None]
Step = Callable[[], Awaitable[CycleReport]]


@dataclass(frozen=True, slots=True)
class Turns:
    """Takes turns at some work by the clock, and says what came of each."""

    on_report: OnReport
    on_failure: OnFailure
    counted: Counter[str] = field(default_factory=Counter)
    """Turns taken by phase, failed ones included."""
    first_retry: timedelta = timedelta(seconds=1)
    """How long after its first failure a turn is taken again; doubled up to its usual interval."""
    last_retry: timedelta = timedelta(minutes=10)
    """From when on a turn that was asked for is left to the next usual one."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def every(self, interval: timedelta, phase: str, step: Step) -> None:
        """Take a turn every `interval`; a failed one is taken again soon, then less often."""
        usual = interval.total_seconds()
        wait = soon = min(self.first_retry.total_seconds(), usual)
        while True:
            done = await self.take(phase, step)
            wait = soon if done else wait * 2
            await asyncio.sleep(usual if done else min(wait, usual))

    async def when(self, event: asyncio.Event, phase: str, step: Step) -> None:
        """Take a turn whenever it is asked for; a failed one again, as far as `last_retry`."""
        while True:
            await event.wait()
            event.clear()
            wait = self.first_retry
            while not await self.take(phase, step) and wait <= self.last_retry:
                await asyncio.sleep(wait.total_seconds())
                wait *= 2

    async def take(self, phase: str, step: Step) -> bool:
        """Take a turn, when the one before has ended; tell whether it could be, without trouble."""
        try:
            async with self.busy:
                report = await step()
        except Exception as error:  # noqa: BLE001 - a worker loop outlives its turns
            self.on_failure(phase, error)
            return False
        else:
            self.on_report(phase, report)
            return not report.trouble
        finally:
            self.counted[phase] += 1


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs a channel's halves by the clock."""

    cycle: Cycle
    ask_interval: timedelta
    poll_interval: timedelta
    turns: Turns
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    enrolled: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Have open inquiries written and sent now."""
        self.woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            ask, turns = self.cycle.ask, self.turns
            tasks.create_task(turns.every(self.ask_interval, "ask", ask))
            tasks.create_task(turns.when(self.enrolled, "ask", ask))
            tasks.create_task(turns.every(self.poll_interval, "listen", self.cycle.listen))
            tasks.create_task(turns.when(self.woken, "dispatch", self.cycle.dispatch))
            often = turns.every(self.poll_interval, "dispatch", self.cycle.dispatch_new)
            tasks.create_task(often)


@dataclass(frozen=True, slots=True)
class EnrolmentWorker:
    """Keeps the enrolments up to date by the clock; the channels of this process hear of it."""

    enrolling: Enrolling
    interval: timedelta
    turns: Turns
    told: tuple[asyncio.Event, ...] = ()

    async def run(self) -> None:
        """Work until cancelled."""
        await self.turns.every(self.interval, "enrol", self._enrol)

    async def _enrol(self) -> CycleReport:
        report = await self.enrolling()
        if report.enrolled:
            for event in self.told:
                event.set()
        return report
