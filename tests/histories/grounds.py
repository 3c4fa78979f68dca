"""Where histories are made: vaults over a store, and rounds of clients on a few cards at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message

from tests.doubles.clocks import FakeClock
from tests.histories.clients import CALLS, CLIENTS, Round, Send
from tests.histories.dice import Dice, LeakyViews
from tests.histories.explain import check
from tests.histories.history import Kind, Refused
from tests.histories.vaults import Vault
from vault.adapters.engine import Engine
from vault.adapters.memory.ports import open_memory
from vault.adapters.sqlite.open import open_sqlite

CARDS_AT_ONCE: Final = 3
_MOST_FINDINGS: Final = 20


@dataclass(slots=True)
class Played:
    """What came of rounds: what was asked and met, and every card whose history has no order."""

    operations: int = 0
    cards: int = 0
    met: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def add(self, other: Played) -> None:
        """Take over what came of other rounds."""
        self.operations += other.operations
        self.cards += other.cards
        self.met += other.met
        self.found += other.found

    def judge(self, finished: Round) -> None:
        """Take over a round, and look for an order of each card's calls."""
        self.operations += len(finished.ops)
        self.cards += len(finished.tokens)
        self.met += finished.met
        self.met["refused"] += sum(isinstance(op.said, Refused) for op in finished.ops)
        if len(finished.tokens) != 1:
            self.found.append(f"{finished.name}: one number became {len(finished.tokens)} cards")
        elif finding := check(finished.name, finished.ops):
            self.found.append(str(finding))


@dataclass(frozen=True, slots=True)
class Ground:
    """A store, how many vaults share it, and how they read."""

    name: str
    open: Callable[[Path], AbstractAsyncContextManager[Engine]]
    vaults: int = 1
    together: bool = False
    cached: bool = False


GROUNDS: Final = (
    Ground("memory, one vault", lambda _place: open_memory()),
    Ground("memory, two vaults", lambda _place: open_memory(), 2, together=True),
    Ground("memory, two vaults and a cache", lambda _place: open_memory(), 2, cached=True),
    Ground("SQLite, one vault", lambda place: open_sqlite(place / "vault.db")),
)


async def play(ground: Ground, seed: str, operations: int, place: Path) -> Played:
    """Play rounds on a ground until there are so many operations, or something was found."""
    async with (
        ground.open(place) as engine,
        running(ground, [engine] * ground.vaults, seed) as (sends, dice),
    ):
        played = await rounds(seed, operations, sends)
    played.met += dice.met
    return played


@asynccontextmanager
async def running(
    ground: Ground, engines: Sequence[Engine], seed: str, dice: Dice | None = None
) -> AsyncIterator[tuple[list[Send], Dice]]:
    """Run a vault on each engine until the block is left."""
    dice = dice or Dice(random.Random(f"{seed}/dice"))
    clock, views = FakeClock(), LeakyViews(dice) if ground.cached else None
    vaults = [
        Vault(f"{seed}/{at}", engine, dice, clock, views, ground.together)
        for at, engine in enumerate(engines)
    ]
    async with AsyncExitStack() as stack:
        for vault in vaults:
            stack.push_async_callback(_ended, asyncio.ensure_future(vault.run()))
        await asyncio.sleep(0)
        yield [vault.send for vault in vaults], dice


async def _ended(life: asyncio.Future[None]) -> None:
    life.cancel()
    await asyncio.wait([life])
    if not life.cancelled():
        life.result()


async def rounds(
    seed: str,
    operations: int,
    sends: Sequence[Send],
    at_once: int = CARDS_AT_ONCE,
    clients: int = CLIENTS,
    calls: int = CALLS,
) -> Played:
    """Play rounds side by side; a round's clients are spread over the vaults."""
    played, numbers, ticks = Played(), count(1), count(1)

    async def cards() -> None:
        while played.operations < operations and len(played.found) < _MOST_FINDINGS:
            name = f"{seed}/card {next(numbers)}"
            chance = random.Random(name)

            one = Round(name, _anyone(sends, chance), chance, ticks, clients, calls)
            await one.play()
            played.judge(one)

    async with asyncio.TaskGroup() as tasks:
        for _card in range(at_once):
            tasks.create_task(cards())
    return played


def _anyone(sends: Sequence[Send], chance: random.Random) -> Send:
    """Return a way to any of the vaults: each call goes where the dice say."""

    async def send(kind: Kind, request: Message) -> Any:
        return await chance.choice(sends)(kind, request)

    return send
