"""A feed file: an answer file from a channel, and what was made of each of its records."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.mapping import Note


class FeedState(StrEnum):
    """VALIDATED → APPLIED, or QUARANTINED, or DUPLICATE of another. None is ever left half way."""

    VALIDATED = "VALIDATED"
    APPLIED = "APPLIED"
    QUARANTINED = "QUARANTINED"
    DUPLICATE = "DUPLICATE"


class Quarantine(StrEnum):
    """Why a file is set aside whole; a codec's FileFault is named as it is, after `FORM_`."""

    TOO_LARGE = "TOO_LARGE"
    NOT_ENCRYPTED = "NOT_ENCRYPTED"
    WRONG_KEY = "WRONG_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    CIPHERTEXT_DAMAGED = "CIPHERTEXT_DAMAGED"
    UNKNOWN_BATCH = "UNKNOWN_BATCH"
    WRONG_MERCHANT = "WRONG_MERCHANT"
    BATCH_NOT_SENT = "BATCH_NOT_SENT"
    BATCH_REUSED = "BATCH_REUSED"
    UNASKED_ANSWER = "UNASKED_ANSWER"
    ANSWERED_TWICE = "ANSWERED_TWICE"
    MANY_TO_ONE = "MANY_TO_ONE"
    ANSWER_ABOUT_ANOTHER_NUMBER = "ANSWER_ABOUT_ANOTHER_NUMBER"


@dataclass(frozen=True, slots=True)
class FeedFile:
    """One file as received. Identity: channel, name, size, SHA-256 of the ciphertext.

    `reason` and `offset` (bytes of the plain text; 0 for what isn't about the text) say why it
    was quarantined. Times are µs, UTC.
    """

    feed_id: str
    channel: str
    name: str
    size: int
    sha256: str
    state: FeedState
    received_at: int
    batch_id: str = ""
    tenant: str = ""
    records: int = 0
    reason: str = ""
    offset: int = 0
    duplicate_of: str = ""
    applied_at: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one record of a feed file says of one card; without any number.

    `ordinal` counts records from 1; with several cards behind a question there is one Answer for
    each. `disposition` is None until it is known.
    """

    ordinal: int
    token: str
    reference: str
    update_id: str
    outcome: Outcome
    raw_code: str
    raw_reason: str
    note: Note | None = None
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What a file brought: answers per (outcome, disposition)."""

    file: FeedFile
    counts: Mapping[tuple[Outcome, Disposition | None], int]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file seen in the inbox: `polls` counts looks in a row with the same size and time."""

    name: str
    size: int
    modified_ns: int
    polls: int = 1


class ExceptionKind(StrEnum):
    """What an operator has to look at."""

    FILE_QUARANTINED = "FILE_QUARANTINED"
    ANSWER_NOT_APPLIED = "ANSWER_NOT_APPLIED"
    CARD_NOT_ASKED = "CARD_NOT_ASKED"
    INQUIRY_UNANSWERED = "INQUIRY_UNANSWERED"
    APPLY_REFUSED = "APPLY_REFUSED"


@dataclass(frozen=True, slots=True)
class Incident:
    """One exception; opened once per (kind, subject). `exception_id` is set by the store."""

    kind: ExceptionKind
    subject: str
    reason: str
    offset: int = 0
    opened_at: int = 0
    exception_id: int = 0
    resolved_at: int | None = None
    resolution: str = ""
