"""Watch many deadlines with one timer of the event loop.

A timer for each call, made and cancelled, costs the loop more than all else that a batched call
does. Calls that end in time, as nearly all do, touch no timer here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar


class Timed(Protocol):
    """What has a deadline: `ends`, on the loop's clock, in seconds."""

    ends: float


W = TypeVar("W", bound=Timed)


class Deadlines(Generic[W]):
    """Calls `expire` with each that is watched when its time is over, and forgets it then."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[W], None]) -> None:
        self._loop: Final = loop
        self._expire: Final = expire
        self._watched: Final[set[W]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, timed: W) -> None:
        """Watch it until it is forgotten, or over."""
        self._watched.add(timed)
        if timed.ends < self._fires_at:
            self._set(timed.ends)

    def forget(self, timed: W) -> None:
        """Watch it no more; no effect if it was not watched. The timer stays for the others."""
        self._watched.discard(timed)

    def stop(self) -> None:
        """Forget all, and leave no timer behind."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._fires_at = None, math.inf

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at, self._timer = at, self._loop.call_at(at, self._fire)

    def _fire(self) -> None:
        # The loop may call a little early, by its clock's resolution: what was due is due.
        now = max(self._fires_at, self._loop.time())
        self._fires_at, self._timer = math.inf, None
        for timed in [each for each in self._watched if each.ends <= now]:
            self._watched.discard(timed)
            self._expire(timed)
        if self._watched and self._timer is None:
            self._set(min(each.ends for each in self._watched))
