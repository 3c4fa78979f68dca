"""Stores that misbehave in one way each, around a store that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import CommitInDoubt, Store, StoreError


class Interleaved:
    """Lets `meanwhile` happen between the read and the write of the first `times` flushes."""

    def __init__(
        self, inner: Store, meanwhile: Callable[[], Awaitable[object]], times: int = 1
    ) -> None:
        self._inner = inner
        self._meanwhile = meanwhile
        self._times = times
        self.reads = 0

    async def read(self, chain: str, want: Want) -> State:
        state = await self._inner.read(chain, want)
        self.reads += 1
        if self.reads <= self._times:
            await self._meanwhile()
        return state

    async def write(self, delta: Delta) -> None:
        await self._inner.write(delta)


class Gated:
    """Holds every write until the gate opens; counts what each flush carries."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.gate = asyncio.Event()
        self.writing = asyncio.Event()
        self.flushes: list[list[str]] = []  # the tenants of each flush's cards, in order

    async def read(self, chain: str, want: Want) -> State:
        return await self._inner.read(chain, want)

    async def write(self, delta: Delta) -> None:
        self.flushes.append([key.tenant for key in delta.cards])
        self.writing.set()
        await self.gate.wait()
        await self._inner.write(delta)


class Unanswered:
    """Loses the answer of the first commit, which happened or did not."""

    def __init__(self, inner: Store, *, committed: bool) -> None:
        self._inner = inner
        self._committed = committed
        self._lost = False

    async def read(self, chain: str, want: Want) -> State:
        return await self._inner.read(chain, want)

    async def write(self, delta: Delta) -> None:
        if self._lost:
            await self._inner.write(delta)
            return
        self._lost = True
        if self._committed:
            await self._inner.write(delta)
        raise CommitInDoubt("the answer never came")


class Failing:
    """Raises `error` from every write while it is set."""

    def __init__(self, inner: Store, error: StoreError | None) -> None:
        self._inner = inner
        self.error = error
        self.writes = 0

    async def read(self, chain: str, want: Want) -> State:
        return await self._inner.read(chain, want)

    async def write(self, delta: Delta) -> None:
        self.writes += 1
        if self.error is not None:
            raise self.error
        await self._inner.write(delta)
