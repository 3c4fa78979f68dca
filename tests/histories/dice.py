"""Doubles around a store's ports that are late and in trouble, by dice that a seed throws.

They give others their turn, lose the answer of a commit that was made or was not, fail, and end the
process in the middle of a flush.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.queries import CardQuery
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import CardReader, CommitInDoubt, Store, StoreError, StoreUnavailable

T = TypeVar("T")


class Killed(Exception):
    """The process ends here; nothing behind it happens."""


@dataclass(slots=True)
class Dice:
    """How often what happens, of all writes; `met` counts what did."""

    chance: random.Random
    turns: int = 4
    in_doubt: float = 0.01  # half of them committed
    away: float = 0.01
    killed: float = 0.005  # half of them behind the commit
    met: Counter[str] = field(default_factory=Counter)

    async def pause(self) -> None:
        """Give others their turn, some times."""
        for _turn in range(self.chance.randrange(self.turns + 1)):
            await asyncio.sleep(0)

    def trouble(self) -> StoreError | Killed | None:
        """Return what becomes of a write."""
        thrown = self.chance.random()
        for share, name, error in (
            (self.in_doubt, "commits in doubt", CommitInDoubt("no answer")),
            (self.away, "failed writes", StoreUnavailable("away")),
            (self.killed, "processes killed", Killed()),
        ):
            if thrown < share:
                self.met[name] += 1
                return error
            thrown -= share
        return None


class DicedStore:
    """`Store`, late and in trouble as the dice say."""

    def __init__(self, inner: Store, dice: Dice) -> None:
        self._inner: Final = inner
        self._dice: Final = dice

    async def read(self, chain: str, want: Want) -> State:
        await self._dice.pause()
        state = await self._inner.read(chain, want)
        await self._dice.pause()
        return state

    async def write(self, delta: Delta) -> None:
        await self._dice.pause()
        trouble = self._dice.trouble()
        if isinstance(trouble, StoreUnavailable):
            raise trouble
        if trouble is None or self._dice.chance.random() < 0.5:
            await self._inner.write(delta)
        await self._dice.pause()
        if trouble is not None:
            raise trouble


class LateReader:
    """`CardReader` whose answers are asked for, and come, after some turns of others."""

    def __init__(self, inner: CardReader, dice: Dice) -> None:
        self._inner: Final = inner
        self._dice: Final = dice

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        return await self._late(self._inner.cards, keys)

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        return await self._late(self._inner.editions, keys)

    async def list_cards(self, query: CardQuery) -> list[Card]:
        return await self._late(self._inner.list_cards, query)

    async def list_tokens(self, query: CardQuery) -> list[str]:
        return await self._late(self._inner.list_tokens, query)

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        return await self._late(self._inner.versions, key, below, limit)

    async def _late(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        await self._dice.pause()
        answer = await work(*arguments)
        await self._dice.pause()
        return answer


class LeakyViews:
    """`SealedViews` that all vaults share; it forgets, and keeps what came too late."""

    away = False

    def __init__(self, dice: Dice) -> None:
        self._dice: Final = dice
        self._kept: Final[dict[CardKey, bytes]] = {}

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        await self._dice.pause()
        return {key: self._kept[key] for key in keys if key in self._kept}

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        await self._dice.pause()
        self._kept.update(views)
        return self._dice.chance.random() < 0.9
