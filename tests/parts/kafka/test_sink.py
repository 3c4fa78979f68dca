"""One partition's way into Kafka: what a message looks like, fences, poison, TLS, deadlines."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from chassis.events.address import KafkaAddress, KafkaSettings
from chassis.events.kafka_sink import LIMITS, KafkaSink
from chassis.events.ports import PoisonEvent, SinkFenced, SinkUnavailable
from chassis.events.source import EventSource
from chassis.pki import Leaf, ensure_pki
from tests.doubles.vault_ports_events import row
from tests.parts.kafka.consuming import events, headers
from tests.parts.servers.kafka import KafkaServer

SOURCE = EventSource("cardvault/vault", {"cardvault.card.": "cardvault.vault.v1.CardEvent"})

TIMEOUT_S = 4.0


def sink_of(kafka: KafkaServer, topic: str, **more: object) -> KafkaSink:
    address = KafkaAddress((("127.0.0.1", kafka.port),), topic, tls=False)
    return KafkaSink(KafkaSettings(address, f"vault-{topic}", timeout_s=TIMEOUT_S), SOURCE, **more)


async def test_a_message_is_a_cloudevent_in_binary_mode(kafka: KafkaServer, topic: str) -> None:
    event = row("tok_a", 3, payload=b"\x00\xff")._replace(time=1_700_000_000_123_456)
    async with sink_of(kafka, topic).publisher(0) as publisher:
        await publisher.publish([event])
    (message,) = events(kafka, topic)
    assert (message.key(), message.value()) == (b"tok_a", b"\x00\xff")
    assert headers(message) == {
        "content-type": "application/protobuf",
        "ce_specversion": "1.0",
        "ce_id": "acme/tok_a/3",
        "ce_source": "cardvault/vault",
        "ce_type": "cardvault.card.updated",
        "ce_subject": "tok_a",
        "ce_tenant": "acme",
        "ce_partitionkey": "tok_a",
        "ce_time": "2023-11-14T22:13:20.123456+00:00",
        "ce_dataschema": "proto:cardvault.vault.v1.CardEvent",
    }


def test_events_survive_a_broker_and_are_sent_once_an_attempt() -> None:
    assert (LIMITS["acks"], LIMITS["enable.idempotence"]) == ("all", True)


async def test_batches_keep_their_order(kafka: KafkaServer, topic: str) -> None:
    rows = [row(f"tok_{n % 7}", 1 + n // 7) for n in range(70)]
    async with sink_of(kafka, topic).publisher(0) as publisher:
        for start in range(0, 70, 10):
            await publisher.publish(rows[start : start + 10])
    arrived: dict[str, list[str]] = {}
    for message in events(kafka, topic):
        _tenant, token, revision = headers(message)["ce_id"].split("/")
        arrived.setdefault(token, []).append(revision)
    assert all(each == [str(n) for n in range(1, 11)] for each in arrived.values())
    assert len(arrived) == 7


async def test_a_later_holder_shuts_out_the_one_before(kafka: KafkaServer, topic: str) -> None:
    sink = sink_of(kafka, topic)
    async with sink.publisher(0) as first:
        await first.publish([row("a", 1)])
        async with sink.publisher(0) as second:
            with pytest.raises(SinkFenced):
                await first.publish([row("a", 2, payload=b"from the dead")])
            await second.publish([row("a", 2)])
    assert [message.value() for message in events(kafka, topic)] == [b"masked", b"masked"]


async def test_what_a_sleeper_had_begun_is_never_seen(kafka: KafkaServer, topic: str) -> None:
    """The sleeper's events are at the broker already, its commit is what comes too late."""
    sleeper = Producer(
        {"bootstrap.servers": kafka.address, "transactional.id": f"vault-{topic}-0", "log_level": 0}
    )
    await asyncio.to_thread(sleeper.init_transactions, 30)
    sleeper.begin_transaction()
    sleeper.produce(topic, b"from the dead", key=b"a")
    assert await asyncio.to_thread(sleeper.flush, 30) == 0
    async with sink_of(kafka, topic).publisher(0) as publisher:
        await publisher.publish([row("a", 1)])
    with pytest.raises(Exception, match=r"fenced|epoch"):
        await asyncio.to_thread(sleeper.commit_transaction, 30)
    assert [message.value() for message in events(kafka, topic)] == [b"masked"]


async def test_partitions_do_not_shut_each_other_out(kafka: KafkaServer, topic: str) -> None:
    sink = sink_of(kafka, topic)
    async with sink.publisher(0) as first, sink.publisher(1) as second:
        await second.publish([row("b", 1)])
        await first.publish([row("a", 1)])
    assert len(events(kafka, topic)) == 2


@pytest.mark.parametrize("size", [2_000_000, 400_000], ids=["for the driver", "for the topic"])
async def test_an_event_too_large_is_poison_and_takes_nothing_with_it(
    kafka: KafkaServer, size: int
) -> None:
    topic = f"narrow-{size // 1_000}"
    kafka.topic(topic, {"max.message.bytes": "300000"})
    async with sink_of(kafka, topic, **{"compression.type": "none"}).publisher(0) as publisher:
        with pytest.raises(PoisonEvent):
            await publisher.publish([row("a", 1), row("b", 1, payload=bytes(size))])
        await publisher.publish([row("a", 1)])
    assert [headers(message)["ce_id"] for message in events(kafka, topic)] == ["acme/a/1"]


async def test_a_topic_that_is_not_there_is_an_outage(kafka: KafkaServer) -> None:
    with pytest.raises(SinkUnavailable):
        async with sink_of(kafka, "nowhere").publisher(0) as publisher:
            await publisher.publish([row("a", 1)])


async def test_no_call_outlasts_its_deadline_while_the_broker_sleeps(
    kafka: KafkaServer, topic: str
) -> None:
    sink = sink_of(kafka, topic)
    async with sink.publisher(0) as publisher:
        await publisher.publish([row("a", 1)])
        kafka.pause()
        try:
            began = time.monotonic()
            with pytest.raises(SinkUnavailable):
                await publisher.publish([row("a", 2)])
            with pytest.raises(SinkUnavailable):
                async with sink.publisher(1):
                    pass
            took = time.monotonic() - began
        finally:
            kafka.resume()
    assert took < 3 * TIMEOUT_S + 3
    # What became of the second is not known: whoever opens the partition next settles it.
    async with sink.publisher(0) as publisher:
        await publisher.publish([row("a", 2)])
    ids = [headers(message)["ce_id"] for message in events(kafka, topic)]
    assert ids in (["acme/a/1", "acme/a/2"], ["acme/a/1", "acme/a/2", "acme/a/2"])


async def test_a_caller_that_gives_up_leaves_no_thread_that_holds_it_up(
    kafka: KafkaServer, topic: str
) -> None:
    kafka.pause()
    try:
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5), sink_of(kafka, topic).publisher(0):
                pass
        assert time.monotonic() - began < 5
    finally:
        kafka.resume()


def tls_sink(kafka: KafkaServer, topic: str, pki: Path, name: str) -> KafkaSink:
    address = KafkaAddress((("127.0.0.1", kafka.tls_port),), topic, tls=True)
    return KafkaSink(
        KafkaSettings(
            address,
            f"vault-{topic}",
            pki / "ca.pem",
            pki / f"{name}.pem",
            pki / f"{name}.key",
            TIMEOUT_S,
        ),
        SOURCE,
    )


async def test_events_go_by_tls_with_a_certificate(
    kafka: KafkaServer, kafka_pki: Path, topic: str
) -> None:
    async with tls_sink(kafka, topic, kafka_pki, "app").publisher(0) as publisher:
        await publisher.publish([row("a", 1)])
    assert len(events(kafka, topic)) == 1


async def test_a_broker_of_another_authority_gets_nothing(
    kafka: KafkaServer, kafka_pki: Path, topic: str, tmp_path: Path
) -> None:
    ensure_pki(tmp_path, (Leaf("app"),), now=datetime.now(UTC))
    with pytest.raises(SinkUnavailable):
        async with tls_sink(kafka, topic, tmp_path, "app").publisher(0):
            pass
    assert events(kafka, topic) == []
