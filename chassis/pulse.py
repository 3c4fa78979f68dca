"""Watch the event loop: how late it wakes, and whether it still turns."""

import asyncio
import time
from collections.abc import Callable
from typing import Final


class Pulse:
    """Measure the event loop's lag. `run` belongs in the service's TaskGroup."""

    def __init__(self, record: Callable[[float], None], interval: float = 0.25) -> None:
        self._record: Final = record
        self._interval: Final = interval
        self._last = time.monotonic()

    async def run(self) -> None:
        """Wake every interval, for ever, and record by how many seconds it was late."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(self._interval)
            self._last = time.monotonic()
            self._record(max(0.0, self._last - before - self._interval))

    def age(self) -> float:
        """Return the seconds since the loop last turned; safe to call from any thread."""
        return time.monotonic() - self._last
