"""Keep several workers of one service running on one port.

SIGTERM or SIGINT: all leave, in order. SIGHUP: each is replaced, one after the other, by one that
serves before it goes. When this process dies, however it does, its workers leave.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis import metric_names as names
from chassis.ops import STUCK_AFTER, serving_ops
from chassis.pulse import Pulse
from chassis.workers.answers import WholeAnswers
from chassis.workers.child import Child
from chassis.workers.control import NoAnswer
from chassis.workers.pages import merged
from chassis.workers.plan import Plan
from chassis.workers.ports import keeping_ports
from chassis.workers.slot import Pace, Slot

_log = structlog.get_logger("chassis")


class Supervisor(Collector):
    """Runs a plan. `run()` once; `stop()` and `roll()` are for signal handlers."""

    def __init__(self, plan: Plan, pace: Pace = Pace()) -> None:  # noqa: B008 - frozen
        self._plan: Final = plan
        self._pace: Final = pace
        self._slots: Final = [Slot(plan, number, pace, self._end) for number in range(plan.workers)]
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked_to_roll: Final = asyncio.Event()
        self._unanswered = 0
        self._leaving = False
        self.pulse: Final = Pulse(lambda _late: None)

    async def run(self) -> int:
        """Keep the workers until told to stop; return the exit status.

        0: all ended in order. 1: one had to be killed. Else the status of the worker that died
        too often, or before it had ever been ready. Raises OSError where a port is taken.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(keeping_ports(self._plan.addresses))
            answers = WholeAnswers(self, asyncio.get_running_loop())
            stack.enter_context(serving_ops(self._plan.ops_listen, answers))
            async with asyncio.TaskGroup() as tasks:
                endless = [self.pulse.run(), self._look(), self._roll()]
                endless += [self._keep(slot) for slot in self._slots]
                running = [tasks.create_task(work) for work in endless]
                status = await self._over
                self._leaving = True
                for task in running:
                    task.cancel()
            in_order = await self._leave()
        return status or (0 if in_order else 1)

    def stop(self) -> None:
        """Have all workers leave."""
        self._end(0)

    def roll(self) -> None:
        """Have every worker replaced; while that goes on, once more when it is done."""
        self._asked_to_roll.set()

    def missing_to_be_ready(self) -> list[str]:
        """Return what a readiness probe is told: one worker that serves is enough."""
        if self._leaving:
            return ["draining"]
        return [] if self._ready() else ["a worker"]

    def missing_to_be_alive(self) -> list[str]:
        """Return what a liveness probe is told: all event loops turn, the supervisor's too."""
        missing = ["event loop"] if self.pulse.age() >= STUCK_AFTER else []
        return missing + [
            f"worker {slot.number}" for slot in self._slots if slot.silence() >= STUCK_AFTER
        ]

    async def page(self) -> bytes:
        """Return the metrics of all."""
        children = [slot.child for slot in self._slots if slot.child is not None]
        found = await asyncio.gather(*[self._asked(child) for child in children])
        pages = {child.number: text for child, text in zip(children, found, strict=True) if text}
        return await asyncio.to_thread(merged, pages, self)

    def collect(self) -> Iterator[Metric]:
        """Yield what the supervisor itself counts."""
        yield GaugeMetricFamily(names.WORKERS, "Workers that should run", len(self._slots))
        yield GaugeMetricFamily(names.WORKERS_READY, "Workers that are ready", self._ready())
        yield CounterMetricFamily(
            names.WORKER_SILENT, "Times that a worker's metrics did not come", self._unanswered
        )
        starts = CounterMetricFamily(
            names.WORKER_STARTS, "Worker processes started", labels=(names.WORKER_LABEL,)
        )
        deaths = CounterMetricFamily(
            names.WORKER_DEATHS, "Workers that ended unasked", labels=(names.WORKER_LABEL,)
        )
        for slot in self._slots:
            starts.add_metric((str(slot.number),), slot.counts.starts)
            deaths.add_metric((str(slot.number),), slot.counts.deaths)
        yield starts
        yield deaths

    async def _asked(self, child: Child) -> str:
        try:
            answer = await child.ask("/metrics")
            if answer.ok:
                return answer.body.decode()
        except (NoAnswer, UnicodeDecodeError):
            pass
        self._unanswered += 1
        return ""

    async def _keep(self, slot: Slot) -> None:
        """Keep a slot filled; the first one shows whether there is any use in the others."""
        if slot is not self._slots[0]:
            await self._slots[0].proven.wait()
        await slot.keep()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._pace.look)
            await asyncio.gather(*[slot.look() for slot in self._slots])

    async def _roll(self) -> None:
        while True:
            await self._asked_to_roll.wait()
            self._asked_to_roll.clear()
            _log.info("rolling restart", state="begun")
            done = [await slot.replace() for slot in self._slots if slot.proven.is_set()]
            _log.info("rolling restart", state="done" if all(done) else "incomplete")

    async def _leave(self) -> bool:
        """Let all workers drain at once; tell whether none had to be killed."""
        children = {child for slot in self._slots for child in slot.children if child.running}
        leaving = [child.leave(signal.SIGTERM, self._plan.leave_s) for child in children]
        statuses = await asyncio.gather(*leaving)
        _log.info("stopped", count=len(statuses))
        return -signal.SIGKILL not in statuses

    def _ready(self) -> int:
        return sum(slot.child is not None and slot.child.ready for slot in self._slots)

    def _end(self, status: int) -> None:
        if not self._over.done():
            self._over.set_result(status)
