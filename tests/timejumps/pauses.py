"""Parts that are stopped for a while under load (SIGSTOP) and go on as if nothing had been.

Vaults and PostgreSQL are judged by the checker of the kill tests, relays and the broker by what a
consumer of committed events has seen.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.kills.checker import Breach, violations
from tests.e2e.kills.evidence import Evidence, add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.e2e.processes import Site
from tests.parts.failover.evidence import add_database
from tests.parts.kafka.consuming import missing, seen
from tests.parts.kafka.test_kills import loaded, relay
from tests.parts.kafka.vaults import emptied
from tests.parts.servers.kafka import KafkaServer, kafka_server
from tests.parts.servers.postgres import PostgresServer, as_superuser, postgres_server
from tests.parts.workers.site import children_of
from tests.timejumps.faked import audit_of
from tools.running.site import free_addresses

SHORTEST_S: Final = 1.0
LONGEST_S: Final = 60.0
_CLIENTS: Final = 6
_TOPIC: Final = "cards"
_REST_S: Final = (1.0, 3.0)


@dataclass(slots=True)
class Paused:
    """What came of a part's pauses."""

    pauses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    acknowledged: int = 0
    in_doubt: int = 0
    events: int = 0
    again: int = 0
    found: list[str] = field(default_factory=list)

    def take(self, history: History) -> None:
        """Count what clients were told."""
        self.acknowledged += history.acknowledged()
        self.in_doubt += history.in_doubt()


def lengths(chance: random.Random, pauses: int, longest_s: float) -> list[float]:
    """Return how long to pause: the shortest and the longest, and as many of each magnitude."""
    between = [SHORTEST_S * (longest_s / SHORTEST_S) ** chance.random() for _ in range(pauses - 2)]
    return [SHORTEST_S, *between, longest_s][-pauses:]


async def _pause(
    paused: Paused,
    chance: random.Random,
    plan: list[float],
    parts: dict[str, Callable[[signal.Signals], None]],
) -> None:
    """Stop one part after the other, each in turn, for as long as the plan says."""
    for number, seconds in enumerate(plan):
        name = list(parts)[number % len(parts)]
        await asyncio.sleep(chance.uniform(*_REST_S))
        parts[name](signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            parts[name](signal.SIGCONT)
        paused.pauses[name] += 1
        paused.seconds.append(seconds)
    await asyncio.sleep(_REST_S[1])


def pause_a_vault(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    """Pause a vault on SQLite."""
    return asyncio.run(_vault(seed, pauses, longest_s, place))


async def _vault(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    paused, chance, history = Paused(), random.Random(seed), History()
    async with Site.temporary(place) as site, Stubs.to(site) as stubs:
        await site.start_vault(60.0)
        pid = site.vault.pid
        parts = {"the vault": lambda number: os.kill(pid, number)}
        async with load([stubs], history, seed, _CLIENTS):
            await _pause(paused, chance, lengths(chance, pauses, longest_s), parts)
        evidence = await survey(stubs, history)
        if site.vault.pid != pid or await site.vault.stop():
            paused.found.append("the vault did not live through it")
        add_files(evidence, site.data / "vault.db", site.data / "events.jsonl")
        paused.found += map(str, violations(history, evidence))
        paused.found += audit_of(site)
    paused.take(history)
    return paused


def pause_a_database(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    """Pause PostgreSQL, and one or the other of two vaults on it."""
    with postgres_server() as postgres:  # it waits by an event loop of its own
        return asyncio.run(_database(seed, pauses, longest_s, place, postgres))


async def _database(
    seed: str, pauses: int, longest_s: float, place: Path, postgres: PostgresServer
) -> Paused:
    paused, chance, history = Paused(), random.Random(seed), History()
    dsn = await postgres.database()
    settings = {"CARDVAULT_DATABASE_URL": dsn, "CARDVAULT_EVENTS_URL": "none"}
    async with Site.temporary(place, settings) as site:
        other = Site(site.data, place / "other-logs", free_addresses(), settings)
        async with _ending(other), Stubs.to(site) as one, Stubs.to(other) as two:
            for each in (site, other):
                await each.start_vault(60.0)
            parts: dict[str, Callable[[signal.Signals], None]] = {
                "one of two vaults": lambda number: os.kill(site.vault.pid, number),
                "PostgreSQL": lambda number: _to_all(postgres, number),
                "the other vault": lambda number: os.kill(other.vault.pid, number),
            }
            async with load([one, two], history, seed, _CLIENTS):
                await _pause(paused, chance, lengths(chance, pauses, longest_s), parts)
            evidence = await survey(one, history)
            for each in (site, other):
                if not each.vault.running or await each.vault.stop():
                    paused.found.append("a vault did not live through it")
            await _judge(paused, history, evidence, dsn)
    return paused


async def _judge(paused: Paused, history: History, evidence: Evidence, dsn: str) -> None:
    await add_database(evidence, as_superuser(dsn), b"")
    paused.found += [
        str(each)
        for each in violations(history, evidence)
        if each.breach is not Breach.MISSING_EVENT  # several vaults have Kafka, or no events
    ]
    paused.take(history)


def _to_all(postgres: PostgresServer, number: signal.Signals) -> None:
    """Send a signal to the server and all its processes; the first one starts no others then."""
    os.kill(postgres.pid, number)
    for child in children_of(postgres.pid):
        with suppress(ProcessLookupError):
            os.kill(child, number)


@asynccontextmanager
async def _ending(site: Site) -> AsyncIterator[None]:
    try:
        yield
    finally:
        site.close()


def pause_relays(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    """Pause one or the other of two relays, past their leases, and the broker."""
    with postgres_server() as postgres, kafka_server() as kafka:
        kafka.topic(_TOPIC)
        return asyncio.run(_relays(seed, pauses, longest_s, place, postgres, kafka))


async def _relays(
    seed: str,
    pauses: int,
    longest_s: float,
    place: Path,
    postgres: PostgresServer,
    kafka: KafkaServer,
) -> Paused:
    paused, chance = Paused(), random.Random(seed)
    dsn = await postgres.database()
    with ExitStack() as stack:
        relays = [
            stack.enter_context(relay(dsn, kafka, _TOPIC, place / f"relay-{number}.log"))
            for number in range(2)
        ]
        for each in relays:
            each.start()
        parts: dict[str, Callable[[signal.Signals], None]] = {
            "one of two relays": lambda number: os.kill(relays[0].pid, number),
            "the Kafka broker": lambda number: _broker(kafka, number),
            "the other relay": lambda number: os.kill(relays[1].pid, number),
        }
        async with loaded(dsn, chance.getrandbits(32)) as writing:
            writing.pause_s = 0.1
            await _pause(paused, chance, lengths(chance, pauses, longest_s), parts)
        await emptied(dsn, 120.0)
        logs = "".join(each.log.read_text() for each in relays)
    found = seen(kafka, _TOPIC)
    paused.events, paused.again = sum(writing.committed.values()), found.again
    lost = missing(found, writing.committed)
    paused.found += [f"events {what}: {told}" for what, told in lost.items()]
    if "Traceback" in logs:
        paused.found.append("a relay did not live through it")
    return paused


def _broker(kafka: KafkaServer, number: signal.Signals) -> None:
    (kafka.pause if number is signal.SIGSTOP else kafka.resume)()
