"""What a consumer of committed events has seen, and whether it is what was promised."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tests.parts.servers.kafka import KafkaServer

Subject = tuple[str, str]
PATIENCE_S = 60.0


@dataclass
class Seen:
    """What came, subject by subject, in the topic's order."""

    revisions: dict[Subject, int] = field(default_factory=dict)
    total: int = 0
    again: int = 0
    violations: list[str] = field(default_factory=list)

    def take(self, tenant: str, subject: str, revision: int) -> None:
        """Note one event: known already, or the subject's next."""
        self.total += 1
        last = self.revisions.get((tenant, subject), 0)
        if revision <= last:
            self.again += 1
        elif revision == last + 1:
            self.revisions[tenant, subject] = revision
        else:
            self.violations.append(f"{revision} behind {last}")


def events(kafka: KafkaServer, topic: str) -> list[Message]:
    """Return all committed messages of a topic, each partition's in order.

    A commit is answered before its marks are in every partition, and a consumer of committed
    messages does not look past what is still open: so up to what was written when this began.
    """
    written = _ends(kafka, topic)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.address,
            "group.id": "a-test",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    found: list[Message] = []
    try:
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in written])
        ended: set[int | None] = set()
        until = time.monotonic() + PATIENCE_S
        while len(ended) < len(written):
            message = consumer.poll(PATIENCE_S)
            assert message is not None, "the topic does not answer"
            assert time.monotonic() < until, "a transaction stays open"
            error, partition = message.error(), message.partition()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                offset = message.offset()
                assert partition is not None
                assert offset is not None
                if offset >= written[partition]:
                    ended.add(partition)
                else:  # told once only: ask again from here
                    consumer.seek(TopicPartition(topic, partition, offset))
    finally:
        consumer.close()
    return found


def _ends(kafka: KafkaServer, topic: str) -> dict[int, int]:
    """Return how far each partition is written, committed or not."""
    config = {"bootstrap.servers": kafka.address, "group.id": "a-test", "log_level": 0}
    consumer = Consumer({**config, "isolation.level": "read_uncommitted"})
    try:
        partitions = list(consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions)
        return {
            each: consumer.get_watermark_offsets(TopicPartition(topic, each), PATIENCE_S)[1]
            for each in partitions
        }
    finally:
        consumer.close()


def headers(message: Message) -> dict[str, str]:
    """Return a message's headers as text."""
    found = {}
    for header in message.headers() or []:
        name, value = header[0], header[1]
        assert isinstance(name, str)
        assert isinstance(value, bytes)
        found[name] = value.decode()
    return found


def seen(kafka: KafkaServer, topic: str) -> Seen:
    """Read a topic from its beginning, as a careful consumer does."""
    found = Seen()
    placed: dict[str, int | None] = {}
    for message in events(kafka, topic):
        told = headers(message)
        subject = told["ce_subject"]
        revision = told["ce_id"].removeprefix(f"{told['ce_tenant']}/{subject}/")
        found.take(told["ce_tenant"], subject, int(revision))
        if placed.setdefault(subject, message.partition()) != message.partition():
            found.violations.append("a subject in two partitions")
    return found


def missing(found: Seen, expected: dict[Subject, int]) -> Counter[str]:
    """Return how the topic differs from what was committed; empty where it does not."""
    wrong: Counter[str] = Counter()
    wrong["out of order"] = len(found.violations)
    wrong["lost"] = sum(
        max(0, last - found.revisions.get(subject, 0)) for subject, last in expected.items()
    )
    wrong["made up"] = sum(
        max(0, last - expected.get(subject, 0)) for subject, last in found.revisions.items()
    )
    return +wrong
