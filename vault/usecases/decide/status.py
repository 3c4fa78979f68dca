"""Decide what people say about a card without touching its number: status, holds, declines."""

from __future__ import annotations

from typing import Final

from vault.domain.card import (
    Cause,
    Hold,
    HoldType,
    Status,
    details_of,
    holds_of,
    pack,
    pack_holds,
)
from vault.domain.events import EventType
from vault.domain.imprint import Left
from vault.domain.intents import Entry, NoteDecline, SetStatus
from vault.domain.lifecycle import operator_may
from vault.domain.outcome import Refused
from vault.domain.reasons import Reason
from vault.domain.results import CardResult
from vault.usecases.decide.context import Context, Decision, Verdict

MOST_HOLDS: Final = 100
"""Of merchant accounts, on one card: every read, event and reveal of the card brings them all."""


def decide_status(ctx: Context, entry: Entry, intent: SetStatus) -> Verdict:
    """Set a card's status or its holds: clear a contact flag, undo a wrong close, place a hold."""
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused):
        return card
    if card.status_at(ctx.now) == Status.DELETED and not _legal_only(intent):
        # A legal hold may still be placed on, or lifted from, what waits for its erasure.
        return Refused(Reason.CARD_DELETED, "token")
    if card.sealed is None:
        return Refused(Reason.CARD_ERASED, "token")
    if intent.expected_revision and intent.expected_revision != card.revision:
        return Refused(Reason.REVISION_CONFLICT, "expected_revision")
    after = card._replace(revision=card.revision + 1, update_time=ctx.now)
    event = EventType.HOLD_CHANGED
    if intent.status is not None and intent.status.value != card.status:
        if not operator_may(Status(card.status), intent.status):
            return Refused(Reason.STATUS_FORBIDS, "status")
        after = after._replace(status=intent.status.value)
        event = EventType.STATUS_CHANGED
    if intent.place or intent.release:
        holds = holds_of(card) - intent.release | intent.place
        if too_many(holds) and intent.place - holds_of(card):
            return Refused(Reason.HOLD_INVALID, "holds")
        after = after._replace(holds=pack_holds(holds))
    return Decision(
        action="card.set_status",
        value=CardResult(after),
        token=card.token,
        before=card,
        after=after,
        event=event,
        cause=Cause.OPERATOR,
        note=intent.note,
        left=Left(account=intent.status is not None, said=intent.place | intent.release),
    )


def too_many(holds: frozenset[Hold]) -> bool:
    """Tell whether a card would have more holds than it may; a legal hold is always possible."""
    return sum([hold.type != HoldType.LEGAL_HOLD for hold in holds]) > MOST_HOLDS


def _legal_only(intent: SetStatus) -> bool:
    touched = intent.place | intent.release
    legal = all(hold.type == HoldType.LEGAL_HOLD for hold in touched)
    return intent.status is None and bool(touched) and legal


def decide_decline(ctx: Context, entry: Entry, intent: NoteDecline) -> Verdict:
    """Remember the last decline, which the updater reads when it chooses whom to ask about."""
    card = ctx.live_card_or_closed(entry)
    if isinstance(card, Refused):
        return card
    details = details_of(card)
    details["last_decline_code"] = intent.code
    details["last_decline_time"] = intent.declined_at
    after = card._replace(revision=card.revision + 1, update_time=ctx.now, details=pack(details))
    return Decision(
        action="card.report_decline",
        value=CardResult(after),
        token=card.token,
        before=card,
        after=after,
        event=EventType.UPDATED,
        cause=Cause.CARDHOLDER,
        note=intent.code,
    )
