"""Events as bytes: a `CardEvent` message, masked, with fingerprints, never a number.

Beside the services, because an event shows a card exactly as they do; whoever may read the topic
may see fingerprints (api.md, "Event types").
"""

from __future__ import annotations

from typing import Final

from cardvault.vault.v1.event_pb2 import CardEvent as CardEventMessage

from chassis.identity import Identity
from vault.domain.events import CardEvent, OutboxRow
from vault.rpc.cards_out import View, masked
from vault.rpc.enums import CAUSE, OUTCOME, STATUS
from vault.rpc.times import timestamp

_VIEW: Final = View(Identity("events", (), frozenset({"fingerprint"}), frozenset()))


def encode_event(event: CardEvent) -> OutboxRow:
    """Return an event's outbox row."""
    card = event.card
    message = CardEventMessage(
        event_type=event.type.value,
        tenant=card.tenant,
        token=card.token,
        revision=card.revision,
        card=masked(card, _VIEW, event.time),
        cause=CAUSE.number.get(event.cause, 0),  # type: ignore[arg-type]
        time=timestamp(event.time),
    )
    if event.old_fingerprint and event.old_fingerprint != card.fingerprint:
        message.old_fingerprint = event.old_fingerprint
    if event.old_status and event.old_status != card.status:
        message.old_status = STATUS.number[event.old_status]  # type: ignore[assignment]
    message.source.principal = event.principal
    if event.outcome:
        message.outcome = OUTCOME.number[event.outcome]  # type: ignore[assignment]
    channel, _, file = event.source.partition("/")
    if channel:
        message.source.update.channel = channel
        message.source.update.file = file
    return OutboxRow(
        card.tenant, card.token, card.revision, event.type.value, message.SerializeToString()
    )


def no_event(_event: CardEvent) -> None:
    """Keep no outbox at all (`CARDVAULT_EVENTS_URL=none`)."""
    return
