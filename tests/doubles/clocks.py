"""A clock that moves only when told."""

from datetime import timedelta


class FakeClock:
    """Start at `start_us` after the epoch; both scales advance together."""

    def __init__(self, start_us: int = 1_700_000_000_000_000) -> None:
        self._now_us = start_us
        self._monotonic = 1_000.0

    def now_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta | float) -> None:
        """Move on by a timedelta, or by seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError("a clock of ours never goes back")
        self._now_us += step // timedelta(microseconds=1)
        self._monotonic += step.total_seconds()
