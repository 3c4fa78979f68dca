"""One worker's place: somebody is in it, or is about to be."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from chassis.endings import RETIRE
from chassis.workers.child import Child
from chassis.workers.plan import Plan

_log = structlog.get_logger("chassis")


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a supervisor is. Seconds."""

    ready: float = 120.0  # from a worker's start until it has to be ready
    look: float = 0.5  # between two looks at all workers
    silent: float = 30.0  # without a sign of life, until a worker is killed
    first_pause: float = 0.1  # before a dead worker is started again; twice as long each time
    last_pause: float = 5.0
    short_life: float = 10.0  # a worker that dies sooner hasn't worked
    most_short: int = 5  # such deaths in a row, until the supervisor gives up


@dataclass(slots=True)
class SlotCounts:
    """What metrics read."""

    starts: int = 0
    deaths: int = 0  # that nobody asked for


class Slot:
    """Keeps one worker running. `gave_up` is told the exit status when it can't."""

    def __init__(self, plan: Plan, number: int, pace: Pace, gave_up: Callable[[int], None]) -> None:
        self.number: Final = number
        self.counts: Final = SlotCounts()
        self.child: Child | None = None
        self.children: Final[set[Child]] = set()  # with those that are leaving
        self.proven: Final = asyncio.Event()  # a worker has been ready here
        self._plan: Final = plan
        self._pace: Final = pace
        self._gave_up: Final = gave_up
        self._turn: Final = asyncio.Lock()  # one start at a time
        self._short = 0

    async def keep(self) -> None:
        """Start a worker, and another one whenever it dies, for ever."""
        while True:
            async with self._turn:
                if self.child is None or not self.child.running:
                    self.child = await self._begin()
                    await self._until_ready(self.child)
                child = self.child
            status = await child.ended()
            self.children.discard(child)
            if child is self.child:
                await self._died(child, status)

    async def replace(self) -> bool:
        """Put a new worker in the old one's place, once it is ready, and let the old one drain.

        False: the new one did not get ready, and the old one goes on.
        """
        async with self._turn:
            old, new = self.child, await self._begin()
            if not await self._until_ready(new):
                self.children.discard(new)
                return False
            self.child = new
        if old is not None:
            status = await old.leave(RETIRE, self._plan.leave_s)
            self.children.discard(old)
            _log.info("worker replaced", worker=self.number, pid=old.pid, code=status)
        return True

    def silence(self) -> float:
        """Return the seconds since the worker last said that it is alive; 0 while it starts."""
        child = self.child
        if child is None or (child.heard is None and self._age(child) < self._pace.ready):
            return 0.0
        return time.monotonic() - (child.heard or child.began)

    async def look(self) -> None:
        """Ask the worker how it is; one that has been silent for too long is killed."""
        child = self.child
        if child is None or not child.running:
            return
        await child.look()
        if child.ready:  # whichever look saw it first: it may go silent before the next one
            self.proven.set()
        if self.silence() > self._pace.silent:
            _log.error("worker does not answer: killing it", worker=self.number, pid=child.pid)
            child.tell(signal.SIGKILL)

    async def _begin(self) -> Child:
        """Start a worker. Raises OSError where none can be, and none has ever worked here.

        Later it is tried again: want of memory or processes must not end the other workers.
        """
        while True:
            try:
                child = await Child.start(self._plan, self.number)
            except OSError as error:
                if not self.proven.is_set():
                    raise
                _log.error(
                    "worker not started", worker=self.number, error_type=type(error).__name__
                )
                await asyncio.sleep(self._pace.last_pause)
            else:
                self.children.add(child)
                self.counts.starts += 1
                return child

    async def _until_ready(self, child: Child) -> bool:
        """Wait until a worker is ready; one that takes too long is killed."""
        ready = await child.readied(self._pace.ready)
        if ready:
            self.proven.set()
            _log.info("worker ready", worker=self.number, pid=child.pid)
        else:
            await child.leave(signal.SIGKILL, self._pace.ready)
        return ready

    async def _died(self, child: Child, status: int) -> None:
        """Decide what a death means: start again after a pause, or give up."""
        self.counts.deaths += 1
        self._short = self._short + 1 if self._age(child) < self._pace.short_life else 0
        _log.warning("worker ended", worker=self.number, pid=child.pid, code=status)
        if not self.proven.is_set() or self._short >= self._pace.most_short:
            # What never worked will not work by trying again, and whoever started us can see it.
            _log.critical("workers cannot run: stopping", worker=self.number, code=status)
            self._gave_up(status if status > 0 else 128 - status if status else 1)
            return
        pause = self._pace.first_pause * 2 ** max(0, self._short - 1)
        await asyncio.sleep(min(pause, self._pace.last_pause))

    @staticmethod
    def _age(child: Child) -> float:
        return time.monotonic() - child.began
