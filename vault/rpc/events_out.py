"""Events as bytes: a `CardEvent` message, masked, with fingerprints, never a number.

Beside the services, because an event shows a card exactly as they do; whoever may read the topic
may see fingerprints (api.md, "Event types").
"""

from __future__ import annotations

from typing import Any, Final

from cardvault.vault.v1.event_pb2 import CardEvent as CardEventMessage

from chassis.events.source import EventSource
from chassis.identity import Identity
from vault.domain.events import CardEvent, OutboxRow
from vault.rpc.cards_out import View, masked_fields
from vault.rpc.enums import CAUSE, OUTCOME, STATUS
from vault.rpc.times import timestamp

_VIEW: Final = View(Identity("events", (), frozenset({"fingerprint"}), frozenset()))
# The field's tag, the length of a traceparent, and how each of them begins.
_FIELD: Final = CardEventMessage.DESCRIPTOR.fields_by_name["traceparent"].number
_TRACED: Final = bytes((_FIELD << 3 | 2, 55)) + b"00-"


def encode_event(event: CardEvent) -> OutboxRow:
    """Return an event's outbox row."""
    card, kind = event.card, str(event.type)
    source: dict[str, Any] = {"principal": event.principal}
    fields: dict[str, Any] = {
        "event_type": kind,
        "tenant": card.tenant,
        "token": card.token,
        "revision": card.revision,
        "card": masked_fields(card, _VIEW, event.time),
        "cause": CAUSE.number.get(event.cause, 0),
        "time": timestamp(event.time),
        "source": source,
    }
    if event.old_fingerprint and event.old_fingerprint != card.fingerprint:
        fields["old_fingerprint"] = event.old_fingerprint
    if event.old_status and event.old_status != card.status:
        fields["old_status"] = STATUS.number[event.old_status]
    if event.outcome:
        fields["outcome"] = OUTCOME.number[event.outcome]
    if event.traceparent:
        fields["traceparent"] = event.traceparent
    channel, _, file = event.source.partition("/")
    if channel:
        source["update"] = {"channel": channel, "file": file}
    message = CardEventMessage(**fields)
    return OutboxRow(card.tenant, card.token, card.revision, kind, message.SerializeToString())


def traceparent_in(payload: bytes) -> str:
    """Return the Trace Context in an event's message; most have none, and aren't parsed for it."""
    if _TRACED not in payload:
        return ""
    return CardEventMessage.FromString(payload).traceparent


EVENTS: Final = EventSource(
    "cardvault/vault", {"cardvault.card.": "cardvault.vault.v1.CardEvent"}, traceparent_in
)


def no_event(_event: CardEvent) -> None:
    """Keep no outbox at all (`CARDVAULT_EVENTS_URL=none`)."""
    return
