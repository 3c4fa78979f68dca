"""Keep the simulated time: the real one or a stopped one, put forward as a run says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final


def real_time() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


class SimulatedClock:
    """Tell the time of a run. Calling it gives an aware time in UTC."""

    def __init__(
        self,
        stopped_at: datetime | None = None,
        ahead: timedelta = timedelta(0),
        *,
        real: Callable[[], datetime] = real_time,
    ) -> None:
        """`stopped_at` replaces the real time; it has an offset."""
        self._stopped_at: Final = stopped_at
        self._real: Final = real
        self._ahead = ahead

    def __call__(self) -> datetime:
        """Return the simulated time."""
        return (self._stopped_at or self._real()).astimezone(UTC) + self._ahead

    def advance(self, span: timedelta) -> None:
        """Put the clock forward. Raises ValueError for a step back."""
        if span < timedelta(0):
            raise ValueError("a clock goes forward")
        self._ahead += span
