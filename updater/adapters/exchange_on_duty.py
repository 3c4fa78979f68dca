"""The exchange directory of a process that may be replaced: asks who works before it changes it.

A directory cannot compare a fence. So a process that was paused, and replaced meanwhile, is kept
from moving files by asking the database right before; what is left open is the moment in between.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from updater.domain.feed import FeedFile, Sighting
from updater.usecases.ports import Duty
from updater.usecases.ports_exchange import Exchange, Shelf


class ExchangeOnDuty:
    """`Exchange`; every change raises StandsBy where another process works."""

    def __init__(self, exchange: Exchange, duty: Duty) -> None:
        self._exchange: Final = exchange
        self._duty: Final = duty

    async def stage(self, name: str, sealed: bytes) -> None:
        """Write a file where nobody looks; see `Exchange`."""
        await self._duty.confirm()
        await self._exchange.stage(name, sealed)

    async def send(self, name: str) -> None:
        """Give the staged file its name in the outbox; see `Exchange`."""
        await self._duty.confirm()
        await self._exchange.send(name)

    async def arrivals(self) -> Sequence[Sighting]:
        """List the inbox."""
        return await self._exchange.arrivals()

    async def read(self, name: str, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file of the inbox."""
        return await self._exchange.read(name, limit=limit)

    async def reopen(self, file: FeedFile, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file that is done with."""
        return await self._exchange.reopen(file, limit=limit)

    async def shelve(
        self, name: str, shelf: Shelf, file: FeedFile, *, instead: bytes | None = None
    ) -> None:
        """Take a file out of the inbox; see `Exchange`."""
        await self._duty.confirm()
        await self._exchange.shelve(name, shelf, file, instead=instead)

    async def purge(self, older_than: timedelta) -> int:
        """Delete what was sent or shelved so long ago."""
        await self._duty.confirm()
        return await self._exchange.purge(older_than)
