"""Rows as every engine keeps them, and what they are in the domain."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cards.brands import Brand
from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Enrolment, EnrolmentState
from updater.domain.feed import Answer, ExceptionKind, FeedFile, FeedState, Incident
from updater.domain.inquiry import AskedCard, Inquiry, InquiryState, ItemState, Question
from updater.usecases.ports import InquiryProgress

Row = Sequence[Any]
ENROLMENTS: Final = """
  e.tenant, e.token, e.merchant_account, c.credential_version, c.fpan, c.status, c.brand,
  c.fingerprint, c.expiry, e.covered, e.opted_out, e.enrolled, e.asked_at, e.asked_version,
  e.checked_at, e.open_batch, e.chain, e.last_outcome, e.last_disposition, e.created_at,
  e.updated_at
  FROM enrolments e JOIN cards c ON c.tenant = e.tenant AND c.token = e.token
"""
"""A select's columns and tables; rows are taken by `enrolment`."""
STANDS: Final = "c.fpan AND c.status = 'ACTIVE' AND e.covered AND NOT e.opted_out"
_LIVE: Final = "e.enrolled AND c.status <> 'DELETED'"
STATES: Final = {
    EnrolmentState.ACTIVE: f"({_LIVE} AND {STANDS})",
    EnrolmentState.SUSPENDED: f"({_LIVE} AND NOT ({STANDS}))",
    EnrolmentState.ENDED: f"(NOT ({_LIVE}))",
}
"""Conditions on ENROLMENTS, by what the domain calls them."""
INQUIRY_COLUMNS: Final = (
    "batch_id, channel, tenant, merchant_account, merchant_id, state, created_at, asked_at,"
    " file_name, sha256, size, records, sent_at, ended_at"
)
FEED_COLUMNS: Final = (
    "feed_id, channel, name, size, sha256, state, received_at, batch_id, tenant, records,"
    ' reason, "offset", duplicate_of, applied_at'
)
INCIDENT_COLUMNS: Final = (
    'kind, subject, reason, "offset", opened_at, exception_id, resolved_at, resolution'
)


def enrolment(row: Row) -> Enrolment:
    """Return the enrolment of a row of ENROLMENTS."""
    return Enrolment(
        tenant=row[0],
        token=row[1],
        merchant_account=row[2],
        credential_version=row[3],
        fpan=bool(row[4]),
        status=CardStatus(row[5]),
        brand=Brand(row[6]),
        fingerprint=row[7],
        expiry=row[8],
        covered=bool(row[9]),
        opted_out=bool(row[10]),
        enrolled=bool(row[11]),
        asked_at=row[12],
        asked_version=row[13],
        checked_at=row[14],
        open_batch=row[15],
        chain=row[16],
        last_outcome=None if row[17] is None else Outcome(row[17]),
        last_disposition=None if row[18] is None else Disposition(row[18]),
        created_at=row[19],
        updated_at=row[20],
    )


def inquiry(row: Row) -> Inquiry:
    """Return the inquiry of a row of INQUIRY_COLUMNS."""
    batch_id, channel, tenant, account, merchant_id, state, *rest = row
    return Inquiry(batch_id, channel, tenant, account, merchant_id, InquiryState(state), *rest)


def questions(rows: Iterable[Row]) -> Mapping[str, Question]:
    """Return questions of rows of (reference, state, number_mac, token, version), in order."""
    found: dict[str, Question] = {}
    for reference, state, mac, token, version in rows:
        before = found[reference].cards if reference in found else ()
        cards = (*before, AskedCard(token, version))
        found[reference] = Question(reference, cards, ItemState(state), mac)
    return found


def progress(states: Mapping[str, int], answers: Iterable[Row]) -> InquiryProgress:
    """Return how far an inquiry is: cards by state, rows of (outcome, disposition, count)."""
    counts = {outcome_key(outcome, what): int(count) for outcome, what, count in answers}
    cards = sum(states.values()) - states.get(ItemState.DROPPED, 0)
    return InquiryProgress(cards, states.get(ItemState.ANSWERED, 0), counts)


def incident(row: Row) -> Incident:
    """Return the exception of a row of INCIDENT_COLUMNS."""
    return Incident(ExceptionKind(row[0]), *row[1:])


def feed_file(row: Row) -> FeedFile:
    """Return the file of a row of FEED_COLUMNS."""
    feed_id, channel, name, size, sha256, state, received_at, *rest = row
    return FeedFile(feed_id, channel, name, size, sha256, FeedState(state), received_at, *rest)


def feed_row(file: FeedFile) -> tuple[Any, ...]:
    """Return a file's row, in the order of FEED_COLUMNS."""
    return (
        file.feed_id,
        file.channel,
        file.name,
        file.size,
        file.sha256,
        file.state.value,
        file.received_at,
        file.batch_id,
        file.tenant,
        file.records,
        file.reason,
        file.offset,
        file.duplicate_of,
        file.applied_at,
    )


def answer_row(feed_id: str, answer: Answer) -> tuple[Any, ...]:
    """Return a new answer's row; it has no disposition yet."""
    return (
        feed_id,
        answer.ordinal,
        answer.token,
        answer.reference,
        answer.update_id,
        answer.outcome.value,
        answer.raw_code,
        answer.raw_reason,
        None if answer.note is None else answer.note.value,
        None,
        "",
    )


def outcome_key(outcome: str, disposition: str | None) -> tuple[Outcome, Disposition | None]:
    """Return the key under which answers are counted."""
    return Outcome(outcome), None if disposition is None else Disposition(disposition)
