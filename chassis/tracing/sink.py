"""Publishing events as a span, for those that a sampled call has left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from chassis.events.ports import Event, EventSink, Publisher
from chassis.events.source import EventSource
from chassis.tracing import names
from chassis.tracing.otel import CallSpans


class TracedSink:
    """`EventSink` in front of another; `system` is what publishes, by OpenTelemetry's name."""

    def __init__(
        self, inner: EventSink, source: EventSource, calls: CallSpans, system: str
    ) -> None:
        self._inner: Final = inner
        self._source: Final = source
        self._calls: Final = calls
        self._system: Final = system

    @asynccontextmanager
    async def publisher(self, partition: int) -> AsyncIterator[Publisher]:
        """Open one partition's way; see `EventSink`."""
        async with self._inner.publisher(partition) as publisher:
            yield _TracedPublisher(publisher, self._source, self._calls, self._system)


class _TracedPublisher:
    def __init__(
        self, inner: Publisher, source: EventSource, calls: CallSpans, system: str
    ) -> None:
        self._inner: Final = inner
        self._source: Final = source
        self._calls: Final = calls
        self._attributes: Final = {names.MESSAGING_SYSTEM: system}

    async def publish(self, rows: Sequence[Event]) -> None:
        """Publish one batch; see `Publisher`."""
        parents = [parent for row in rows if (parent := self._source.traceparent(row))]
        with self._calls.of_many("events.publish", parents, self._attributes):
            await self._inner.publish(rows)
