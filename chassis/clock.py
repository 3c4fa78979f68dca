"""Tell the time through a port, so that tests can hold it still."""

import time
from typing import Protocol


class Clock(Protocol):
    """Say what time it is; the only source of time outside transports."""

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC; may jump when the host's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary point; never goes back. Deadlines use this."""
        ...


class SystemClock:
    """Read the host's clocks."""

    __slots__ = ()

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return the host's monotonic clock in seconds."""
        return time.monotonic()
