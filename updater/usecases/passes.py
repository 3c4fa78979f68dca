"""Passes over the vault's cards for whoever asks: shared, and not one for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from updater.usecases.ports import Clock

MOMENTS_US: Final = 5_000_000
"""How long a pass counts as one that has just been made."""


@dataclass(slots=True)
class _Turns:
    """One tenant's passes: how many began, which one ended last, and when that one began."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    ended: int = 0
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Passes:
    """Run a tenant's passes one at a time; callers that wait for the same one share it."""

    enrol: Callable[[str], Awaitable[int]]
    clock: Clock
    _tenants: dict[str, _Turns] = field(default_factory=dict)

    async def recent(self, tenant: str) -> None:
        """Return once a pass that began moments ago, or since the call, has ended well."""
        turns = self._of(tenant)
        if turns.at is not None and 0 <= self.clock.now_us() - turns.at < MOMENTS_US:
            return
        await self.fresh(tenant)

    async def fresh(self, tenant: str) -> None:
        """Return once a pass that began after the call has ended well; raises what it raised."""
        turns = self._of(tenant)
        asked = turns.begun
        async with turns.lock:
            if turns.ended > asked:
                return  # while this call waited its turn
            turns.begun += 1
            mine, began = turns.begun, self.clock.now_us()
            await self.enrol(tenant)
            turns.ended, turns.at = mine, began

    def _of(self, tenant: str) -> _Turns:
        return self._tenants.setdefault(tenant, _Turns())
