"""A duty that a test gives and takes."""

from __future__ import annotations

import asyncio

from updater.domain.errors import StandsBy


class HandDuty:
    """`Duty`, moved by hand."""

    def __init__(self) -> None:
        self._on, self._off, self._wanted = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._off.set()

    def take(self) -> None:
        """Let this process work."""
        self._off.clear()
        self._on.set()

    def lose(self) -> None:
        """Let another one work."""
        self._on.clear()
        self._off.set()

    async def taken(self) -> None:
        await self._on.wait()

    async def lost(self) -> None:
        await self._off.wait()

    def want(self, *, wanted: bool = True) -> None:
        """Let another one want its share, or no more."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def wanted(self) -> None:
        await self._wanted.wait()

    async def hand_over(self) -> bool:
        if not self._wanted.is_set():
            return False
        self._wanted.clear()
        self.lose()
        return True

    async def confirm(self) -> None:
        if not self._on.is_set():
            raise StandsBy("another updater process does the work")
