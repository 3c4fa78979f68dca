"""What is told to the outside: what became of files and inquiries, never of a card."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from updater.domain.feed import FeedFile
from updater.domain.inquiry import Inquiry


class EventType(StrEnum):
    """CloudEvents types of `api.md`, as far as there are such steps."""

    FEED_RECEIVED = "cardvault.feed.received"
    FEED_HELD = "cardvault.feed.held"
    FEED_QUARANTINED = "cardvault.feed.quarantined"
    FEED_APPLIED = "cardvault.feed.applied"
    FEED_REVERTED = "cardvault.feed.reverted"
    INQUIRY_CREATED = "cardvault.inquiry.created"
    INQUIRY_WRITTEN = "cardvault.inquiry.written"
    INQUIRY_SENT = "cardvault.inquiry.sent"
    INQUIRY_ANSWERED = "cardvault.inquiry.answered"
    INQUIRY_EXPIRED = "cardvault.inquiry.expired"
    INQUIRY_EMPTIED = "cardvault.inquiry.emptied"


class Happening(NamedTuple):
    """One event: the file or inquiry after it. Its sequence is gapless from 1. Time: µs, UTC."""

    type: EventType
    about: FeedFile | Inquiry
    sequence: int
    time: int


Encode = Callable[[Happening], bytes] | None
"""Turns an event into its bytes; None where no outbox is kept."""


class OutboxRow(NamedTuple):
    """An event waiting for its relay; `(tenant, subject, revision)` is its identity."""

    tenant: str
    subject: str
    revision: int
    type: str
    payload: bytes
    time: int
