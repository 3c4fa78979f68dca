"""Masked reads through a real Redis over rows that change: each answer checked, and timed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from chassis.clock import SystemClock
from tests.contract.ledger_rows import a_card
from tests.doubles.vault_ledger import WarmKeyring
from tests.doubles.vault_views import SlowCards
from tests.parts.redis.conftest import NAMES
from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_views
from vault.domain.card import Card, CardKey
from vault.usecases.coalesced import CoalescedReads
from vault.usecases.masked_views import CachedViews, Shown
from vault.usecases.ports import SealedViews

FORM: Final = b"formform"
CARDS: Final = 40


def encode(card: Card) -> bytes:
    return f"{card.token} {card.revision}".encode()


class Shelf:
    """The cache; `crossed`, it hands each answer to the next key, like a driver that lost count."""

    def __init__(self, inner: SealedViews) -> None:
        self.crossed = False
        self.inner = inner

    @property
    def away(self) -> bool:
        return self.inner.away

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        found = await self.inner.get(keys)
        if not self.crossed:
            return found
        entries = list(found.values())
        return dict(zip(found, entries[1:] + entries[:1], strict=True))

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        return await self.inner.put(views)


@dataclass
class Cached:
    """One process's reads; `changed` commits and acknowledges a change made by another."""

    views: CachedViews
    reads: CoalescedReads[Shown]
    breaker: Breaker
    rows: dict[CardKey, Card]
    shelf: Shelf
    patience_s: float
    seconds: list[float] = field(default_factory=list)
    quiet_p99: float = 0.0
    opened_at: float = 0.0

    async def read(self, *keys: CardKey) -> None:
        """Read; whatever is shown must be no older than what was acknowledged before."""
        before = {key: self.rows[key].revision for key in keys}
        begun = time.monotonic()
        found = await self.reads.read(keys)
        self.seconds.append(time.monotonic() - begun)
        if self.breaker.open and not self.opened_at:
            self.opened_at = time.monotonic()
        assert set(found) == set(keys)
        for key in keys:
            shown = found[key]
            token, revision = (encode(shown) if isinstance(shown, Card) else shown).split()
            assert (token.decode() == key.token) is True
            assert before[key] <= int(revision) <= self.rows[key].revision

    def change(self, key: CardKey) -> None:
        """Commit a change and acknowledge it."""
        card = self.rows[key]
        self.rows[key] = card._replace(revision=card.revision + 1)

    async def load(self, seconds: float, callers: int = 8) -> None:
        """Read and change for so long."""
        end = time.monotonic() + seconds
        keys = list(self.rows)

        async def caller() -> None:
            while time.monotonic() < end:
                await self.read(*random.sample(keys, 3))
                await asyncio.sleep(0.002)

        async def writer() -> None:
            while time.monotonic() < end:
                self.change(random.choice(keys))
                await asyncio.sleep(0.01)

        await asyncio.gather(writer(), *[caller() for _ in range(callers)])

    async def load_until(self, done: Callable[[], Awaitable[bool]], within_s: float) -> None:
        """Keep reading until something is the case; each round reads and changes."""
        end = time.monotonic() + within_s
        while not await done():
            assert time.monotonic() < end
            await self.load(0.1)

    async def hit(self, *keys: CardKey) -> bool:
        """Tell whether the cache has some of these again, or of all."""
        before = self.views.counts.hits
        await self.read(*(keys or self.rows))
        return self.views.counts.hits > before

    @property
    def slowed_within_bounds(self) -> bool:
        """Tell whether trouble adds no more than the patience to the slowest of a hundred reads.

        Beside the same run's quiet reads: other work on the machine slows both.
        """
        return self.p99 < 3 * self.quiet_p99 + self.patience_s + 0.05

    @property
    def p99(self) -> float:
        """Return the 99th percentile of all reads, in seconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@asynccontextmanager
async def cached(settings: RedisSettings) -> AsyncIterator[Cached]:
    """Read through a cache whose views are all there already, where Redis answers."""
    breaker = Breaker(SystemClock())
    rows = {card.key: card for card in (a_card(f"tok_{n}") for n in range(CARDS))}
    async with (
        open_views(settings, breaker, NAMES, form=FORM, ttl_s=60.0) as opened,
        asyncio.TaskGroup() as tasks,
    ):
        shelf = Shelf(opened)
        views = CachedViews(SlowCards(rows, random.Random(1)), shelf, WarmKeyring(), encode, FORM)
        site = Cached(views, CoalescedReads(views.read), breaker, rows, shelf, settings.timeout_s)
        running = [tasks.create_task(part.run()) for part in (views, site.reads)]
        await site.load_until(site.hit, 30.0)
        site.seconds.clear()
        await site.load(0.5)
        site.quiet_p99 = site.p99
        site.seconds.clear()
        yield site
        for task in running:
            task.cancel()
