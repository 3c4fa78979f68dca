"""The topic that events go to: nothing that a broker acknowledged may be forgotten by the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chassis.doctor.finding import Finding, Rule, Severity, not_checked
from chassis.events.address import KafkaSettings

EVENTS: Final = "1: nothing acknowledged is lost, events included"

UNREACHABLE: Final = Rule(
    "KAFKA_UNREACHABLE",
    Severity.RISK,
    "brokers that answer",
    "none: events wait in the outbox",
    "check the addresses, the login and the CA file",
)
NO_TOPIC: Final = Rule(
    "KAFKA_NO_TOPIC",
    Severity.RISK,
    "a topic made on purpose",
    "none: events wait in the outbox",
    "kafka-topics --create --replication-factor 3 --config min.insync.replicas=2",
)
IN_SYNC: Final = Rule(
    "KAFKA_MIN_INSYNC",
    Severity.BROKEN,
    "min.insync.replicas of at least 2",
    EVENTS + ": one broker's disk is all that an acknowledged event may have reached",
    "kafka-configs --alter --entity-type topics --add-config min.insync.replicas=2",
    "MSK: min.insync.replicas in the cluster configuration",
    relaxed=True,
)
COPIES: Final = Rule(
    "KAFKA_REPLICATION",
    Severity.BROKEN,
    "a replication factor of at least 3",
    EVENTS,
    "kafka-reassign-partitions, with three replicas a partition",
    relaxed=True,
)
UNCLEAN: Final = Rule(
    "KAFKA_UNCLEAN_ELECTION",
    Severity.BROKEN,
    "unclean.leader.election.enable = false",
    EVENTS + ": a broker that missed events may become their leader",
    "kafka-configs --alter --add-config unclean.leader.election.enable=false",
)
RETENTION: Final = Rule(
    "KAFKA_RETENTION",
    Severity.RISK,
    "retention of 7 days at least, by time and not by size, or compaction",
    "none: but a consumer that is away for longer misses events",
    "kafka-configs --alter --add-config retention.ms=604800000,retention.bytes=-1",
)
TOO_SMALL: Final = Rule(
    "KAFKA_MESSAGE_SIZE",
    Severity.RISK,
    "max.message.bytes of at least what an event may have (64 KiB)",
    "none: a larger event stops its relay",
    "kafka-configs --alter --add-config max.message.bytes=1048588",
)
AUTO_CREATE: Final = Rule(
    "KAFKA_AUTO_CREATE",
    Severity.RISK,
    "auto.create.topics.enable = false",
    "none: a wrong name makes a topic with the defaults, and nobody notices",
    "auto.create.topics.enable=false on every broker",
    "MSK: auto.create.topics.enable in the cluster configuration",
)
TLS: Final = Rule(
    "KAFKA_TLS_OFF",
    Severity.BROKEN,
    "kafkas:// across a network",
    "3: nobody gets in where they don't belong: events hold fingerprints and last fours",
    "a TLS listener, and kafkas:// in events_url",
    "MSK: client-broker encryption TLS",
    relaxed=True,
)
RULES: Final = (
    *(TLS, UNREACHABLE, NO_TOPIC, IN_SYNC, COPIES, UNCLEAN, RETENTION, TOO_SMALL, AUTO_CREATE),
)

LARGEST: Final = 64 << 10
WEEK_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What the cluster says of one topic; None and empty where it may not be read."""

    there: bool = True
    copies: int = 0  # of the partition with the fewest
    topic: Mapping[str, str] = field(default_factory=dict)
    broker: Mapping[str, str] = field(default_factory=dict)
    unreachable: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)


async def topic_subject(settings: KafkaSettings, *, timeout_s: float) -> Sequence[Finding]:
    """Look at the topic that the settings name."""
    topic = settings.address.topic
    facts = await asyncio.to_thread(topic_facts, _options(settings), topic, timeout_s / 4)
    found = topic_findings(facts, topic)
    return [TLS.found("kafka:// to another host"), *found] if settings.address.exposed else found


def _options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the addresses and login as librdkafka names them."""
    hosts = [
        (f"[{host}]" if ":" in host else host, port) for host, port in settings.address.brokers
    ]
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in hosts)
    }
    if settings.address.tls:
        files = {
            "ssl.ca.location": settings.ca,
            "ssl.certificate.location": settings.certificate,
            "ssl.key.location": settings.key,
        }
        found["security.protocol"] = "ssl"
        found |= {name: str(file) for name, file in files.items() if file is not None}
    return found


def topic_facts(options: Mapping[str, Any], topic: str, timeout_s: float) -> TopicFacts:
    """Ask the cluster. Blocking."""
    # A production extra.
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # noqa: PLC0415

    # librdkafka logs to stderr by itself, addresses and all.
    admin = AdminClient({**options, "log_level": 0})
    try:
        # All topics: asking for one by its name may make it.
        listed = admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        return TopicFacts(unreachable=_code(error))
    unread: dict[str, str] = {}

    def config(kind: Any, name: str) -> dict[str, str]:
        asked = admin.describe_configs([ConfigResource(kind, name)], request_timeout=timeout_s)
        for answer in asked.values():
            try:
                return {key: str(entry.value) for key, entry in answer.result().items()}
            except KafkaException as error:
                unread[f"configuration of {name}"] = _code(error)
        return {}

    broker = config(ConfigResource.Type.BROKER, str(next(iter(listed.brokers), 0)))
    found = listed.topics.get(topic)
    if found is None or found.error is not None:
        return TopicFacts(there=False, broker=broker, unread=unread)
    copies = min((len(part.replicas) for part in found.partitions.values()), default=0)
    return TopicFacts(
        copies=copies,
        topic=config(ConfigResource.Type.TOPIC, topic),
        broker=broker,
        unread=unread,
    )


def topic_findings(facts: TopicFacts, topic: str) -> list[Finding]:
    """Judge a topic."""
    if facts.unreachable:
        return [UNREACHABLE.found(facts.unreachable)]
    found = [not_checked(what, why) for what, why in sorted(facts.unread.items())]
    if facts.broker.get("auto.create.topics.enable") == "true":
        found.append(AUTO_CREATE.found("auto.create.topics.enable = true"))
    if not facts.there:
        return [*found, NO_TOPIC.found(f"there is no topic {topic}")]
    said = facts.topic
    if (least := _number(said, "min.insync.replicas")) is not None and least < 2:
        found.append(IN_SYNC.found(f"min.insync.replicas = {least}"))
    if facts.copies < 3:
        found.append(COPIES.found(f"{facts.copies} copies of each partition, or of some"))
    if said.get("unclean.leader.election.enable") == "true":
        found.append(UNCLEAN.found("unclean.leader.election.enable = true"))
    found += _retention(said)
    if (most := _number(said, "max.message.bytes")) is not None and most < LARGEST:
        found.append(TOO_SMALL.found(f"max.message.bytes = {most}"))
    return found


def _retention(said: Mapping[str, str]) -> list[Finding]:
    if "delete" not in said.get("cleanup.policy", ""):
        return []  # compacted: the last event of each key stays
    kept_ms, kept_bytes = _number(said, "retention.ms"), _number(said, "retention.bytes")
    if kept_ms is not None and 0 <= kept_ms < WEEK_MS:
        return [RETENTION.found(f"retention.ms = {kept_ms}")]
    if kept_bytes is not None and kept_bytes >= 0:
        return [RETENTION.found(f"retention.bytes = {kept_bytes}")]
    return []


def _number(said: Mapping[str, str], name: str) -> int | None:
    text = said.get(name, "")
    return int(text) if text.removeprefix("-").isdigit() else None


def _code(error: Exception) -> str:
    """Return an error's name: its text quotes addresses."""
    inner = error.args[0] if error.args else None
    name = getattr(inner, "name", None)
    return str(name()) if callable(name) else type(error).__name__
