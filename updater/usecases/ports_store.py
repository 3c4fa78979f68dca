"""What the use cases need kept, in the words of the domain."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from updater.domain.enrolment import Enrolment, EnrolmentState
from updater.domain.feed import (
    Answer,
    Counted,
    ExceptionKind,
    FeedFile,
    FeedReport,
    FeedState,
    Incident,
    IncidentState,
    Sighting,
)
from updater.domain.inquiry import Inquiry, InquiryState, Question
from updater.usecases.ports_vault import CredentialPage


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
    counts: Mapping[Counted, int]


@dataclass(frozen=True, slots=True)
class Pause:
    """A channel at rest for one tenant: nothing is asked, and no answer applied."""

    channel: str
    tenant: str
    reason: str
    paused_by: str
    paused_at: int


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
    ) -> bool:
        """Keep a new inquiry; its cards are from now on awaited. Raises RequestIdReused.

        Questions about cards that another inquiry awaits by now are left out: another process may
        have been faster. Tell whether it was kept: not if all are, nor if the request was known.
        """

    async def by_request(self, mark: RequestMark) -> Inquiry | None:
        """Return what this very request has created. Raises RequestIdReused."""

    async def in_state(self, *states: InquiryState) -> Sequence[Inquiry]:
        """Return inquiries in these states, oldest first."""

    async def find(self, batch_id: str) -> Inquiry | None:
        """Return an inquiry."""

    async def by_wire(self, channel: str, wire_batch: str) -> Inquiry | None:
        """Return a channel's newest inquiry whose file's header carries this batch id."""

    async def next_wire(self, channel: str, digits: int) -> str:
        """Return the channel's next short batch id, of so many digits; after the last comes 1."""

    async def page(
        self,
        tenant: str,
        *,
        channel: str = "",
        states: Collection[InquiryState],
        before: str,
        limit: int,
    ) -> Sequence[Inquiry]:
        """Return a tenant's inquiries, newest first, before a batch id (empty: from the newest).

        An empty filter is any.
        """

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

    async def sight(self, channel: str, seen: Sequence[Sighting]) -> Sequence[Sighting]:
        """Note a look at a channel's inbox; return it with `polls` counted, forgetting the rest."""

    async def by_digest(self, channel: str, sha256: str) -> Sequence[FeedFile]:
        """Return the files with these bytes, the first received first."""

    async def of_batch(self, batch_id: str) -> Sequence[FeedFile]:
        """Return the ADMITTED files that answer an inquiry, the first received first."""

    async def find(self, feed_id: str) -> FeedFile | None:
        """Return a file."""

    async def add(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a file that brings nothing (quarantined, duplicate). Adding it again is nothing."""

    async def admit(self, file: FeedFile, incident: Incident | None = None) -> None:
        """Keep a good file, VALIDATED or HELD; one that was quarantined is so no more.

        It goes by the name under which it came last.

        Raises BatchAlreadyAnswered where another ADMITTED file has the same batch and part.
        """

    async def unsettled(self, channel: str) -> Sequence[FeedFile]:
        """Return a channel's UNSETTLED files."""

    async def missing(self, feed_id: str, incident: Incident) -> None:
        """Note that an UNSETTLED file is missing since the incident's time, and open that.

        Nothing of one that is settled by now, or is noted as missing already.
        """

    async def found(self, feed_id: str, at: int) -> FeedFile:
        """Note that a missing file is there again, and resolve its exception; return it as it is.

        Raises FeedFileNotFound.
        """

    async def release(
        self, feed_id: str, state: FeedState, resolution: str, *, at: int, mark: RequestMark
    ) -> FeedFile:
        """Release a HELD file (VALIDATED), or refuse it (QUARANTINED); settles its exception.

        A released file keeps the reason it was held for; `resolution` is why it is no more. Refused
        may also be a VALIDATED file that is missing or whose channel rests for its tenant: it
        counts as APPLIED if some of it was, and the exception of one that the vault refuses is
        settled.

        Raises FeedFileStateWrong, FeedFileNotFound, RequestIdReused; the same mark again returns
        the file as it is.
        """

    async def answered(self, batch_id: str) -> Mapping[str, Collection[str]]:
        """Return the record MACs of a batch's answers so far, by reference.

        Of files that were taken back, and of rows that weren't brought to the vault: none.

        Rows that contradicted each other (ANSWERED_TWICE) aren't answers.
        """

    async def last_recorded(self, feed_id: str) -> int:
        """Return the last ordinal of a file that has its dispositions; 0: none."""

    async def record(self, feed_id: str, answers: Sequence[Answer], *, at: int) -> None:
        """Keep answers with their dispositions, close their questions, tell the enrolments.

        All answers of one record come together, records in the file's order. Opens an exception
        where an operator is needed; those of another file's rows that contradicted each other
        about a question (ANSWERED_TWICE) say from then on that it was answered since. Recording a
        record again is nothing.
        """

    async def applied(self, feed_id: str, at: int) -> None:
        """Note that every answer of a file has its disposition."""

    async def replayed(self, feed_id: str, answers: Sequence[Answer], *, at: int) -> None:
        """Give answers that were in the shadow their real dispositions; `record` else.

        Answers of this file that weren't in the shadow stay as they are, and so do all that are
        given as in the shadow. Repeatable.
        """

    async def reverted(self, feed_id: str, reason: str, *, at: int, mark: RequestMark) -> FeedFile:
        """Note that an APPLIED file was taken back, by whom and why. Raises as `release` does."""

    async def report(self, feed_id: str) -> FeedReport:
        """Return a file's counts per outcome and disposition. Raises FeedFileNotFound."""

    async def answers(
        self, feed_id: str, *, after: tuple[int, str], limit: int
    ) -> Sequence[Answer]:
        """Return a file's answers by (ordinal, token), after a place."""

    async def page(
        self,
        *,
        tenant: str,
        channel: str,
        states: Collection[FeedState],
        before: tuple[int, str],
        limit: int,
    ) -> Sequence[FeedFile]:
        """Return files, newest first, before a (received_at, feed_id); an empty filter is any."""


class IncidentStore(Protocol):
    """What an operator has to look at."""

    async def open(self, incident: Incident) -> None:
        """Open an exception; nothing if one of its kind and subject is open."""

    async def get(self, exception_id: int) -> Incident | None:
        """Return an exception."""

    async def page(
        self,
        *,
        tenant: str,
        channel: str,
        states: Collection[IncidentState],
        kinds: Collection[ExceptionKind],
        after: int,
        limit: int,
    ) -> Sequence[Incident]:
        """Return exceptions by id, after an id; an empty filter is any."""

    async def settle(
        self,
        exception_id: int,
        state: IncidentState,
        resolution: str,
        *,
        at: int,
        mark: RequestMark,
    ) -> Incident:
        """Note what was done. Raises IncidentNotFound, IncidentSettled, RequestIdReused."""


class PauseStore(Protocol):
    """Which channels rest, and for whom."""

    async def paused(self) -> Mapping[tuple[str, str], Pause]:
        """Return the pauses by (channel, tenant)."""

    async def pause(self, pause: Pause, mark: RequestMark) -> Pause | None:
        """Begin a pause, or return the one that lasts. Raises RequestIdReused.

        None: this very request began one before, and it is over.
        """

    async def resume(self, channel: str, tenant: str, *, at: int, mark: RequestMark) -> None:
        """End a pause, if there is one. Raises RequestIdReused."""


class RequestStore(Protocol):
    """Request ids of calls that leave no other mark here."""

    async def known(self, mark: RequestMark) -> bool:
        """Tell whether this very request was made before. Raises RequestIdReused."""

    async def keep(self, mark: RequestMark, subject: str, *, at: int) -> None:
        """Note a request about a subject; nothing if it was before. Raises RequestIdReused."""
