"""Parts that are stopped for a while under load (SIGSTOP) and go on as if nothing had been.

Vaults and PostgreSQL are judged by the checker of the kill tests, relays and the broker by what a
consumer of committed events has seen.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.e2e.kills.calls import Calls, InDoubt, Refusal
from tests.e2e.kills.checker import Breach, violations
from tests.e2e.kills.evidence import Evidence, add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.e2e.processes import Site
from tests.parts.failover.calls import FailoverCalls
from tests.parts.failover.evidence import add_database
from tests.parts.kafka.consuming import missing, seen
from tests.parts.kafka.test_kills import loaded, relay
from tests.parts.kafka.vaults import emptied
from tests.parts.servers.kafka import KafkaServer, kafka_server
from tests.parts.servers.postgres import PostgresServer, as_superuser, postgres_server
from tests.parts.workers.site import children_of
from tests.timejumps.faked import audit_of
from tests.timejumps.pausing import Paused, lengths, pause_each
from tools.running.site import free_addresses
from vault.cli.serve import BROKEN

_CLIENTS: Final = 6
_TOPIC: Final = "cards"
_LEASE_S: Final = 15.0  # of a vault's chain (ADR 0010); others wait as long again before it ends
ONE, OTHER = "one of two vaults", "the other vault"


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
            await pause_each(paused, chance, lengths(chance, pauses, longest_s), parts)
        evidence = await survey(stubs, history)
        if site.vault.pid != pid or await site.vault.stop():
            paused.found.append("the vault did not live through it")
        add_files(evidence, site.data / "vault.db", site.data / "events.jsonl")
        paused.found += map(str, violations(history, evidence))
        paused.found += audit_of(site)
    paused.take(history)
    return paused


class PausedCalls(FailoverCalls):
    """Calls of a vault that may end, too: then nobody says when to try again."""

    async def once(self, name: str, request: Any) -> Any:
        """Try once; what gRPC cut off at a vault's end is in doubt (ADR 0017)."""
        try:
            return await Calls.once(self, name, request)
        except Refusal as refusal:
            if str(refusal) == "CANCELLED":
                raise InDoubt from None
            raise


async def _revive(paused: Paused, vaults: Mapping[str, Site], name: str, seconds: float) -> None:
    """Start a vault again whose chain was ended while it was stopped; no other may have ended."""
    for its_name, site in vaults.items():
        if site.vault.running:
            continue
        if wrong := wrongly_ended(its_name, await site.vault.ended(), name, seconds):
            paused.found.append(wrong)
        else:
            paused.fenced += 1
        await site.start_vault(60.0)


def wrongly_ended(its_name: str, status: int, name: str, seconds: float) -> str:
    """Say why a vault that has ended should not have, when `name` had stood for so long; or ""."""
    if status == BROKEN and its_name == name and seconds > _LEASE_S:
        return ""
    return f"{its_name} ended with {status}; {name} had stood {seconds:.0f} s"


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
                ONE: lambda number: os.kill(site.vault.pid, number),
                "PostgreSQL": lambda number: _to_all(postgres, number),
                OTHER: lambda number: os.kill(other.vault.pid, number),
            }
            vaults = dict(zip((ONE, OTHER), (site, other), strict=True))
            plan = lengths(chance, pauses, longest_s)
            async with load([one, two], history, seed, _CLIENTS, PausedCalls):
                await pause_each(paused, chance, plan, parts, partial(_revive, paused, vaults))
            evidence = await survey(one, history)
            for each in vaults.values():
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
            await pause_each(paused, chance, lengths(chance, pauses, longest_s), parts)
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
