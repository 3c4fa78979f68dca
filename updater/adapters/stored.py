"""Rows as every engine keeps them, and what they are in the domain."""

from collections.abc import Iterable, Mapping
from typing import Final

from cards.brands import Brand
from cards.outcomes import Outcome
from updater.adapters.stored_feeds import Row, counts
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Enrolment, EnrolmentState
from updater.domain.inquiry import AskedCard, Inquiry, InquiryState, ItemState, Question
from updater.usecases.ports_store import InquiryProgress

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
    " file_name, sha256, size, records, sent_at, ended_at, wire_batch, network"
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
    """Return how far an inquiry is: cards by state, rows of (outcome, disposition, shadow, n)."""
    cards = sum(states.values()) - states.get(ItemState.DROPPED, 0)
    return InquiryProgress(cards, states.get(ItemState.ANSWERED, 0), counts(answers))
