"""Which answers can be taken at all, and which cards they may touch."""

from __future__ import annotations

from typing import Final, NamedTuple

from cards.outcomes import CONFIRMS_NOTHING_NEW
from cards.outcomes import Outcome as UpdateOutcome
from vault.domain.card import Card, Hold, HoldType, Kind, holds_of, stored_credentials_of
from vault.domain.intents import ApplyUpdate
from vault.domain.lifecycle import NEWS, News
from vault.domain.reasons import Reason

INVALID, NOT_COVERED = Reason.INVALID_UPDATE, Reason.NOT_COVERED
OPTING_OUT: Final = {
    UpdateOutcome.OPTED_OUT: HoldType.UPDATER_OPTED_OUT,
    UpdateOutcome.STOP_RECURRING: HoldType.RECURRING_STOPPED,
}  # the hold of each of `cards.outcomes.HOLDS`
NOTHING_NEW: Final = CONFIRMS_NOTHING_NEW | {UpdateOutcome.UNSUPPORTED, UpdateOutcome.UNANSWERED}


class Problem(NamedTuple):
    """Why an answer is rejected: the reason, the field's path, and the audit's words."""

    reason: Reason
    field: str
    why: str


def unusable(card: Card, intent: ApplyUpdate) -> Problem | None:
    """Say why this answer may not touch this card, or nothing."""
    problem = barred(card, intent) or unfit(intent)
    if problem is not None or 0 < intent.asked_version <= card.credential_version:
        return problem
    return Problem(INVALID, "version.credential_version", "no such version was asked")


def barred(card: Card, intent: ApplyUpdate) -> Problem | None:
    """Say why a card is not this merchant account's to be updated, or nothing.

    Enrolled means covered and without that account's opt-out (`api.md`); that a cardholder opted
    out may be said again, and what says nothing new does no harm.
    """
    if card.kind != Kind.FPAN:
        return Problem(INVALID, "version.token", "only FPANs are updated")
    account = intent.merchant_account
    agreements = stored_credentials_of(card)
    if not any(row.merchant_account == account and row.covers_updates for row in agreements):
        why = "this merchant account's agreement does not cover updates"
        return Problem(NOT_COVERED, "", why)
    opted_out = Hold(HoldType.UPDATER_OPTED_OUT, account) in holds_of(card)
    if opted_out and intent.outcome in NEWS:
        return Problem(NOT_COVERED, "", "opted out at this merchant account")
    return None


def unfit(intent: ApplyUpdate) -> Problem | None:
    """Say what is wrong with an answer whatever card it is about, or nothing."""
    news = NEWS.get(intent.outcome)
    if news is None and intent.outcome not in NOTHING_NEW | OPTING_OUT.keys():
        return Problem(INVALID, "outcome", "not an answer about a card")
    if intent.number_unusable:
        why = "the new number is no card number"
        return Problem(Reason.CARD_NUMBER_INVALID, "new_number", why)
    if news is News.NUMBER and intent.new_pan is None and not _correction(intent):
        return Problem(INVALID, "new_number", "no number")
    if news is News.EXPIRY and not intent.new_expiry:
        return Problem(INVALID, "new_expiry", "no expiry")
    return None


def _correction(intent: ApplyUpdate) -> bool:
    return intent.outcome is UpdateOutcome.CORRECTED and bool(intent.new_expiry)
