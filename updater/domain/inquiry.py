"""An inquiry: one file of questions, from the choice of cards to the last answer."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class InquiryState(StrEnum):
    """CREATED → WRITTEN → SENT → ANSWERED or EXPIRED; EMPTY if nothing was left to ask.

    Up to WRITTEN nobody else has seen the file, and it may be made anew; from WRITTEN on its
    bytes are fixed, and only they are ever sent under this batch id.
    """

    CREATED = "CREATED"
    WRITTEN = "WRITTEN"
    SENT = "SENT"
    ANSWERED = "ANSWERED"
    EXPIRED = "EXPIRED"
    EMPTY = "EMPTY"


class ItemState(StrEnum):
    """What became of one question."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    UNANSWERED = "UNANSWERED"
    DROPPED = "DROPPED"


@dataclass(frozen=True, slots=True)
class AskedCard:
    """One card behind a question: several cards of a tenant may hold one number."""

    token: str
    credential_version: int


@dataclass(frozen=True, slots=True)
class Question:
    """One record of an inquiry file: a random reference, and the cards it stands for.

    `number_mac` tells whether an answer is about the number that was asked; empty until the file
    is written. It is keyed, and bound to the reference, or to the batch id where the format echoes
    no reference and answers are found by number.
    """

    reference: str
    cards: Sequence[AskedCard]
    state: ItemState = ItemState.OPEN
    number_mac: str = ""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A file of questions of one tenant and merchant account. Times are µs, UTC.

    `wire_batch` is the batch id as the format's header carries it: the batch id itself, a shorter
    one that comes round again, or nothing. `network` is the one network a file is for, in the
    format's letter; empty where the format mixes them.
    """

    batch_id: str
    channel: str
    tenant: str
    merchant_account: str
    merchant_id: str
    state: InquiryState
    created_at: int
    asked_at: int = 0
    file_name: str = ""
    sha256: str = ""
    size: int = 0
    records: int = 0
    sent_at: int | None = None
    ended_at: int | None = None
    wire_batch: str = ""
    network: str = ""


def new_batch_id(now: int) -> str:
    """Return a batch id of 26 digits, unique for ever: milliseconds, then 13 random digits."""
    return f"{now // 1000:013}{secrets.randbelow(10**13):013}"


def new_reference() -> str:
    """Return a random reference of 24 letters, 110 bits: never a number, let alone a card's."""
    return "".join(secrets.choice(_LETTERS) for _ in range(24))


def request_name(inquiry: Inquiry, suffix: str) -> str:
    """Return the name of the inquiry's file in the exchange; `suffix` is its format's."""
    return f"{inquiry.merchant_id}.{inquiry.batch_id}.{suffix}.pgp"


def batch_named(file_name: str) -> str:
    """Return the batch id that an answer file's name claims, empty if none: it is not trusted."""
    parts = file_name.split(".")
    return parts[1] if len(parts) > 1 else ""
