"""The frame of every decision on an updater's answer: audited, and remembered by (id, token)."""

from __future__ import annotations

from typing import Final

from vault.domain.card import Card, Times
from vault.domain.intents import ApplyUpdate
from vault.domain.reasons import Reason
from vault.domain.results import Disposition, UpdateResult
from vault.usecases.decide.context import Decision

ACTION: Final = "card.apply_update"


def applied(intent: ApplyUpdate, card: Card, after: Card) -> Decision:
    """Return the frame of an answer that changes a card; its rows are the caller's to add."""
    result = UpdateResult(Disposition.APPLIED, after, previous_version=card.credential_version)
    return framed(intent, result)


def unchanged(
    intent: ApplyUpdate, card: Card | None, disposition: Disposition, why: str
) -> Decision:
    """Return the decision to leave a card as it is, and why."""
    previous = card.credential_version if card is not None else 0
    decision = framed(intent, UpdateResult(disposition, card, why, previous_version=previous))
    decision.reason = why
    if disposition is Disposition.DUPLICATE:
        decision.applied = None
    return decision


def rejected(
    intent: ApplyUpdate, card: Card | None, reason: Reason, field: str, why: str
) -> Decision:
    """Return the decision that an answer cannot be taken, and why."""
    previous = card.credential_version if card is not None else 0
    result = UpdateResult(Disposition.REJECTED, card, why, reason, field, previous)
    decision = framed(intent, result)
    decision.reason = why
    return decision


def framed(intent: ApplyUpdate, result: UpdateResult) -> Decision:
    """Return a decision's frame. A dry run and what has no card are audited only."""
    times = ",".join(
        f"{name} {value}" for name, value in zip(Times._fields, intent.times, strict=True) if value
    )
    return Decision(
        action=ACTION,
        said=intent.outcome.value,
        answer=intent,
        value=result,
        token=intent.token,
        result="dry_run" if intent.dry_run else result.disposition.value.lower(),
        note=f"{intent.outcome} {intent.raw_code} {intent.source_name} {times}".strip(),
        applied=None
        if intent.dry_run or result.card is None
        else (intent.update_id, result.disposition.value),
    )
