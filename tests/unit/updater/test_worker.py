"""The updater's clock: a turn that fails is taken again soon, not after its usual interval."""

import asyncio
from datetime import timedelta
from typing import cast

from updater.usecases.cycle import Cycle
from updater.usecases.enrolling import Enrolling
from updater.usecases.report import CycleReport
from updater.usecases.worker import EnrolmentWorker, Turns, Worker

HOUR = timedelta(hours=1)


class FailingAtFirst:
    """A cycle whose `ask` fails twice; `listen` never does."""

    def __init__(self, fails: int = 2) -> None:
        self.fails = fails
        self.asked = 0
        self.sent_new = 0
        self.dispatched = asyncio.Event()
        self.done = asyncio.Event()

    async def ask(self) -> CycleReport:
        self.asked += 1
        if self.asked <= self.fails:
            raise ConnectionError
        self.done.set()
        return CycleReport()

    async def listen(self) -> CycleReport:
        return CycleReport()

    async def dispatch_new(self) -> CycleReport:
        self.sent_new += 1
        return CycleReport()

    async def dispatch(self) -> CycleReport:
        self.dispatched.set()
        return CycleReport()


def turns(failures: list[str]) -> Turns:
    return Turns(
        on_report=lambda _phase, _report: None,
        on_failure=lambda phase, _error: failures.append(phase),
        first_retry=timedelta(milliseconds=5),
    )


async def test_a_failed_turn_is_taken_again_soon() -> None:
    cycle, failures = FailingAtFirst(), list[str]()
    worker = Worker(cast("Cycle", cycle), HOUR, HOUR, turns(failures))
    running = asyncio.ensure_future(worker.run())
    try:
        await asyncio.wait_for(cycle.done.wait(), 5)
        assert failures == ["ask", "ask"]
        await asyncio.sleep(0.1)
        assert cycle.asked == 3  # done: the next turn is an hour away
        assert worker.turns.counted["ask"] == 3
    finally:
        running.cancel()


class InTroubleAtFirst(FailingAtFirst):
    """A cycle that can't do all of it at first, because the vault is away."""

    def __init__(self) -> None:
        super().__init__(fails=0)
        self.written = 0

    async def ask(self) -> CycleReport:
        self.asked += 1
        if self.asked <= 2:
            return CycleReport(trouble=("VAULT_UNAVAILABLE",))
        self.done.set()
        return CycleReport()

    async def dispatch(self) -> CycleReport:
        self.written += 1
        if self.written <= 2:
            return CycleReport(trouble=("VAULT_UNAVAILABLE",))
        return await super().dispatch()


async def test_what_was_put_off_is_done_soon_and_not_an_hour_later() -> None:
    cycle = InTroubleAtFirst()
    worker = Worker(cast("Cycle", cycle), HOUR, HOUR, turns([]))
    running = asyncio.ensure_future(worker.run())
    try:
        await asyncio.wait_for(cycle.done.wait(), 5)
        worker.wake()
        await asyncio.wait_for(cycle.dispatched.wait(), 5)
        assert (cycle.asked, cycle.written) == (3, 3)
    finally:
        running.cancel()


async def test_a_turn_that_was_asked_for_is_left_to_the_usual_one_in_the_end() -> None:
    cycle = FailingAtFirst(fails=1_000)
    clock = Turns(
        on_report=lambda _phase, _report: None,
        on_failure=lambda _phase, _error: None,
        first_retry=timedelta(milliseconds=1),
        last_retry=timedelta(milliseconds=3),
    )
    asked = asyncio.Event()
    asked.set()
    running = asyncio.ensure_future(clock.when(asked, "ask", cycle.ask))
    try:
        await asyncio.sleep(0.2)
        assert cycle.asked == 3  # at once, after 1 ms, after 2 ms more
    finally:
        running.cancel()


async def test_a_worker_that_is_woken_writes_what_is_open() -> None:
    cycle = FailingAtFirst(fails=0)
    worker = Worker(cast("Cycle", cycle), HOUR, HOUR, turns([]))
    running = asyncio.ensure_future(worker.run())
    try:
        await asyncio.wait_for(cycle.done.wait(), 5)
        worker.wake()
        await asyncio.wait_for(cycle.dispatched.wait(), 5)
        assert cycle.asked == 1
    finally:
        running.cancel()


async def test_channels_ask_again_once_there_are_new_enrolments() -> None:
    cycle, found, quiet = FailingAtFirst(fails=0), [3, 0], asyncio.Event()

    async def enrolling() -> CycleReport:
        if not found:
            quiet.set()
        return CycleReport(enrolled=found.pop(0) if found else 0)

    worker = Worker(cast("Cycle", cycle), HOUR, HOUR, turns([]))
    enrolment = EnrolmentWorker(
        cast("Enrolling", enrolling),
        timedelta(milliseconds=5),
        turns([]),
        (worker.enrolled,),
    )
    both = [asyncio.ensure_future(worker.run()), asyncio.ensure_future(enrolment.run())]
    try:
        await asyncio.wait_for(quiet.wait(), 5)
        await asyncio.sleep(0.05)
        assert cycle.asked == 2  # once at first, once for the three that were new
    finally:
        for each in both:
            each.cancel()


async def test_what_other_processes_open_is_sent_as_often_as_answers_are_looked_for() -> None:
    cycle = FailingAtFirst(fails=0)
    often = timedelta(milliseconds=5)
    worker = Worker(cast("Cycle", cycle), HOUR, often, turns([]))
    running = asyncio.ensure_future(worker.run())
    try:
        async with asyncio.timeout(5):
            while cycle.sent_new < 3:  # noqa: ASYNC110 - a double has no events to wait for
                await asyncio.sleep(0.005)
        assert cycle.asked == 1
    finally:
        running.cancel()
