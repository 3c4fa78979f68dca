"""Whose events these are, in CloudEvents' words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from chassis.events.ports import Event

PROTOBUF: Final = "application/protobuf"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EventSource:
    """A service; `schemas` names the message of each kind of event by how its type begins."""

    name: str
    schemas: Mapping[str, str]
    traceparent_in: Callable[[bytes], str] = lambda _payload: ""
    """Find the Trace Context in a payload; empty for none."""

    def attributes(self, event: Event) -> dict[str, str]:
        """Return an event's CloudEvents 1.0 attributes, `datacontenttype` left to the binding."""
        found = {
            "specversion": "1.0",
            "id": f"{event.tenant}/{event.subject}/{event.revision}",
            "source": self.name,
            "type": event.type,
            "subject": event.subject,
            "tenant": event.tenant,
            "partitionkey": event.subject,
        }
        if event.time:
            found["time"] = (_EPOCH + timedelta(microseconds=event.time)).isoformat()
        for start, schema in self.schemas.items():
            if event.type.startswith(start):
                found["dataschema"] = f"proto:{schema}"
        traceparent = self.traceparent(event)
        if traceparent:
            found["traceparent"] = traceparent  # CloudEvents' Distributed Tracing extension
        return found

    def traceparent(self, event: Event) -> str:
        """Return the Trace Context of the call that an event is from; empty for none."""
        return self.traceparent_in(event.payload)
