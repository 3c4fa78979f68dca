"""What is written down of a change so that it can be undone, and of who has spoken since.

An answer that changes a card leaves what the card was before. One that says what the card has
already leaves that it said so: the card then does not go back when the other one's file is undone.
The same holds for people: what the cardholder repeats and what an operator sets is to stand.
"""

from __future__ import annotations

from typing import Final

from cards.outcomes import BRINGS_EXPIRY, ENDS_OR_PAUSES
from cards.outcomes import Outcome as UpdateOutcome
from vault.domain.card import (
    Card,
    CardKey,
    Cause,
    Hold,
    HoldType,
    holds_of,
    stored_credentials_of,
)
from vault.domain.imprint import Imprint, ImprintKey, Left, pack_left
from vault.domain.intents import ApplyUpdate
from vault.domain.results import Disposition
from vault.usecases.decide.age import lineage_of
from vault.usecases.decide.context import Context, Decision
from vault.usecases.decide.numbers import fingerprint_of
from vault.usecases.ledger.delta import Delta

SAYS: Final = {
    UpdateOutcome.OPTED_OUT: HoldType.UPDATER_OPTED_OUT,
    UpdateOutcome.STOP_RECURRING: HoldType.RECURRING_STOPPED,
    UpdateOutcome.CLOSED_OR_CONTACT: HoldType.RECURRING_STOPPED,
}
"""The hold that an outcome speaks of, where the card has it afterwards."""
OF_A_NETWORK: Final = frozenset({Cause.NETWORK.value, Cause.REVERTED.value})


def leave_imprint(ctx: Context, delta: Delta, decision: Decision) -> None:
    """Add what an accepted decision leaves, and mark or drop what it undoes or erases."""
    for key, (was, told) in decision.undone.items():
        _undo(ctx, delta, key, was, told)
    if decision.drops_imprints and decision.after is not None:
        _drop(ctx, delta, decision.after)
    imprint = _imprint_of(ctx, decision)
    if imprint is not None:
        delta.imprints[imprint.key] = imprint
        card = CardKey(imprint.tenant, imprint.token)
        ctx.state.imprints.setdefault(card, []).append(imprint)


def _imprint_of(ctx: Context, decision: Decision) -> Imprint | None:
    answer, before, after = decision.answer, decision.before, decision.after
    if answer is None:
        if decision.left is None or before is None or after is None:
            return None
        return _imprint(ctx, before, after, decision.left)
    if decision.applied is None:  # a dry run, or an answer that was heard before
        return None
    if before is not None and after is not None:
        return _imprint(ctx, before, after, _changed(before, after, answer), answer)
    result = decision.value
    if result.disposition is not Disposition.NO_CHANGE:
        return None
    left = _repeated(ctx, result.card, answer)
    return _imprint(ctx, result.card, result.card, left, answer) if left is not None else None


def _imprint(
    ctx: Context, before: Card, after: Card, left: Left, answer: ApplyUpdate | None = None
) -> Imprint:
    return Imprint(
        tenant=after.tenant,
        token=after.token,
        revision=after.revision,
        update_id=answer.update_id if answer is not None else "",
        source=answer.source_name if answer is not None else "",
        version_before=before.credential_version,
        version_after=after.credential_version,
        kept=pack_left(left),
        undone="",
        time=ctx.now,
    )


def _changed(before: Card, after: Card, answer: ApplyUpdate) -> Left:
    """Return what an answer changed, as it was before."""
    placed = holds_of(after) - holds_of(before)
    said = placed | _spoken_of(after, answer)
    if answer.outcome not in BRINGS_EXPIRY | ENDS_OR_PAUSES:
        return Left(placed=placed, said=said)
    dropped = {}
    if after.brand != before.brand:
        dropped = {
            row.merchant_account: row.network_transaction_ids
            for row in stored_credentials_of(before)
            if row.network_transaction_ids
        }
    return Left(
        account=True,
        status=before.status,
        unconfirmed=before.expiry_unconfirmed,
        times=before.times,
        details=before.details if before.details != after.details else None,
        transaction_ids=dropped,
        placed=placed,
        said=said,
    )


def _repeated(ctx: Context, card: Card, answer: ApplyUpdate) -> Left | None:
    """Return what an answer says of what the card has already; None where that is of no use.

    Of cards whose contents and status no network has made there is nothing to be undone.
    """
    said = _spoken_of(card, answer)
    spoken = any(card.times) or card.version_cause in OF_A_NETWORK
    account = spoken and _says_the_same(ctx, card, answer)
    return Left(account=account, again=True, said=said) if account or said else None


def _says_the_same(ctx: Context, card: Card, answer: ApplyUpdate) -> bool:
    outcome = answer.outcome
    if outcome in ENDS_OR_PAUSES:
        return True
    if outcome is UpdateOutcome.VALID_NO_CHANGE:
        versions = ctx.state.versions.get(card.key, ())
        return lineage_of(card, versions, answer.asked_version).current
    if outcome not in BRINGS_EXPIRY or answer.new_expiry not in {0, card.expiry}:
        return False
    if answer.new_pan is None:
        return True
    return fingerprint_of(ctx, card.tenant, card.kind, answer.new_pan)[0] == card.fingerprint


def _spoken_of(card: Card, answer: ApplyUpdate) -> frozenset[Hold]:
    kind = SAYS.get(answer.outcome)
    holds = {Hold(kind, answer.merchant_account)} if kind is not None else set()
    return holds_of(card) & holds


def _undo(ctx: Context, delta: Delta, key: ImprintKey, was: str, told: str) -> None:
    rows = ctx.state.imprints.get(CardKey(key.tenant, key.token), [])
    rows[:] = [row._replace(undone=told) if row.key == key else row for row in rows]
    if key in delta.imprints:
        delta.imprints[key] = delta.imprints[key]._replace(undone=told)
    else:
        delta.undone[key] = (delta.undone.get(key, (was, ""))[0], told)


def _drop(ctx: Context, delta: Delta, card: Card) -> None:
    """Forget all of a card's: what is there, and what this very flush added."""
    ctx.state.imprints.pop(card.key, None)
    delta.dropped_imprints.add(card.key)
    for rows in (delta.imprints, delta.undone):
        for key in [key for key in rows if key[:2] == card.key]:
            del rows[key]
