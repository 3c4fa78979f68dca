"""Every finding on a topic, on a real broker; what one broker can't have, from its own facts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import pytest

from chassis.doctor.finding import Finding
from chassis.doctor.kafka import TopicFacts, topic_facts, topic_findings, topic_subject
from chassis.events.address import KafkaAddress, KafkaSettings
from tests.parts.servers.kafka import KafkaServer, kafka_server

WEEK = {"retention.ms": "604800000"}
TWO = {"min.insync.replicas": "2"}
TOPICS = {
    "good": {**TWO, **WEEK},
    "defaults": {"retention.ms": "-1"},
    "short": {**TWO, "retention.ms": "3600000"},
    "small": {**TWO, **WEEK, "retention.bytes": "1000000"},
    "narrow": {**TWO, **WEEK, "max.message.bytes": "1000"},
    "unclean": {**TWO, **WEEK, "unclean.leader.election.enable": "true"},
    "compacted": {**TWO, "cleanup.policy": "compact", "retention.ms": "1000"},
}


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    """Run one broker."""
    with kafka_server() as server:
        for name, config in TOPICS.items():
            server.topic(name, config)
        yield server


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found}


def settings(server: KafkaServer, topic: str, host: str = "127.0.0.1") -> KafkaSettings:
    return KafkaSettings(KafkaAddress(((host, server.port),), topic, tls=False), "vault")


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("good", set()),
        ("compacted", set()),
        ("defaults", {"KAFKA_MIN_INSYNC"}),
        ("short", {"KAFKA_RETENTION"}),
        ("small", {"KAFKA_RETENTION"}),
        ("narrow", {"KAFKA_MESSAGE_SIZE"}),
        ("unclean", {"KAFKA_UNCLEAN_ELECTION"}),
    ],
)
async def test_a_topic(kafka: KafkaServer, topic: str, found: set[str]) -> None:
    looked = ids(await topic_subject(settings(kafka, topic), timeout_s=40.0))
    assert looked == found | {"KAFKA_REPLICATION"}  # one broker


async def test_a_topic_that_nobody_made(kafka: KafkaServer) -> None:
    for _look in range(2):  # looking does not make it
        looked = ids(await topic_subject(settings(kafka, "missing"), timeout_s=40.0))
        assert looked == {"KAFKA_NO_TOPIC"}


def test_three_copies_and_a_broker_that_makes_topics(kafka: KafkaServer) -> None:
    facts = topic_facts({"bootstrap.servers": kafka.address}, "good", 10.0)
    assert facts.copies == 1
    assert topic_findings(replace(facts, copies=3), "good") == []
    making = replace(facts, copies=3, broker={**facts.broker, "auto.create.topics.enable": "true"})
    assert facts.broker["auto.create.topics.enable"] == "false"
    assert ids(topic_findings(making, "good")) == {"KAFKA_AUTO_CREATE"}


def test_what_may_not_be_read_is_told() -> None:
    facts = TopicFacts(copies=3, unread={"configuration of good": "TOPIC_AUTHORIZATION_FAILED"})
    assert ids(topic_findings(facts, "good")) == {"NOT_CHECKED"}


async def test_across_a_network_it_takes_tls(kafka: KafkaServer) -> None:
    found = await topic_subject(settings(kafka, "good", "kafka.invalid"), timeout_s=4.0)
    assert ids(found) == {"KAFKA_TLS_OFF", "KAFKA_UNREACHABLE"}
