"""Kafka's broker killed and stopped, and another relay killed and put to sleep, under a vault.

The API does not notice. Every committed change's event comes at least once, a token's in order,
and what waited is delivered within ten seconds of healing, and as long as its size explains
(docs/howto/events.md).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg

from tests.doubles.scrape import reading
from tests.neighbours.customer import Customer, Stubs
from tests.neighbours.judge import RECOVERY_S, Fault
from tests.neighbours.watch import Trial, Watch, hold_s, plain_channel
from tests.parts.kafka.consuming import missing, seen
from tests.parts.kafka.test_kills import relay
from tests.parts.kafka.vaults import Vault, committed, emptied, vaults
from tests.parts.servers.kafka import KafkaServer, kafka_server
from tests.parts.servers.postgres import PostgresServer, postgres_server
from tools.running.process import Process
from tools.running.site import Site

CUSTOMERS: Final = 4
TOPIC: Final = "cards"
DRAIN: Final = 2_000
"""Events a second that a backlog drains with at least (blueprint.md, "Promises")."""
_PAST_ITS_LEASE_S: Final = 7.0
_WAITING: Final = "SELECT count(*) FROM outbox WHERE time <= $1"


class KafkaFault(StrEnum):
    """What is done."""

    KILLED = "the broker killed and started again"
    PAUSED = "the broker stopped, continued"
    RELAY_KILLED = "another relay killed and started again"
    RELAY_ASLEEP = "another relay stopped past its leases, continued"


_SEVERAL: Final = [KafkaFault.PAUSED] * 3
_TURN: Final = (
    KafkaFault.KILLED,
    *_SEVERAL,
    KafkaFault.RELAY_KILLED,
    KafkaFault.PAUSED,
    KafkaFault.KILLED,
    *_SEVERAL,
    KafkaFault.KILLED,
    *_SEVERAL,
    KafkaFault.RELAY_ASLEEP,
    *_SEVERAL,
    KafkaFault.KILLED,
    KafkaFault.PAUSED,
)


def planned(seed: str, volume: int) -> list[KafkaFault]:
    """Return `volume` faults: a fifth kill the broker; shuffled."""
    plan = (list(_TURN) * (volume // len(_TURN) + 1))[:volume]
    random.Random(f"{seed}/plan").shuffle(plan)
    return plan


def run_trial(seed: str, volume: int, directory: Path, tell: Callable[[str], None]) -> Trial:
    """Do `volume` faults, one after the other; `found` names every broken promise."""
    with postgres_server() as postgres, kafka_server() as kafka:
        kafka.topic(TOPIC)
        return asyncio.run(_run(seed, volume, directory, tell, postgres, kafka))


async def _run(
    seed: str,
    volume: int,
    directory: Path,
    tell: Callable[[str], None],
    postgres: PostgresServer,
    kafka: KafkaServer,
) -> Trial:
    trial = Trial(seed)
    watch = Watch(trial, tell)
    dsn = await postgres.database()
    async with vaults(dsn, kafka, TOPIC, directory, 1) as (site, (vault,)):
        with relay(dsn, kafka, TOPIC, directory / "relay.log") as other:
            other.start()
            db = await asyncpg.connect(dsn)
            striker = _Striker(watch, kafka, other, db)
            async with _customers(watch, site, vault, seed) as customers, watch.calling(customers):
                for number, kind in enumerate(planned(seed, volume)):
                    await striker.fault(kind, random.Random(f"{seed}/fault/{number}"))
                    if trial.found:
                        break
            await db.close()
            watch.settle()
            await _account(trial, vault, kafka, dsn)
        if status := await vault.process.stop():
            trial.found.append(f"the vault ended with {status}")
    trial.measured.append(f"at most {striker.most} events waited when a fault was healed")
    return trial


@asynccontextmanager
async def _customers(
    watch: Watch, site: Site, vault: Vault, seed: str
) -> AsyncIterator[list[Customer]]:
    address = vault.addresses["CARDVAULT_LISTEN"]
    async with AsyncExitStack() as stack:
        app, psp = (plain_channel(address, site.tls(name)) for name in ("app", "psp"))
        for each in (app, psp):
            await stack.enter_async_context(each)
        stubs = Stubs.over(app, psp)
        yield [
            Customer(watch, stubs, random.Random(f"{seed}/customer/{n}")) for n in range(CUSTOMERS)
        ]


async def _account(trial: Trial, vault: Vault, kafka: KafkaServer, dsn: str) -> None:
    """Hold what a consumer sees against what was committed."""
    try:
        await emptied(dsn)
    except TimeoutError:
        trial.found.append("events still wait a minute after the last call")
        return
    expected = await committed(dsn)
    found = await asyncio.to_thread(seen, kafka, TOPIC)
    trial.counts["events delivered"] = found.total
    trial.counts["of them again"] = found.again
    trial.found += [f"{count} events {what}" for what, count in missing(found, expected).items()]
    ops = vault.addresses["CARDVAULT_OPS_LISTEN"]
    if await reading(ops, "cardvault_relay_poison_total"):
        trial.found.append("an event was taken for one that can never be delivered")
    trial.counts["deliveries put off"] = int(await reading(ops, "cardvault_relay_failures_total"))
    trial.counts["partitions lost by the vault's relay"] = int(
        await reading(ops, "cardvault_relay_fenced_total")
    )


class _Striker:
    """Strikes, holds, heals, and waits until what waited by then is delivered."""

    def __init__(
        self, watch: Watch, kafka: KafkaServer, other: Process, db: asyncpg.Connection
    ) -> None:
        self._watch: Final = watch
        self._kafka: Final = kafka
        self._other: Final = other
        self._db: Final = db
        self.most = 0

    async def fault(self, kind: KafkaFault, chance: random.Random) -> None:
        """Do one; returns when its backlog is gone."""
        await asyncio.sleep(chance.uniform(0.2, 0.5))
        fault = self._watch.judge.strike(Fault(kind, time.monotonic(), {}))
        await self._meet(kind, hold_s(chance))
        fault.healed, healed_us = time.monotonic(), time.time_ns() // 1000
        waited = int(await self._db.fetchval(_WAITING, healed_us))
        self.most = max(self.most, waited)
        fault.patience_s = RECOVERY_S + waited / DRAIN

        async def works() -> bool:
            return not await self._db.fetchval(_WAITING, healed_us)

        await self._watch.recover(fault, works)

    async def _meet(self, kind: KafkaFault, lasts_s: float) -> None:
        """Strike, hold and heal."""
        if kind is KafkaFault.KILLED:
            await asyncio.to_thread(self._kafka.kill)
            await asyncio.sleep(lasts_s)
            await asyncio.to_thread(self._kafka.start)
        elif kind is KafkaFault.PAUSED:
            self._kafka.pause()
            await asyncio.sleep(lasts_s)
            self._kafka.resume()
        elif kind is KafkaFault.RELAY_KILLED:
            await asyncio.to_thread(self._other.kill)
            await asyncio.sleep(lasts_s)
            await asyncio.to_thread(self._other.start)
        else:
            os.kill(self._other.pid, signal.SIGSTOP)
            await asyncio.sleep(_PAST_ITS_LEASE_S + lasts_s)
            os.kill(self._other.pid, signal.SIGCONT)
