"""Whole vaults: killed under load, two of them at once, and without their broker for a while."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from cards.brands import Brand
from cards.testcards import test_pan
from tests.doubles.scrape import scraped
from tests.parts.kafka.consuming import events, headers, missing, seen
from tests.parts.kafka.vaults import Callers, Vault, committed, emptied, vaults, waiting
from tests.parts.servers.kafka import KafkaServer

OUTAGE_S = 10.0


async def test_vaults_killed_under_load_lose_no_event(
    kafka: KafkaServer,
    topic: str,
    dsn: str,
    tmp_path: Path,
    kills: int,
    kill_seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    """Two vaults share the outbox; either dies at any moment, and the other one takes over."""
    chance = random.Random(kill_seed)
    async with vaults(dsn, kafka, topic, tmp_path, 2) as (site, running):
        callers = Callers(site, running, chance)
        async with callers.calling():
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.5, 2.0))
                victim = chance.choice(running)
                victim.process.kill()
                await victim.start()
            await asyncio.sleep(1.0)
        await emptied(dsn)
        expected = await committed(dsn)
        for vault in running:
            assert await vault.process.stop() == 0
    found = seen(kafka, topic)
    record_property(
        "said",
        f"vaults: {kills} kills, seed {kill_seed}: {callers.answered} calls answered,"
        f" {sum(expected.values())} events, {found.again} again",
    )
    assert missing(found, expected) == {}
    assert callers.answered > 100


async def metrics(vault: Vault) -> dict[str, float]:
    """Return a vault's numbers."""
    lines = (await scraped(vault.addresses["CARDVAULT_OPS_LISTEN"])).splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("cardvault_relay")]
    return {name: float(value) for name, value in pairs}


async def test_two_vaults_share_the_partitions_and_one_takes_over_in_order(
    kafka: KafkaServer, topic: str, dsn: str, tmp_path: Path
) -> None:
    async with vaults(dsn, kafka, topic, tmp_path, 2) as (_site, running):
        async with asyncio.timeout(30):
            while True:
                shares = [(await metrics(each))["cardvault_relay_partitions"] for each in running]
                if shares == [2, 2]:
                    break
                await asyncio.sleep(0.2)
        assert await running[0].process.stop() == 0
        async with asyncio.timeout(5):  # given back, so not only when a lease has run out
            while (await metrics(running[1]))["cardvault_relay_partitions"] != 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_without_a_broker_the_api_is_as_ever_and_afterwards_all_events_come(
    kafka: KafkaServer,
    topic: str,
    dsn: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    async with vaults(dsn, kafka, topic, tmp_path, 1) as (site, (vault,)):
        before, during = (Callers(site, [vault], random.Random(n)) for n in range(2))
        async with before.calling():
            await asyncio.sleep(OUTAGE_S / 2)
        await emptied(dsn)
        kafka.kill()
        try:
            async with during.calling():
                await asyncio.sleep(OUTAGE_S)
            grown = await waiting(dsn)
        finally:
            await asyncio.to_thread(kafka.start)
        took = await emptied(dsn)
        shown = await metrics(vault)
        expected = await committed(dsn)
    found = seen(kafka, topic)
    record_property(
        "said",
        f"broker away for {OUTAGE_S:.0f} s: {during.answered} calls answered, slowest"
        f" {during.slowest_s * 1e3:.0f} ms (before: {before.slowest_s * 1e3:.0f} ms),"
        f" {grown} events waited, delivered {took:.1f} s after it was back",
    )
    assert missing(found, expected) == {}
    assert (before.failed, during.failed) == (0, 0)
    assert during.answered > before.answered  # in twice the time
    assert grown > 100
    assert took < 10
    assert shown["cardvault_relay_failures_total"] > 0
    assert shown["cardvault_relay_poison_total"] == 0


async def test_no_card_number_is_in_the_topic(
    kafka: KafkaServer, topic: str, dsn: str, tmp_path: Path
) -> None:
    async with vaults(dsn, kafka, topic, tmp_path, 1) as (site, running):
        callers = Callers(site, running, random.Random(1))
        async with callers.calling():
            await asyncio.sleep(2)
        await emptied(dsn)
    everything = b"".join(
        (message.key() or b"") + (message.value() or b"") + repr(headers(message)).encode()
        for message in events(kafka, topic)
    )
    assert len(everything) > 1_000
    shown = [n for n in range(1, 2_000) if test_pan(Brand.VISA, n).encode() in everything]
    assert shown == []
