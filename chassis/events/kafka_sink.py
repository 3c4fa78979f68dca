"""Events in a Kafka topic: a transaction a batch, CloudEvents in binary mode, key = subject.

One producer a partition of the outbox, under a transactional id of its own. Opening it shuts out
whoever used that id before and ends what they had begun: a transaction of a process that was taken
for dead can be committed before the new holder reads the outbox, or never. The driver's calls
block, so they have a thread; each has a deadline, and an outcome that is not known by then is taken
for none: the events come again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from chassis.events.address import KafkaSettings
from chassis.events.driver_thread import DriverThread
from chassis.events.ports import Event, PoisonEvent, Publisher, SinkFenced, SinkUnavailable
from chassis.events.source import PROTOBUF, EventSource

LIMITS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    "max.in.flight.requests.per.connection": 5,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "queue.buffering.max.messages": 20_000,
    "queue.buffering.max.kbytes": 65_536,
    "linger.ms": 0,
    # Several events share a request up to here; a topic that takes less gets them one by one.
    "batch.size": 262_144,
    "message.max.bytes": 1_000_000,
    "compression.type": "lz4",
    # As Java's producers place keys, so that a token's events stay together whoever writes them.
    "partitioner": "murmur2_random",
    "log_level": 0,  # what matters comes back as errors
}
_POISON: Final = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD}
)
_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}  # noqa: SLF001
)


class KafkaSink:
    """`EventSink`; `more` overrides the driver's settings, for tests."""

    def __init__(self, settings: KafkaSettings, source: EventSource, **more: Any) -> None:
        self._settings: Final = settings
        self._source: Final = source
        self._more: Final = more

    @asynccontextmanager
    async def publisher(self, partition: int) -> AsyncIterator[Publisher]:
        """Open one partition's producer; see `EventSink`."""
        name = f"{self._settings.name}-{partition}"
        thread = DriverThread(name)
        producer = _TransactionalProducer(self._configured(name), self._settings, self._source)
        try:
            await thread.run(producer.open)
            yield _KafkaPublisher(thread, producer)
        finally:
            thread.close(producer.drop)

    def _configured(self, name: str) -> dict[str, Any]:
        settings = self._settings
        brokers = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            for host, port in settings.address.brokers
        )
        found: dict[str, Any] = {
            **LIMITS,
            "bootstrap.servers": brokers,
            "transactional.id": name,
            "client.id": name,
            "delivery.timeout.ms": int(settings.timeout_s * 900),
            "request.timeout.ms": int(settings.timeout_s * 450),
            "socket.timeout.ms": int(settings.timeout_s * 500),
            # An open transaction holds up who reads committed events: not for much longer.
            "transaction.timeout.ms": int(settings.timeout_s * 1_500),
        }
        if settings.address.tls:
            found["security.protocol"] = "ssl"
            for option, file in (
                ("ssl.ca.location", settings.ca),
                ("ssl.certificate.location", settings.certificate),
                ("ssl.key.location", settings.key),
            ):
                if file is not None:
                    found[option] = str(file)
        return found | self._more


class _KafkaPublisher:
    """`Publisher` of one partition."""

    def __init__(self, thread: DriverThread, producer: _TransactionalProducer) -> None:
        self._thread: Final = thread
        self._producer: Final = producer

    async def publish(self, rows: Sequence[Event]) -> None:
        """Publish in one transaction; see `Publisher`."""
        await self._thread.run(lambda: self._producer.publish(rows))


class _TransactionalProducer:
    """The driver's side; all its calls are made on one thread."""

    def __init__(
        self, config: dict[str, Any], settings: KafkaSettings, source: EventSource
    ) -> None:
        self._config: Final = config
        self._topic: Final = settings.address.topic
        self._timeout_s: Final = settings.timeout_s
        self._source: Final = source
        self._producer: Producer | None = None

    def open(self) -> None:
        """Shut out the last holder, and end its transaction. Raises SinkUnavailable."""
        try:
            self._producer = Producer(self._config)
            self._producer.init_transactions(self._timeout_s)
        except KafkaException as error:
            raise SinkUnavailable(error.args[0].name()) from None

    def drop(self) -> None:
        """Let go at once of what is still to be sent; the next holder ends the transaction."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaException):
                producer.purge(blocking=False)

    def publish(self, rows: Sequence[Event]) -> None:
        """Publish all or none; see `Publisher`."""
        producer = self._producer
        if producer is None:
            raise SinkUnavailable("closed")
        refused: list[KafkaError] = []

        def answered(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                refused.append(error)

        try:
            producer.begin_transaction()
            for row in rows:
                self._produce(producer, row, answered)
            producer.commit_transaction(self._timeout_s)
        except KafkaException as failed:
            error: KafkaError = failed.args[0]
            self._undo(producer, error, [error, *refused])
        except BufferError:  # more than the driver holds: fewer at a time
            self._undo(producer, None, [KafkaError(KafkaError.RECORD_LIST_TOO_LARGE)])

    def _produce(self, producer: Producer, row: Event, answered: Any) -> None:
        attributes = self._source.attributes(row)
        headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        if "traceparent" in attributes:  # where tracing libraries look for it
            headers.append(("traceparent", attributes["traceparent"].encode()))
        producer.produce(
            self._topic,
            key=row.subject.encode(),
            value=row.payload,
            headers=[("content-type", PROTOBUF.encode()), *headers],
            on_delivery=answered,
        )

    def _undo(self, producer: Producer, error: KafkaError | None, all_: list[KafkaError]) -> None:
        """Abort, and raise what happened in the port's words; always raises."""
        codes = {each.code() for each in all_}
        if codes & _FENCED:
            raise SinkFenced
        name = all_[0].name()
        if error is not None and error.retriable():
            raise SinkUnavailable(name)  # not known, and the broker may be gone: no abort either
        try:
            producer.abort_transaction(self._timeout_s / 2)
        except KafkaException as failed:
            if failed.args[0].code() in _FENCED:
                raise SinkFenced from None
            raise SinkUnavailable(name) from None
        if codes & _POISON:
            raise PoisonEvent
        raise SinkUnavailable(name)
