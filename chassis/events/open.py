"""Open the sink that the settings name."""

from __future__ import annotations

from chassis.events.address import KafkaAddress, KafkaSettings, parse_events_url
from chassis.events.file_sink import FileEventSink
from chassis.events.ports import EventSink
from chassis.events.source import EventSource


def open_sink(url: str, kafka: KafkaSettings | None, source: EventSource) -> EventSink | None:
    """Return a sink, or None where no events are kept. Raises ValueError for another URL.

    Kafka's driver is a production extra: without it nothing here needs it.
    """
    where = parse_events_url(url)
    if where is None:
        return None
    if isinstance(where, KafkaAddress):
        from chassis.events.kafka_sink import KafkaSink  # noqa: PLC0415

        if kafka is None:
            raise ValueError("no settings for Kafka")
        return KafkaSink(kafka, source)
    return FileEventSink(where, source)
