"""Bound the work in flight, before a byte of it is parsed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


class InFlight:
    """Count calls in flight in one process; single-threaded, like the event loop that uses it."""

    __slots__ = ("_limit", "_now")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("at least one call must fit")
        self._limit: Final = limit
        self._now = 0

    def enter(self) -> bool:
        """Take a place, or say that there is none."""
        if self._now >= self._limit:
            return False
        self._now += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self._now -= 1

    @property
    def now(self) -> int:
        """Return how many calls are in flight."""
        return self._now


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bound calls of one process.

    The deadlines are for calls that bring none; a caller's own may be shorter or longer.
    """

    in_flight: int = 512
    deadline: timedelta = timedelta(seconds=10)
    stream_deadline: timedelta = timedelta(minutes=15)
    retry_after: timedelta = timedelta(milliseconds=200)
