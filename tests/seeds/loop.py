"""An event loop without time, threads or files: several processes' loops, taken in a seeded order.

Every process of a simulated system is an `Actor` with a ready queue of its own, first in, first out
as asyncio promises it. Which actor's turn it is, is drawn; time stands still while any of them has
something to do, and then jumps to the next timer. So each run is one that real processes could have
had, and the same seed has the same run. An actor may be stopped for a while, as by SIGSTOP, or for
good, as by SIGKILL: its callbacks then wait, or are never called.

Whose a callback is, its context says: what a process starts, directly or not, is that process's.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, Final, TypeVarTuple, Unpack

_Ts = TypeVarTuple("_Ts")
START_S: Final = 1_000.0


class Stuck(Exception):
    """Nobody has anything to do any more, and what was waited for has not happened."""


class Actor:
    """One process, or the world around them."""

    __slots__ = ("context", "dead", "name", "paused", "ready")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.ready: Final[deque[_Turn]] = deque()
        self.dead = False
        self.paused = False
        self.context: Final[Context] = copy_context()
        self.context.run(_ACTOR.set, self)

    def __repr__(self) -> str:
        return f"<Actor {self.name}>"


_ACTOR: ContextVar[Actor] = ContextVar("actor")


class _Turn(asyncio.TimerHandle):
    """A callback that waits for its turn, or for its time."""

    __slots__ = ("actor",)

    def __init__(  # the base's would ask the loop for what is known here
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
    ) -> None:
        self._when: float = when
        self._callback: Callable[..., object] | None = callback
        self._args: Sequence[Any] = args
        self._context: Context = context
        self._cancelled: bool = False
        self.actor: Actor = context[_ACTOR]

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = None, ()

    def run(self) -> None:
        if self._callback is not None:
            self._context.run(self._callback, *self._args)


class _Task(asyncio.Task[Any]):
    """A task with a hash of its own: a set of them is else in the order of their addresses."""

    def __init__(self, coro: Coroutine[Any, Any, Any], serial: int, **rest: Any) -> None:
        self._serial: Final = serial  # first: the base puts itself into a set
        super().__init__(coro, **rest)

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class SeededLoop(asyncio.AbstractEventLoop):
    """Runs actors. `run` is the only way in; nothing here waits for anything outside."""

    def __init__(self, chance: Random) -> None:
        self._chance: Final = chance.random
        self._now = START_S
        self._timers: list[tuple[float, int, _Turn]] = []
        self._serial = 0
        self._runnable: list[Actor] = []
        self._tasks: list[tuple[asyncio.Task[Any], Actor]] = []
        self.world: Final = Actor("world")
        self.turns = 0
        self.halted = False

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run until `main`, a part of the world, is over; raise what it raises, or Stuck.

        Whoever sets `halted` has it end at once.
        """
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            task = self.create_task(main, context=self.world.context)
            while not (task.done() or self.halted):
                if not self._advance():
                    raise Stuck
            if task.done():
                task.result()
        finally:
            events._set_running_loop(before)

    def bury(self) -> None:
        """End all tasks that are left, the dead's included, so that none is found unfinished.

        What the dead still had to do is done now: nobody may be listening any more.
        """
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            for _round in range(100):
                left = [(task, actor) for task, actor in self._tasks if not task.done()]
                if not left:
                    break
                for task, actor in left:
                    actor.dead = actor.paused = False
                    self._wake(actor)
                    task.cancel()
                while self._advance():
                    pass
            for task, _actor in self._tasks:
                if task.done() and not task.cancelled():
                    task.exception()  # asked for: nobody is to be told of it later
        finally:
            events._set_running_loop(before)

    def kill(self, actor: Actor) -> None:
        """Have none of an actor's callbacks called any more."""
        actor.dead = True

    def pause(self, actor: Actor) -> None:
        """Have an actor's callbacks wait."""
        actor.paused = True

    def resume(self, actor: Actor) -> None:
        """Let an actor go on: everything that has come to be due at once."""
        actor.paused = False
        self._wake(actor)

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """Have the world do something in a while."""
        self._at(self._now + delay, callback, args, self.world.context)

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say nothing: it is the tasks' results that are judged."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        self._serial += 1
        task = _Task(coro, self._serial, loop=self, name=name or "task", context=context)
        self._tasks.append((task, _ACTOR.get() if context is None else context[_ACTOR]))
        return task

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        turn = _Turn(self._now, callback, args, copy_context() if context is None else context)
        self._enqueue(turn)
        return turn

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._at(self._now + max(0.0, delay), callback, args, context or copy_context())

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._at(when, callback, args, context or copy_context())

    def _at(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> _Turn:
        turn = _Turn(when, callback, args, context)
        self._serial += 1
        heapq.heappush(self._timers, (when, self._serial, turn))
        return turn

    def _enqueue(self, turn: _Turn) -> None:
        actor = turn.actor
        if not (actor.ready or actor.paused or actor.dead):
            self._runnable.append(actor)
        actor.ready.append(turn)

    def _wake(self, actor: Actor) -> None:
        if actor.ready and actor not in self._runnable:
            self._runnable.append(actor)

    def _advance(self) -> bool:
        """Give one actor its turn of the loop, or let time pass; tell whether anything is left."""
        runnable = self._runnable
        if not runnable:
            while self._timers:
                when, _serial, turn = heapq.heappop(self._timers)
                if not turn._cancelled:
                    self._now = max(self._now, when)
                    self._enqueue(turn)
                    return True
            return False
        at = int(self._chance() * len(runnable)) if len(runnable) > 1 else 0
        actor = runnable[at]
        ready = actor.ready
        for _each in range(len(ready)):
            if actor.dead or actor.paused:
                break
            ready.popleft().run()
            self.turns += 1
        if actor.dead or actor.paused or not ready:
            runnable.remove(actor)
        return True
