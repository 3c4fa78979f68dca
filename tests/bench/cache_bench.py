"""Print what a masked read costs, from the store and through Redis: whether the cache pays.

    python -m tests.bench.cache_bench [--seconds 0.5] [--store sqlite|postgres]

Starts a PostgreSQL and a Redis of its own (tests/parts/servers). Ways: `direct`, each call a read
of its own; `together`, the calls in flight put together; `cache`, that with every view found in
Redis; `filling`, the same with none there, the sealing and keeping included. A read ends with the
reply's message; no RPC is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from chassis.clock import SystemClock
from tests.bench.proc import tree_cpu_seconds
from tests.contract.ledger_rows import a_card, add_cards
from tests.doubles.vault_ledger import WarmKeyring
from tests.parts.servers.postgres import postgres_server
from tests.parts.servers.redis import RedisServer, redis_server
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.adapters.redis.address import RedisSettings, parse_address
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.open import open_views
from vault.adapters.sqlite.open import open_sqlite
from vault.crypto.mac import MacKey
from vault.domain.card import Card, CardKey, StoredCredential, pack, pack_stored_credentials
from vault.rpc.cards_out import VIEW_FORM, View, encoded_view, view_of
from vault.usecases.coalesced import CoalescedReads
from vault.usecases.masked_views import CachedViews, Shown
from vault.usecases.ports import SealedViews

CARDS: Final = 1_000
STORES: Final = ("sqlite", "postgres")
WAYS: Final = ("direct", "together", "cache", "filling")
LOADS: Final = {"one at a time": (1, 1), "64 in flight": (64, 1), "batches of 100": (1, 100)}
_VIEW: Final = View.of(8, fingerprint=True)
Read = Callable[[Sequence[CardKey]], Awaitable[Mapping[CardKey, Shown]]]


class Cost(NamedTuple):
    """What one card's masked read costs, in microseconds; `wall` is a call's."""

    store: str
    cards: str
    load: str
    way: str
    vault: float
    database: float
    redis: float
    wall: float

    @property
    def cpu(self) -> float:
        """Return the CPU time of all three."""
        return self.vault + self.database + self.redis


def shapes() -> dict[str, Callable[[str], Card]]:
    """Return cards without anything but a number, as usual, and with all that may be kept."""

    def agreements(count: int) -> str:
        ids = (("MASTERCARD", "MCC1234560101"), ("VISA", "123456789012345"))
        rows = [
            StoredCredential(f"shop-{n}", "RECURRING", "CARDHOLDER", 10**15, f"ref-{n}", 0, ids)
            for n in range(count)
        ]
        return pack_stored_credentials(tuple(rows))

    def metadata(pairs: int, size: int) -> str:
        return pack({f"key{n}": os.urandom(size // 2).hex() for n in range(pairs)})

    sealed = os.urandom(250)
    return {
        "bare": lambda token: a_card(token, sealed=sealed),
        "usual": lambda token: a_card(
            token, sealed=sealed, stored_credentials=agreements(1), metadata=metadata(4, 20)
        ),
        "largest": lambda token: a_card(
            token, sealed=sealed, stored_credentials=agreements(5), metadata=metadata(20, 190)
        ),
    }


class _Blind:
    """A cache that is asked in vain, and filled: what the first read of every card costs."""

    def __init__(self, views: SealedViews) -> None:
        self._views = views
        self.away = False

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        await self._views.get(keys)
        return {}

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        return await self._views.put(views)


class _Meter:
    """CPU of this process, the database's and Redis's, in seconds."""

    def __init__(self, pids: Sequence[int | None]) -> None:
        self._pids = pids

    def read(self) -> tuple[float, ...]:
        others = [0.0 if pid is None else tree_cpu_seconds(pid) for pid in self._pids]
        return (time.process_time(), *others, time.perf_counter())


async def _drive(read: Read, keys: Sequence[CardKey], load: str, seconds: float) -> int:
    """Read for so long; return how many cards were read."""
    callers, size = LOADS[load]
    end, done = time.perf_counter() + seconds, 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            asked = random.sample(keys, size)
            found = await read(asked)
            for key in asked:
                view_of(found[key], _VIEW, 1)
            done += size

    await asyncio.gather(*[caller() for _ in range(callers)])
    return done


@asynccontextmanager
async def _ways(engine: Engine, redis: RedisServer) -> AsyncIterator[dict[str, Read]]:
    """Yield each way to read; the cached ones are running parts, as a vault has them."""
    settings = RedisSettings(parse_address(f"redis://127.0.0.1:{redis.port}"))
    names, reader = MacKey(bytes(8), os.urandom(32)), engine.reader
    async with (
        open_views(settings, Breaker(SystemClock()), names, form=VIEW_FORM, ttl_s=600.0) as views,
        asyncio.TaskGroup() as tasks,
    ):
        cached = CachedViews(reader, views, WarmKeyring(), encoded_view, VIEW_FORM)
        together = CoalescedReads(reader.cards)
        through = CoalescedReads(cached.read)
        blind = CachedViews(reader, _Blind(views), WarmKeyring(), encoded_view, VIEW_FORM)
        filling = CoalescedReads(blind.read)
        parts = (together, through, cached, filling, blind)
        running = [tasks.create_task(part.run()) for part in parts]

        yield {
            "direct": reader.cards,
            "together": together.read,
            "cache": through.read,
            "filling": filling.read,
        }
        for task in running:
            task.cancel()


async def _measured(
    store: str, engine: Engine, redis: RedisServer, pid: int | None, seconds: float
) -> list[Cost]:
    meter, costs = _Meter((pid, redis.process.pid)), []
    async with _ways(engine, redis) as ways:
        for shape, make in shapes().items():
            cards = [make(f"tok_{shape}_{n:022}") for n in range(CARDS)]
            for start in range(0, CARDS, 200):
                await add_cards(engine, *cards[start : start + 200])
            keys = [card.key for card in cards]
            for load in LOADS:
                for way, read in ways.items():
                    await _warmed(read, keys)
                    before = meter.read()
                    done = await _drive(read, keys, load, seconds)
                    used = [now - then for now, then in zip(meter.read(), before, strict=True)]
                    vault, database, own, wall = (1e6 * each / done for each in used)
                    callers, size = LOADS[load]
                    wall *= callers * size
                    costs.append(Cost(store, shape, load, way, vault, database, own, wall))
    return costs


async def _warmed(read: Read, keys: Sequence[CardKey]) -> None:
    """Read all once, let fills land, and read again: caches, plans and connections are there."""
    for _turn in range(3):
        for start in range(0, len(keys), 100):
            await read(keys[start : start + 100])
        await asyncio.sleep(0.05)


def measure(seconds: float = 0.5, stores: Sequence[str] = STORES) -> list[Cost]:
    """Return every cost; about a minute and a half with the defaults."""
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as redis:
        if "sqlite" in stores:

            async def embedded() -> list[Cost]:
                async with open_sqlite(Path(name) / "vault.db") as engine:
                    return await _measured("sqlite", engine, redis, None, seconds)

            costs += asyncio.run(embedded())
        if "postgres" in stores:
            with postgres_server() as server:

                async def served() -> list[Cost]:
                    async with open_postgres(Address(await server.database())) as engine:
                        return await _measured("postgres", engine, redis, server.pid, seconds)

                costs += asyncio.run(served())
    return costs


def table(costs: Sequence[Cost]) -> str:
    """Return the costs as a table of Markdown, and what follows from them."""
    lines = [
        "| store | cards | load | way | vault | database | Redis | all CPU | a call's wall |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for cost in costs:
        numbers = (cost.vault, cost.database, cost.redis, cost.cpu, cost.wall)
        lines.append(
            f"| {cost.store} | {cost.cards} | {cost.load} | {cost.way} | "
            + " | ".join(f"{number:.1f}" for number in numbers)
            + " |"
        )
    return "\n".join([*lines, "", *verdicts(costs)])


def verdicts(costs: Sequence[Cost]) -> list[str]:
    """Say for each case whether the cache costs less CPU than the cheapest way without it."""
    found = {cost[:4]: cost for cost in costs}
    said = []
    for cost in costs:
        if cost.way == "cache":
            plain = min(
                (found[(*cost[:3], way)] for way in ("direct", "together")),
                key=lambda each: each.cpu,
            )
            pays = "does not pay"
            if cost.cpu < plain.cpu:
                filling = found[(*cost[:3], "filling")].cpu - plain.cpu
                pays = f"pays from {1 + int(filling / (plain.cpu - cost.cpu))} hits an entry on"
            said.append(
                f"{cost.store}, {cost.cards} cards, {cost.load}: the cache {pays}:"
                f" vault {cost.vault:.0f} against {plain.vault:.0f} us,"
                f" all CPU {cost.cpu:.0f} against {plain.cpu:.0f} us,"
                f" wall {cost.wall:.0f} against {plain.wall:.0f} us"
            )
    return said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--store", choices=STORES)
    options = parser.parse_args()
    stores = STORES if options.store is None else (options.store,)
    sys.stdout.write(table(measure(options.seconds, stores)) + "\n")


if __name__ == "__main__":
    main()
