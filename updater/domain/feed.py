"""A feed file: an answer file from a channel, and what was made of each of its records."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.mapping import Note


class FeedState(StrEnum):
    """VALIDATED → APPLIED → REVERTED, HELD before it, or QUARANTINED, or DUPLICATE of another.

    None is ever left half way, unless an operator has given up on the rest, of a file whose bytes
    are gone or whose channel rests: then it is APPLIED, with the reason REJECTED_BY_OPERATOR. A
    HELD file brings nothing until an operator releases it.
    """

    VALIDATED = "VALIDATED"
    HELD = "HELD"
    APPLIED = "APPLIED"
    REVERTED = "REVERTED"
    QUARANTINED = "QUARANTINED"
    DUPLICATE = "DUPLICATE"


BY_ITSELF: Final = "cardvault:updater"
"""Who has resolved an exception that the updater itself found to be over."""

UNSETTLED: Final = frozenset({FeedState.VALIDATED, FeedState.HELD})
"""States in which a file's answers aren't all dealt with: further files of its batch wait."""

ADMITTED: Final = UNSETTLED | {FeedState.APPLIED, FeedState.REVERTED}
"""States of files that were found good: they have answered their batch."""


class Quarantine(StrEnum):
    """Why a file is set aside whole; a codec's FileFault is named as it is, after `FORM_`."""

    TOO_LARGE = "TOO_LARGE"
    NOT_ENCRYPTED = "NOT_ENCRYPTED"
    WRONG_KEY = "WRONG_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    CIPHERTEXT_DAMAGED = "CIPHERTEXT_DAMAGED"
    COMPRESSED = "COMPRESSED"
    UNKNOWN_BATCH = "UNKNOWN_BATCH"
    WRONG_MERCHANT = "WRONG_MERCHANT"
    BATCH_NOT_SENT = "BATCH_NOT_SENT"
    BATCH_REUSED = "BATCH_REUSED"
    ANSWER_ABOUT_ANOTHER_NUMBER = "ANSWER_ABOUT_ANOTHER_NUMBER"
    REJECTED_BY_OPERATOR = "REJECTED_BY_OPERATOR"


class HoldReason(StrEnum):
    """Why a good file is held: it is outside its channel's bounds (`domain/bounds.py`)."""

    CLOSED_SHARE = "CLOSED_SHARE"
    CHANGED_SHARE = "CHANGED_SHARE"
    MANY_TO_ONE = "MANY_TO_ONE"
    UNASKED_ANSWERS = "UNASKED_ANSWERS"


@dataclass(frozen=True, slots=True)
class FeedFile:
    """One file as received. Identity: channel, name, size, SHA-256 of the ciphertext.

    `part` tells further files of one batch apart, where the format does. `reason` and `offset`
    (bytes of the plain text; 0 for what isn't about the text) say why it was quarantined or is
    held; `decided_by`, `decided_at` and `decision`, who released it, refused it, or gave up on it,
    when and why. `reverted_by`, `reverted_at` and `revert_reason`: who has taken it back.
    `missing_since`: its bytes are in the inbox no more, and it needs them. Times are µs, UTC.
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
    part: str = ""
    file_time: int | None = None
    decided_by: str = ""
    decided_at: int | None = None
    reverted_at: int | None = None
    missing_since: int | None = None
    decision: str = ""
    reverted_by: str = ""
    revert_reason: str = ""

    @property
    def given_up(self) -> bool:
        """Tell whether an operator refused it whole, or gave up on the rest of it."""
        return self.reason == Quarantine.REJECTED_BY_OPERATOR.value


@dataclass(frozen=True, slots=True)
class Answer:
    """What one record of a feed file says of one card, and what came of it; without any number.

    `ordinal` counts records from 1; with several cards behind a question there is one Answer for
    each. An answer by number has no `token` where the vault found no card, and no `reference`.
    `record_mac` is keyed and tells whether two rows about one question are the same to the letter.
    `shadow`: the vault was only asked what it would do. `reason` is the vault's, or the updater's
    for what wasn't sent.
    """

    ordinal: int
    token: str
    reference: str
    update_id: str
    outcome: Outcome
    raw_code: str
    raw_reason: str
    disposition: Disposition
    note: Note | None = None
    record_mac: str = ""
    shadow: bool = False
    reason: str = ""


class Counted(NamedTuple):
    """What answers are counted by."""

    outcome: Outcome
    disposition: Disposition
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What a file brought: answers by outcome and disposition."""

    file: FeedFile
    counts: Mapping[Counted, int]


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
    FILE_HELD = "FILE_HELD"
    ANSWER_NOT_APPLIED = "ANSWER_NOT_APPLIED"
    CARD_NOT_ASKED = "CARD_NOT_ASKED"
    INQUIRY_UNANSWERED = "INQUIRY_UNANSWERED"
    APPLY_REFUSED = "APPLY_REFUSED"
    FILE_MISSING = "FILE_MISSING"


class IncidentState(StrEnum):
    """Whether an exception still waits: OPEN → RESOLVED (something was done) or DISMISSED."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"


@dataclass(frozen=True, slots=True)
class Incident:
    """One exception; one at a time is open per (kind, subject), and settled ones hide no new one.

    `exception_id` is set by the store. `subject` is what it is about, in the kind's own form: a
    file, a file's record and token, an inquiry, a question. `tenant` is empty where nobody's
    inquiry was claimed; `feed_id`, `ordinal`, `token`, `merchant_account` and `outcome` are set as
    far as there are such things.
    """

    kind: ExceptionKind
    subject: str
    reason: str
    offset: int = 0
    opened_at: int = 0
    exception_id: int = 0
    tenant: str = ""
    channel: str = ""
    feed_id: str = ""
    ordinal: int = 0
    token: str = ""
    merchant_account: str = ""
    outcome: Outcome | None = None
    state: IncidentState = IncidentState.OPEN
    resolved_at: int | None = None
    resolved_by: str = ""
    resolution: str = ""
