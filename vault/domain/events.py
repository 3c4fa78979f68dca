"""What is told to the outside when a card changes; encoded by an adapter, never with a number."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from vault.domain.card import Card


class EventType(StrEnum):
    """CloudEvents types of `api.md`."""

    STORED = "cardvault.card.stored"
    UPDATED = "cardvault.card.updated"
    STATUS_CHANGED = "cardvault.card.status_changed"
    HOLD_CHANGED = "cardvault.card.hold_changed"
    DELETED = "cardvault.card.deleted"
    UNDELETED = "cardvault.card.undeleted"
    ERASED = "cardvault.card.erased"


class CardEvent(NamedTuple):
    """One change of one card: (token, revision) is gapless."""

    type: EventType
    card: Card
    old_fingerprint: str
    old_status: str
    cause: str
    source: str
    time: int
    principal: str
    outcome: str  # what the network said; empty for other causes
    traceparent: str = ""  # of the call that made the change, where it was sampled


class OutboxRow(NamedTuple):
    """An event waiting for its relay; `(tenant, token, revision)` is its identity."""

    tenant: str
    token: str
    revision: int
    type: str
    payload: bytes
    time: int = 0

    @property
    def subject(self) -> str:
        """Return what the event is about."""
        return self.token
