"""Reads of all callers in flight, put together: one statement answers them.

While one is under way the next batch gathers. No timer, no added latency when idle, and a caller
never gets what was read before it asked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from chassis.spans import Span, step, together
from vault.domain.card import CardKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import StoreUnavailable

T = TypeVar("T")
Read = Callable[[Sequence[CardKey]], Awaitable[Mapping[CardKey, T]]]

LANES: Final = 2
"""Batches under way at once: a long one must not hold up everybody behind it."""
MOST_KEYS: Final = 1_000
"""Keys of one batch; a call with more is a batch of its own."""
MOST_WAITING: Final = 20_000
"""Keys that may wait: beyond that a call is refused before it costs anything."""


@dataclass(slots=True)
class ReadCounts:
    """What metrics read."""

    calls: int = 0
    batches: int = 0


class _Call(NamedTuple):
    keys: Sequence[CardKey]
    answer: asyncio.Future[Mapping[CardKey, object]]
    span: Span | None = None  # of the wait, where the call is sampled


class CoalescedReads(Generic[T]):
    """Reads cards by batches. `run()` belongs in the service's TaskGroup."""

    def __init__(self, read: Read[T], lanes: int = LANES) -> None:
        self._read: Final = read
        self._lanes: Final = lanes
        self._waiting: deque[_Call] = deque()
        self._keys = 0
        self._wake: Final = asyncio.Event()
        self._ended = False
        self.counts: Final = ReadCounts()

    async def read(self, keys: Sequence[CardKey]) -> Mapping[CardKey, T]:
        """Return what there is for `keys`.

        Raises what the read raises, and VaultError(OVERLOADED) when too much waits.
        """
        if self._ended:
            raise StoreUnavailable("the vault is stopping")
        if self._keys and self._keys + len(keys) > MOST_WAITING:
            raise VaultError(Reason.OVERLOADED)
        with step("reads.wait") as span:
            call = _Call(keys, asyncio.get_running_loop().create_future(), span)
            self._waiting.append(call)
            self._keys += len(keys)
            self._wake.set()
            return await call.answer  # type: ignore[return-value]

    async def run(self) -> None:
        """Read for ever; whoever waits at the end is told."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for _lane in range(self._lanes):
                    lanes.create_task(self._work())
        finally:
            self._ended = True
            for call in self._waiting:
                _fail(call, StoreUnavailable("the vault is stopping"))

    async def _work(self) -> None:
        while True:
            batch = self._take()
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._answer(batch)
            finally:
                for call in batch:  # only where this lane was cancelled
                    _fail(call, StoreUnavailable("the vault is stopping"))

    def _take(self) -> list[_Call]:
        """Take calls in order, as many as fit; those whose callers have gone are dropped."""
        batch: list[_Call] = []
        room = MOST_KEYS
        while self._waiting:
            size = len(self._waiting[0].keys)
            if batch and size > room:
                break
            call = self._waiting.popleft()
            self._keys -= size
            if not call.answer.done():
                room -= size
                batch.append(call)
        return batch

    async def _answer(self, batch: list[_Call]) -> None:
        self.counts.batches += 1
        self.counts.calls += len(batch)
        keys = batch[0].keys
        if len(batch) > 1:
            keys = list({key for call in batch for key in call.keys})
        try:
            with together("reads.batch", [call.span for call in batch]):
                found = await self._read(keys)
        except StoreUnavailable as error:
            for call in batch:
                _fail(call, StoreUnavailable(*error.args))
        except Exception as error:  # noqa: BLE001 - handed to the callers whose read it was
            if len(batch) == 1:
                _fail(batch[0], error)
            else:
                # One caller's keys must not spoil its neighbours' read.
                for call in batch:
                    await self._answer([call])
        else:
            for call in batch:
                if not call.answer.done():
                    # Nobody is handed what another caller, perhaps another tenant's, asked for.
                    own = {key: found[key] for key in call.keys if key in found}
                    call.answer.set_result(own)


def _fail(call: _Call, error: Exception) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)
