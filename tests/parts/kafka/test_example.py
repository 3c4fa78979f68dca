"""The consumer example behind a real vault, as a process, and what it does with repetitions."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from cardvault.vault.v1.event_pb2 import CardEvent

from tests.parts.kafka.consuming import events
from tests.parts.kafka.vaults import Callers, committed, emptied, vaults
from tests.parts.servers.kafka import KafkaServer
from tools.running.process import Process
from tools.running.site import ROOT

EXAMPLE = ROOT / "examples" / "consumers" / "python" / "consumer.py"


def example() -> ModuleType:
    spec = spec_from_file_location("consumer_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_example_shows_every_event_once(
    kafka: KafkaServer, topic: str, dsn: str, tmp_path: Path
) -> None:
    async with vaults(dsn, kafka, topic, tmp_path / "site", 1) as (site, running):
        async with Callers(site, running, random.Random(3)).calling(2):
            await asyncio.sleep(1.5)
        await emptied(dsn)
        expected = await committed(dsn)
    lines = {(token, str(n)) for (_, token), last in expected.items() for n in range(1, last + 1)}
    assert len(lines) > 10
    log = tmp_path / "consumer.log"
    command = [sys.executable, "-u", str(EXAMPLE), kafka.address, topic, "shown"]
    environment = {"PYTHONPATH": str(ROOT / "client"), "PATH": "/usr/bin:/bin"}
    with closing(Process("consumer", command, env=environment, cwd=ROOT, log=log)) as process:
        process.start()
        async with asyncio.timeout(60):
            while len(shown(log)) < len(lines):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.2)
        # What was handled and committed does not come back to its group.
        assert await process.stop() in (0, -signal.SIGTERM)
    assert len(shown(log)) == len(lines)
    assert set(shown(log)) == lines


def shown(log: Path) -> list[tuple[str, str]]:
    words = [line.split() for line in log.read_text().splitlines()]
    assert all(each[0].startswith("cardvault.card.") for each in words)
    return [(each[1], each[2]) for each in words]


async def test_the_example_drops_what_comes_again_and_stops_at_a_gap(
    kafka: KafkaServer, topic: str, dsn: str, tmp_path: Path
) -> None:
    async with vaults(dsn, kafka, topic, tmp_path, 1) as (site, running):
        async with Callers(site, running, random.Random(5)).calling(2):
            await asyncio.sleep(1.5)
        await emptied(dsn)
    messages = events(kafka, topic)
    module, handled = example(), list[CardEvent]()
    taking = module.CardEvents({}, handled.append)
    assert sum(taking.take(message) for message in messages) == len(messages)
    assert sum(taking.take(message) for message in messages) == 0
    assert len(handled) == len(messages)
    longest = max(handled, key=lambda event: event.revision)
    assert longest.revision >= 3
    of_one = [each for each in messages if (each.key() or b"").decode() == longest.token]
    gapped = module.CardEvents({}, handled.append)
    gapped.take(of_one[0])
    with pytest.raises(module.Gap):
        gapped.take(of_one[2])
