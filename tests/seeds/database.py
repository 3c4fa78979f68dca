"""One database that several processes share, as PostgreSQL is: far away, in trouble, with leases.

The tables, and what a write checks, are the vault's own store in memory. What a statement does
happens here, in the world: a process that is stopped or killed meanwhile changes nothing about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol, TypeVar

from chassis.events.ports import LeaseLost
from tests.doubles.decide_bench import drive
from tests.seeds.loop import SeededLoop
from vault.adapters.engine import Engine
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.domain.audit import ChainHead
from vault.usecases.ledger.delta import Delta
from vault.usecases.ports import (
    CommitInDoubt,
    Conflict,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

T = TypeVar("T")
CHAIN_LEASE_S: Final = 6.0
_GIVES_UP_S: Final = 0.5
"""When a process takes a statement without an answer for lost."""


class Witness(Protocol):
    """Is told what has become durable, and what housekeeping has deleted, as it happens.

    `position` counts the commits; a flush says behind which of them it has read.
    """

    @property
    def position(self) -> int: ...

    def committed(self, who: object, delta: Delta, read_at: int) -> None: ...

    def forgotten(self, table: str, rows: dict[Any, Any]) -> None: ...


@dataclass
class Weather:
    """What the database does to whoever asks it now; times are the loop's."""

    down_until: float = 0.0
    full_until: float = 0.0
    slow_until: float = 0.0
    doubtful: float = 0.0  # chance of a write whose answer is lost
    contended: float = 0.0  # chance of a flush that a rival's makes start again

    def clear(self) -> None:
        self.down_until = self.full_until = self.slow_until = 0.0
        self.doubtful = self.contended = 0.0


class Database:
    """Tables, leases and weather."""

    def __init__(self, loop: SeededLoop, chance: Random, witness: Witness) -> None:
        self.loop: Final = loop
        self.tables: Final = Tables()
        self.engine: Final[Engine] = engine_over(self.tables)
        self.weather: Final = Weather()
        self.chain_leases: Final[dict[str, float]] = {}
        self.witness: Final = witness
        self._chance: Final = chance
        self.over = False
        self.statements = 0
        self.doubts = 0

    def now(self) -> float:
        return self.loop.time()

    async def asked(self, work: Callable[[], T], *, writes: bool = False) -> T:
        """Have a statement carried out, on its way there and back through the weather."""
        if self.over:
            raise StoreUnavailable("the simulation is over")
        self.statements += 1
        answer: asyncio.Future[T] = self.loop.create_future()
        self.loop.later(self._way(), self._arrived, work, answer, writes)
        return await answer

    def commit(self, who: object, delta: Delta, read_at: int) -> None:
        """Write a flush, or raise a StoreError with nothing written."""
        if self.over:
            raise StoreUnavailable("the simulation is over")
        drive(self.engine.store.write(delta))
        self.chain_leases[delta.head.chain] = self.now() + CHAIN_LEASE_S
        self.witness.committed(who, delta, read_at)

    def abandoned(self, for_s: float) -> list[ChainHead]:
        """Return the open chains whose leases were given back, or ran out that long ago."""
        over = self.now() - for_s
        leases = self.chain_leases
        heads = drive(self.engine.audit.open_chains())
        return [h for h in heads if leases.get(h.chain, 0) == 0 or leases[h.chain] <= over]

    def contends(self) -> None:
        """Raise Conflict now and then, as a serialization failure does."""
        if self.weather.contended and self._chance.random() < self.weather.contended:
            raise Conflict("a rival was faster")

    def _way(self) -> float:
        far = self._chance.random() * 0.004 + 0.0005
        if self.now() < self.weather.slow_until:
            far += self._chance.random() * 1.5
        return far

    def _arrived(self, work: Callable[[], T], answer: asyncio.Future[T], writes: bool) -> None:
        weather, now = self.weather, self.now()
        if self.over:
            _fails(answer, StoreUnavailable("the simulation is over"))
            return
        if now < weather.down_until:
            # A write that was on its way when the lights went out: nobody knows.
            self.loop.later(_GIVES_UP_S, _fails, answer, StoreUnavailable("down"))
            return
        if not writes:
            _does(work, answer)
            return
        if now < weather.full_until:
            _fails(answer, StoreFull("full"))
            return
        if weather.doubtful and self._chance.random() < weather.doubtful:
            self._loses_the_answer(work, answer)
            return
        done: asyncio.Future[T] = self.loop.create_future()
        _does(work, done)
        self.loop.later(self._way(), _passes_on, done, answer)

    def _loses_the_answer(self, work: Callable[[], T], answer: asyncio.Future[T]) -> None:
        """Carry out a write, or not, or only when the asker has long given up."""
        self.doubts += 1
        how = self._chance.random()
        nobody: asyncio.Future[T] = self.loop.create_future()
        if how < 0.5:
            _does(work, nobody)
        elif how < 0.75:
            self.loop.later(self._chance.random() * 3, _does, work, nobody)
        self.loop.later(_GIVES_UP_S, _fails, answer, CommitInDoubt("no answer"))


def _does(work: Callable[[], T], answer: asyncio.Future[T]) -> None:
    try:
        value = work()
    except (StoreError, LeaseLost) as error:
        _fails(answer, error)
    else:
        if not answer.done():
            answer.set_result(value)


def _fails(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # whoever waits may be dead, and an answer nobody hears is no fault


def _passes_on(done: asyncio.Future[T], answer: asyncio.Future[T]) -> None:
    error = done.exception()
    if error is not None:
        _fails(answer, error if isinstance(error, Exception) else RuntimeError("ended"))
    elif not answer.done():
        answer.set_result(done.result())
