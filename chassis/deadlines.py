"""Limit waits by deadlines that share one timer of the event loop.

`asyncio.timeout` makes and cancels a timer of its own for each call, which is more work for the
loop than many a call. Calls that end in time, as nearly all do, touch no timer here: the one there
is fires at the earliest deadline that it was set for, and is then set for the next.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Any, Final, Self


class Deadlines:
    """All limits of one event loop. Not for several loops, nor for threads."""

    def __init__(self) -> None:
        self._open: Final[set[Limit]] = set()
        self._fires_at = math.inf

    def within(self, seconds: float | None) -> Limit:
        """Return a limit, to be entered with `with` by the task that waits; None is no limit."""
        return Limit(self, seconds)

    def enter(self, limit: Limit, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a limit; see that the timer fires in time for it."""
        self._open.add(limit)
        if limit.ends < self._fires_at:
            self._set(limit.ends, loop)

    def leave(self, limit: Limit) -> None:
        """Forget a limit."""
        self._open.discard(limit)

    def _set(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        self._fires_at = at
        loop.call_at(at, self._fire, at, loop)

    def _fire(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        if at != self._fires_at:
            return  # a timer for an earlier deadline has seen to this one's
        now = max(at, loop.time())
        for limit in [each for each in self._open if each.ends <= now]:
            self._open.discard(limit)
            limit.expire()
        self._fires_at = math.inf
        if self._open:
            self._set(min([each.ends for each in self._open]), loop)


class Limit:
    """One wait. When its time is over the task is cancelled, and the block raises TimeoutError."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_seconds", "_task", "ends")

    def __init__(self, deadlines: Deadlines, seconds: float | None) -> None:
        self._deadlines: Final = deadlines
        self._seconds: Final = seconds
        self._expired = False
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self.ends = math.inf

    def __enter__(self) -> Self:
        if self._seconds is not None:
            self._task = asyncio.current_task()
            if self._task is None:
                raise RuntimeError("only a task can wait")
            self._cancelling = self._task.cancelling()
            loop = self._task.get_loop()
            self.ends = loop.time() + self._seconds
            self._deadlines.enter(self, loop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._task is None:
            return
        self._deadlines.leave(self)
        # As asyncio.timeout: a cancellation that came from elsewhere as well goes on.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error

    def expire(self) -> None:
        """End the wait: its time is over."""
        self._expired = True
        if self._task is not None:
            self._task.cancel()
