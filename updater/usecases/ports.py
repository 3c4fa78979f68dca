"""What the use cases need from outside, in the words of the domain."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from cards.pan import Pan
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import Credential, Enrolment, EnrolmentState
from updater.domain.feed import (
    Answer,
    ExceptionKind,
    FeedFile,
    FeedReport,
    FeedState,
    Incident,
    Sighting,
)
from updater.domain.inquiry import Inquiry, InquiryState, Question


class Clock(Protocol):
    """What time it is."""

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC."""


# --- the vault ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Revealed:
    """A card's current number and expiry, for the moment of writing a file. Never stored."""

    token: str
    credential_version: int
    number: Pan
    expiry: Expiry | None
    brand: Brand


@dataclass(frozen=True, slots=True)
class NotRevealed:
    """The vault doesn't reveal this card; `reason` is its ErrorReason's name."""

    token: str
    reason: str


@dataclass(frozen=True, slots=True)
class CardUpdate:
    """One answer, as the vault takes it (`CredentialUpdate`). Times are µs, UTC."""

    update_id: str
    token: str
    credential_version: int
    merchant_account: str
    outcome: Outcome
    new_number: Pan | None
    new_expiry: Expiry | None
    asked_at: int
    channel: str
    feed_id: str
    ordinal: int
    raw_code: str


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What the vault did with an answer; `reason` only if it rejected it."""

    update_id: str
    token: str
    disposition: Disposition
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CredentialPage:
    """A part of the stream of credentials, and where to go on after it."""

    credentials: Sequence[Credential]
    cursor: str


class Vault(Protocol):
    """The vault over its API. Every method raises VaultUnavailable or VaultRefused."""

    def credentials(
        self, tenant: str, cursor: str, changed_since: int
    ) -> AsyncIterator[CredentialPage]:
        """Yield the cards that changed at or after a time (µs; 0: all), in the order of tokens.

        It goes on after `cursor`, which belongs to this `changed_since`; empty: from the start. A
        card that changes behind the cursor meanwhile is not shown again.
        """

    async def reveal(self, tenant: str, tokens: Sequence[str]) -> Sequence[Revealed | NotRevealed]:
        """Reveal up to 1,000 cards for an inquiry, in the order given, each on its own."""

    async def apply(self, tenant: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        """Hand over up to 1,000 answers, in order. Deduplicated by (update_id, token)."""


# --- the exchange directory and its encryption ------------------------------------------------


class SealFault(StrEnum):
    """Why a file could not be opened."""

    NOT_ENCRYPTED = "NOT_ENCRYPTED"
    WRONG_KEY = "WRONG_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    CIPHERTEXT_DAMAGED = "CIPHERTEXT_DAMAGED"


class NotOpened(Exception):
    """A file that is not one for us from the acquirer. Its text is the fault's name."""

    def __init__(self, fault: SealFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Cipher(Protocol):
    """OpenPGP between us and the acquirer; a key pair for each direction."""

    def is_sealed(self, data: bytes) -> bool:
        """Tell whether bytes begin like an encrypted message; nothing is opened."""

    async def seal(self, plain: bytes) -> bytes:
        """Encrypt to the acquirer and sign."""

    async def open(self, sealed: bytes) -> bytes:
        """Decrypt and check the acquirer's signature. Raises NotOpened."""

    async def seal_for_ourselves(self, found: bytes) -> bytes:
        """Encrypt to ourselves what arrived in plain text, so that it can be kept as evidence."""


class Shelf(StrEnum):
    """Where a file goes that is dealt with."""

    DONE = "done"
    QUARANTINE = "quarantine"


class Exchange(Protocol):
    """A directory that both sides see. Everything under it is ciphertext."""

    async def stage(self, name: str, sealed: bytes) -> None:
        """Write a file where nobody looks, durably; writing it again replaces it."""

    async def send(self, name: str) -> None:
        """Give the staged file its name in the outbox, durably; nothing if it has it already."""

    async def arrivals(self) -> Sequence[Sighting]:
        """List the inbox, temporary names left out."""

    async def read(self, name: str, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file of the inbox, or None if it is gone."""

    async def shelve(self, name: str, shelf: Shelf, *, instead: bytes | None = None) -> None:
        """Take a file out of the inbox, durably; `instead` replaces its bytes. Repeatable."""

    async def purge(self, older_than: timedelta) -> int:
        """Delete what was sent or shelved so long ago; return how many files that were."""


# --- what is stored ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestMark:
    """Who asked for a change under which request id; `digest` is a MAC of what was asked."""

    tenant: str
    principal: str
    request_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class InquiryProgress:
    """How far an inquiry is: cards asked about, cards answered, answers per kind."""

    cards: int
    answered: int
    counts: Mapping[tuple[Outcome, Disposition | None], int]


class EnrolmentStore(Protocol):
    """Which cards are asked about. Each method is one durable transaction."""

    async def cursor(self, tenant: str) -> str:
        """Return how far the tenant's credentials were read, as the last page said; else empty."""

    async def sync(self, tenant: str, page: CredentialPage, *, enrol: bool, at: int) -> int:
        """Take in a page and its cursor; return how many enrolments are new or changed.

        `enrol`: whether consent alone enrols; if not, a new row waits for `set_enrolled`.
        """

    async def candidates(
        self, tenant: str, *, after: tuple[str, str], limit: int
    ) -> Sequence[Enrolment]:
        """Return cards that might be due, ordered by (merchant account, token), after a key."""

    async def get(self, tenant: str, token: str, merchant_account: str) -> Enrolment | None:
        """Return an enrolment."""

    async def knows(self, tenant: str, token: str) -> bool:
        """Tell whether the vault has shown this card."""

    async def page(
        self,
        tenant: str,
        *,
        token: str,
        merchant_account: str,
        states: Collection[EnrolmentState],
        after: tuple[str, str],
        limit: int,
    ) -> Sequence[Enrolment]:
        """Return enrolments ordered by (token, merchant account); an empty filter means any."""

    async def set_enrolled(
        self, key: tuple[str, str, str], *, enrolled: bool, at: int, mark: RequestMark
    ) -> None:
        """Enrol or end (tenant, token, merchant account). Raises RequestIdReused."""


class InquiryStore(Protocol):
    """Inquiries and their questions. Each method is one durable transaction."""

    async def create(
        self, inquiry: Inquiry, questions: Sequence[Question], mark: RequestMark | None = None
    ) -> None:
        """Keep a new inquiry; its cards are from now on awaited. Raises RequestIdReused."""

    async def by_request(self, mark: RequestMark) -> Inquiry | None:
        """Return what this very request has created. Raises RequestIdReused."""

    async def in_state(self, *states: InquiryState) -> Sequence[Inquiry]:
        """Return inquiries in these states, oldest first."""

    async def find(self, batch_id: str) -> Inquiry | None:
        """Return an inquiry."""

    async def page(
        self, tenant: str, *, states: Collection[InquiryState], before: str, limit: int
    ) -> Sequence[Inquiry]:
        """Return a tenant's inquiries, newest first, before a batch id (empty: from the newest)."""

    async def progress(self, batch_id: str) -> InquiryProgress:
        """Return how far an inquiry's answers are."""

    async def questions(self, batch_id: str) -> Mapping[str, Question]:
        """Return an inquiry's questions by reference, in the order of the file."""

    async def written(
        self, inquiry: Inquiry, kept: Sequence[Question], dropped: Mapping[str, str]
    ) -> None:
        """Fix the file: its name and digest, what was really asked, what was dropped and why.

        From here on the cards count as asked, at the inquiry's `asked_at`.
        """

    async def emptied(self, batch_id: str, dropped: Mapping[str, str], at: int) -> None:
        """Close an inquiry of which nothing was left to ask."""

    async def sent(self, batch_id: str, at: int) -> None:
        """Note that the file is in the outbox."""

    async def expire(self, asked_before: int, at: int) -> int:
        """Mark questions of older inquiries unanswered; return how many."""


class FeedStore(Protocol):
    """Feed files and their answers. Each method is one durable transaction."""

    async def sight(self, seen: Sequence[Sighting]) -> Sequence[Sighting]:
        """Note a look at the inbox; return the same with `polls` counted, forgetting the rest."""

    async def by_digest(self, channel: str, sha256: str) -> Sequence[FeedFile]:
        """Return the files with these bytes, the first received first."""

    async def find(self, feed_id: str) -> FeedFile | None:
        """Return a file."""

    async def add(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a file that brings nothing (quarantined, duplicate). Adding it again is nothing."""

    async def admit(self, file: FeedFile, answers: Sequence[Answer]) -> None:
        """Keep a validated file and its answers; one that was quarantined is so no more.

        Raises BatchAlreadyAnswered.
        """

    async def pending(self, feed_id: str) -> Collection[tuple[int, str]]:
        """Return the (ordinal, token) of answers without a disposition."""

    async def record(
        self,
        feed_id: str,
        results: Sequence[tuple[Answer, Disposition, str]],
        *,
        at: int,
    ) -> None:
        """Note dispositions, close the questions, open exceptions where an operator is needed."""

    async def applied(self, feed_id: str, at: int) -> None:
        """Note that every answer of a file has its disposition."""

    async def report(self, feed_id: str) -> FeedReport:
        """Return a file's counts per outcome and disposition. Raises FeedFileNotFound."""

    async def page(
        self,
        *,
        tenant: str,
        states: Collection[FeedState],
        before: tuple[int, str],
        limit: int,
    ) -> Sequence[FeedFile]:
        """Return files, newest first, before a (received_at, feed_id); empty tenant: of all."""


class IncidentStore(Protocol):
    """What an operator has to look at."""

    async def open(self, incident: Incident) -> None:
        """Open an exception; nothing if one of its kind and subject is there."""

    async def page(
        self, *, unresolved_only: bool, kinds: Sequence[ExceptionKind], after: int, limit: int
    ) -> Sequence[Incident]:
        """Return exceptions by id, after an id."""

    async def resolve(self, exception_id: int, resolution: str, at: int) -> Incident:
        """Note what was done. Raises IncidentNotFound; resolving again changes nothing."""


class Duty(Protocol):
    """Whether this process does the work, of several on one database."""

    async def taken(self) -> None:
        """Wait until it does."""

    async def lost(self) -> None:
        """Wait until it does no more; nothing more may be begun."""

    async def confirm(self) -> None:
        """Make sure that nobody has taken over. Raises StandsBy, StoreUnavailable."""


class Marks(Protocol):
    """Keyed MACs: what ties answers to questions without storing a number."""

    def number(self, reference: str, digits: str) -> str:
        """Return the MAC of an asked number, bound to its reference, in hex."""

    def record(self, channel: str, batch_id: str, ordinal: int, content: bytes) -> str:
        """Return the MAC of a record, bound to its place, in hex."""

    def request(self, method: str, content: bytes) -> str:
        """Return the MAC of a request's fields, in hex."""

    def page(self, tenant: str, query: bytes, position: bytes) -> bytes:
        """Return the MAC of a page token, bound to tenant and query, 16 bytes."""

    def file(self, content: bytes) -> str:
        """Return the MAC of a file that came in plain text, in hex."""
