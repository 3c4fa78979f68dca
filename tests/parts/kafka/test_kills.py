"""Relays killed, put to sleep past their leases, and brokers killed, under load: nothing is lost.

A consumer that reads committed events sees every committed change's, each token's in order and
without a gap, and none of what was rolled back. `--kafka-kills N` makes it more than the usual ten.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from tests.parts.kafka.consuming import Seen, missing, seen
from tests.parts.kafka.load import Load
from tests.parts.kafka.vaults import emptied
from tests.parts.servers.kafka import KafkaServer
from tools.running.process import Process
from tools.running.site import IMPORTS, ROOT
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres

SCRIPT = ROOT / "tests" / "parts" / "kafka" / "relay_process.py"


@contextmanager
def relay(dsn: str, kafka: KafkaServer, topic: str, log: Path) -> Iterator[Process]:
    """Name a relay's process; it isn't started, and gone at the end."""
    environment = {**IMPORTS, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, str(SCRIPT), dsn, str(kafka.port), topic]
    with closing(Process(log.name, command, env=environment, cwd=ROOT, log=log)) as process:
        yield process


@asynccontextmanager
async def loaded(dsn: str, seed: int) -> AsyncIterator[Load]:
    """Write events while the block runs."""
    stop = asyncio.Event()
    async with open_postgres(Address(dsn)) as engine:
        load = Load(engine, random.Random(seed))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run(stop))
            try:
                yield load
            finally:
                stop.set()


async def test_relays_killed_and_put_to_sleep_lose_and_disorder_nothing(
    kafka: KafkaServer,
    topic: str,
    dsn: str,
    tmp_path: Path,
    kills: int,
    kill_seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(kill_seed)
    with ExitStack() as stack:
        relays = [
            stack.enter_context(relay(dsn, kafka, topic, tmp_path / f"relay-{number}.log"))
            for number in range(2)
        ]
        for each in relays:
            each.start()
        async with loaded(dsn, kill_seed) as load:
            for number in range(kills):
                await asyncio.sleep(chance.uniform(0.8, 2.5))
                victim = chance.choice(relays)
                if number % 5 == 4:  # past its lease: the other one takes over, and it wakes
                    os.kill(victim.pid, signal.SIGSTOP)
                    await asyncio.sleep(8.0)
                    os.kill(victim.pid, signal.SIGCONT)
                else:
                    victim.kill()
                    victim.start()
            await asyncio.sleep(1.0)
        await emptied(dsn)
        logs = "".join(each.log.read_text() for each in relays)
    found = seen(kafka, topic)
    record_property(
        "said",
        f"relays: {kills} kills and sleeps, seed {kill_seed}:"
        f" {sum(load.committed.values())} events, {found.again} again,"
        f" {load.rolled_back} rolled back",
    )
    assert missing(found, load.committed) == {}
    assert load.rolled_back > 0
    assert "Traceback" not in logs


async def test_a_broker_killed_under_load_loses_and_disorders_nothing(
    kafka: KafkaServer,
    topic: str,
    dsn: str,
    tmp_path: Path,
    kills: int,
    kill_seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(kill_seed)
    with relay(dsn, kafka, topic, tmp_path / "relay.log") as process:
        process.start()
        async with loaded(dsn, kill_seed) as load:
            load.pause_s = 0.1
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.3, 1.5))
                kafka.kill()
                await asyncio.to_thread(kafka.start)
        await emptied(dsn)
    found = seen(kafka, topic)
    record_property(
        "said",
        f"broker: {kills} kills, seed {kill_seed}: {sum(load.committed.values())} events,"
        f" {found.again} again",
    )
    assert missing(found, load.committed) == {}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [("lose", "lost"), ("swap", "out of order"), ("add", "made up")],
)
def test_the_check_finds_what_it_looks_for(spoil: str, told: str) -> None:
    order = {"lose": [1, 2], "swap": [2, 1, 3], "add": [1, 2, 3, 4]}[spoil]
    found = Seen()
    for revision in order:
        found.take("acme", "a", revision)
    assert told in missing(found, {("acme", "a"): 3})
