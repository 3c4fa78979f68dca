"""How masked cards are read: from the store, calls in flight together, or through the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from chassis.clock import Clock
from vault.adapters.engine import Engine
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_views
from vault.config import VaultConfig
from vault.crypto.keys import KeyPurpose
from vault.crypto.mac import MacKey
from vault.metrics import Reading
from vault.rpc.cards import ReadViews
from vault.rpc.cards_out import VIEW_FORM, encoded_view
from vault.telemetry import cache_readings, together_readings
from vault.usecases.coalesced import CoalescedReads
from vault.usecases.key_making import KeyMaker
from vault.usecases.masked_views import CachedViews, Shown
from vault.usecases.ports import Keyring, Kms


@dataclass(frozen=True, slots=True)
class MaskedReads:
    """The way to read, what runs for it beside the calls, and what it counts."""

    read: ReadViews
    work: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    readings: tuple[Reading, ...] = ()

    def running(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what is to run for as long as calls are answered."""
        return tuple(each() for each in self.work)


@asynccontextmanager
async def open_masked_reads(
    config: VaultConfig, engine: Engine, kms: Kms, keyring: Keyring, clock: Clock
) -> AsyncIterator[MaskedReads]:
    """Open the way that the settings ask for; a vault starts without its Redis.

    SQLite answers within the event loop, in less time than putting calls together takes.
    """
    settings = config.views
    if settings is None:
        if config.postgres is None:
            yield MaskedReads(engine.reader.cards)
            return
        cards = CoalescedReads(engine.reader.cards)
        yield MaskedReads(cards.read, (cards.run,), tuple(together_readings(cards.counts)))
        return
    maker = KeyMaker(engine.keys, kms, clock.now_us)
    (row, secret), *_older = await maker.unwrapped("", [KeyPurpose.VIEW_NAME])
    names, breaker = MacKey(row.key_id, secret), Breaker(clock)
    ttl_s = config.card_cache_ttl.total_seconds()
    async with open_views(settings, breaker, names, form=VIEW_FORM, ttl_s=ttl_s) as views:
        cached = CachedViews(engine.reader, views, keyring, encoded_view, VIEW_FORM)
        shown: CoalescedReads[Shown] = CoalescedReads(cached.read)
        counted = (*together_readings(shown.counts), *cache_readings(cached.counts, breaker))
        yield MaskedReads(shown.read, (shown.run, cached.run), counted)
