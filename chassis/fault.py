"""The failure that a process must not outlive: whoever meets it notes it, and the service ends."""

from __future__ import annotations

import asyncio
from typing import Final, Never


class Fault:
    """Holds the first such failure. Made on the event loop that is to end."""

    def __init__(self) -> None:
        self._first: Final[asyncio.Future[Exception]] = asyncio.get_running_loop().create_future()

    def note(self, error: Exception) -> None:
        """Take the failure; later ones add nothing."""
        if not self._first.done():
            self._first.set_result(error)

    async def struck(self) -> Never:
        """Wait for the failure and raise it: the process ends, and begins anew."""
        raise await self._first
