"""Tell the time through a port, so that tests can hold it still."""

import time
from typing import Final, Protocol


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


class UnhurriedClock:
    """Tell the time for what cannot be undone: a host's clock set forward does not hurry it.

    It is never ahead of the host's, nor of its own pace since it was made: after a step forward it
    goes on as before, until the step has stood for a day. Then it was a correction, and is taken
    over. A step back is followed at once.

    `known_us` is the newest time on record from before it was made: a host's clock that is ahead of
    that may have been set while nobody looked, and has to stand for a day as well. Without it, what
    a process meets at its start is believed.

    Whoever stamps what is erased by this clock takes `host_us`: a step back that is set right
    again before anybody looks would not be seen, and what was stamped meanwhile be too old.
    """

    __slots__ = ("_at_us", "_clock", "_host_us", "_seen", "_since")

    BELIEVED_S: Final = 86_400.0
    LEAST_STEP_US: Final = 1_000_000

    def __init__(self, clock: Clock, known_us: int | None = None) -> None:
        self._clock: Final = clock
        self._at_us = self._host_us = clock.now_us()
        if known_us is not None:
            self._at_us = min(self._at_us, known_us)
        self._seen = self._since = clock.monotonic()  # since when the host's clock was not set

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC; late by a step that is not believed yet."""
        seen, host_us = self._clock.monotonic(), self._clock.now_us()
        passed_us = round((seen - self._seen) * 1_000_000)
        if abs(host_us - self._host_us - passed_us) > self.LEAST_STEP_US:
            self._since = seen
        believed = seen - self._since >= self.BELIEVED_S
        self._at_us = host_us if believed else min(host_us, self._at_us + passed_us)
        self._host_us, self._seen = host_us, seen
        return self._at_us

    def host_us(self) -> int:
        """Return the host's time, having taken note of it."""
        self.now_us()
        return self._host_us
