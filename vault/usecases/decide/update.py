"""Decide what an account updater's answer does to a card: the disposition.

The updater says what an answer *says* (its outcome); only the vault, which has the lineage, can say
what it *does*. Source: account-updater.md, sections 5.1 and 5.4; `api.md`, CredentialService.
"""

from __future__ import annotations

from cards.expiry import Expiry
from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan
from vault.domain.card import (
    Card,
    Cause,
    Hold,
    HoldType,
    Kind,
    Status,
    Times,
    Version,
    holds_of,
    pack_holds,
    pack_stored_credentials,
    stored_credentials_of,
)
from vault.domain.contents import Contents
from vault.domain.events import EventType
from vault.domain.intents import ApplyUpdate, Entry
from vault.domain.lifecycle import NEWS, News, after_network
from vault.domain.outcome import Refused
from vault.domain.results import Disposition, UpdateResult
from vault.usecases.decide.age import Age, age_of
from vault.usecases.decide.context import Context, Decision, Verdict
from vault.usecases.decide.edit import with_contents
from vault.usecases.decide.sealing import open_current
from vault.usecases.ledger.state import AppliedKey, NumberKey

ACTION = "card.apply_update"

OPTING_OUT = {
    UpdateOutcome.OPTED_OUT: HoldType.UPDATER_OPTED_OUT,
    UpdateOutcome.STOP_RECURRING: HoldType.RECURRING_STOPPED,
}
NOTHING_NEW = frozenset(
    {
        UpdateOutcome.VALID_NO_CHANGE,
        UpdateOutcome.NO_MATCH,
        UpdateOutcome.NOT_PARTICIPATING,
        UpdateOutcome.UPDATE_EXPIRED,
        UpdateOutcome.UNSUPPORTED,
        UpdateOutcome.UNANSWERED,
    }
)


def decide_update(ctx: Context, entry: Entry, intent: ApplyUpdate) -> Verdict:
    """Apply one answer by token, or say why it changes nothing."""
    tenant = entry.caller.tenant
    seen = ctx.state.applied.get(AppliedKey(tenant, intent.update_id, intent.token))
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused) or card.status_at(ctx.now) == Status.DELETED:
        return _unchanged(intent, None, Disposition.NOT_FOUND, "no such card")
    if seen is not None:
        return _unchanged(intent, card, Disposition.DUPLICATE, seen)
    refusal = _unusable(card, intent)
    if refusal:
        return _unchanged(intent, card, Disposition.REJECTED, refusal)
    if intent.outcome in NOTHING_NEW:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "nothing new")
    if intent.outcome in OPTING_OUT:
        return _with_hold(ctx, card, intent, OPTING_OUT[intent.outcome])
    return _news(ctx, card, intent)


def _unusable(card: Card, intent: ApplyUpdate) -> str:
    """Say why this answer may not touch this card, or nothing."""
    agreements = stored_credentials_of(card)
    covered = any(
        row.merchant_account == intent.merchant_account and row.covers_updates for row in agreements
    )
    opted_out = Hold(HoldType.UPDATER_OPTED_OUT, intent.merchant_account) in holds_of(card)
    news = NEWS.get(intent.outcome)
    checks = (
        (card.kind != Kind.FPAN, "only FPANs are updated"),
        (not covered, "this merchant account's agreement does not cover updates"),
        (opted_out and news is not None, "opted out at this merchant account"),
        (
            news is None and intent.outcome not in NOTHING_NEW | OPTING_OUT.keys(),
            "not an answer about a card",
        ),
        (intent.number_unusable, "the new number is no card number"),
        (news is News.NUMBER and intent.new_pan is None and not _correction(intent), "no number"),
        (news is News.EXPIRY and not intent.new_expiry, "no expiry"),
        (not 0 < intent.asked_version <= card.credential_version, "no such version was asked"),
    )
    return next((why for bad, why in checks if bad), "")


def _correction(intent: ApplyUpdate) -> bool:
    return intent.outcome is UpdateOutcome.CORRECTED and bool(intent.new_expiry)


def _news(ctx: Context, card: Card, intent: ApplyUpdate) -> Verdict:
    held = open_current(ctx.keys[card.tenant], card)
    wanted, unconfirmed = _contents_after(held, intent)
    news = NEWS[intent.outcome]
    brings = news in {News.NUMBER, News.EXPIRY}
    same = brings and wanted == held
    age = age_of(card, intent)
    if age is Age.OLDER:
        return _unchanged(intent, card, Disposition.STALE, "the card knows something newer")
    if age is Age.TIED:
        return _tied(ctx, card, intent, same=same)
    backwards = (
        news is News.EXPIRY
        and held.expiry is not None
        and wanted.expiry is not None
        and wanted.expiry < held.expiry
    )
    if backwards:
        return _unchanged(intent, card, Disposition.REJECTED, "an earlier expiry")
    status = _status_after(ctx, card, news, intent)
    held_after = _holds_after(ctx, card, intent)
    if same and status.value == card.status:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "number and expiry as they are")
    if not brings and status.value == card.status and held_after == holds_of(card):
        return _unchanged(intent, card, Disposition.NO_CHANGE, "status as it is")
    return _changed(
        ctx,
        card,
        intent,
        held,
        None if same or not brings else wanted,
        status=status,
        holds=held_after,
        unconfirmed=unconfirmed,
    )


def _tied(ctx: Context, card: Card, intent: ApplyUpdate, *, same: bool) -> Verdict:
    """Two answers of one age: the same contents are no news, other contents a conflict."""
    news = NEWS[intent.outcome]
    brings = news in {News.NUMBER, News.EXPIRY}
    agrees = same if brings else _status_after(ctx, card, news, intent).value == card.status
    if agrees:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "as the card already says")
    return _unchanged(intent, card, Disposition.CONFLICT, "another answer of the same age")


def _contents_after(held: Contents, intent: ApplyUpdate) -> tuple[Contents, bool]:
    """Return the contents that an answer means; a blank new expiry keeps the old, unconfirmed."""
    pan: Pan = intent.new_pan or held.pan
    expiry = Expiry.from_int(intent.new_expiry) if intent.new_expiry else held.expiry
    unconfirmed = intent.new_pan is not None and not intent.new_expiry and expiry is not None
    return Contents(pan, expiry, held.cardholder_name, held.billing_address), unconfirmed


def _status_after(ctx: Context, card: Card, news: News, intent: ApplyUpdate) -> Status:
    if intent.outcome is UpdateOutcome.CLOSED_OR_CONTACT and ctx.rules.closed_or_contact_closes:
        news = News.CLOSED
    return after_network(Status(card.status), news)


def _holds_after(ctx: Context, card: Card, intent: ApplyUpdate) -> frozenset[Hold]:
    holds = holds_of(card)
    ambiguous = intent.outcome is UpdateOutcome.CLOSED_OR_CONTACT
    if ambiguous and not ctx.rules.closed_or_contact_closes and card.status != Status.CLOSED:
        return holds | {Hold(HoldType.RECURRING_STOPPED, intent.merchant_account)}
    return holds


def _changed(
    ctx: Context,
    card: Card,
    intent: ApplyUpdate,
    held: Contents,
    wanted: Contents | None,
    *,
    status: Status,
    holds: frozenset[Hold],
    unconfirmed: bool,
) -> Decision:
    after = card._replace(
        revision=card.revision + 1,
        update_time=ctx.now,
        status=status.value,
        holds=pack_holds(holds),
    )
    superseded: Version | None = None
    missing: dict[NumberKey, str] = {}
    if wanted is not None:
        if wanted.pan.brand != held.pan.brand:
            after = after._replace(stored_credentials=_without_network_state(card), details="")
        after, superseded, missing = with_contents(
            ctx,
            card,
            after,
            held,
            wanted,
            Cause.NETWORK,
            source=f"{intent.channel}/{intent.file}",
            times=intent.times,
        )
        after = after._replace(expiry_unconfirmed=unconfirmed)
    else:
        after = after._replace(
            version_cause=card.version_cause,
            event_time=intent.times.event,
            file_time=intent.times.file,
            asked_time=intent.times.asked,
        )
    decision = _decision(intent, UpdateResult(Disposition.APPLIED, after))
    if intent.dry_run:
        return decision
    decision.before, decision.after = card, after
    decision.superseded, decision.numbers = superseded, missing
    decision.event = EventType.UPDATED if wanted is not None else EventType.STATUS_CHANGED
    decision.cause = Cause.NETWORK
    decision.source = f"{intent.channel}/{intent.file}"
    return decision


def _without_network_state(card: Card) -> str:
    """Drop network transaction ids: they mean nothing at another brand's network."""
    return pack_stored_credentials(
        tuple(row._replace(network_transaction_ids=()) for row in stored_credentials_of(card))
    )


def _with_hold(ctx: Context, card: Card, intent: ApplyUpdate, kind: HoldType) -> Verdict:
    hold = Hold(kind, intent.merchant_account)
    holds = holds_of(card)
    if hold in holds:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "held already")
    after = card._replace(
        revision=card.revision + 1, update_time=ctx.now, holds=pack_holds(holds | {hold})
    )
    decision = _decision(intent, UpdateResult(Disposition.APPLIED, after))
    if intent.dry_run:
        return decision
    decision.before, decision.after = card, after
    decision.event, decision.cause = EventType.HOLD_CHANGED, Cause.NETWORK
    decision.source = f"{intent.channel}/{intent.file}"
    return decision


def _unchanged(
    intent: ApplyUpdate, card: Card | None, disposition: Disposition, why: str
) -> Decision:
    decision = _decision(intent, UpdateResult(disposition, card, why))
    decision.reason = why
    if disposition is Disposition.DUPLICATE:
        decision.applied = None
    return decision


def _decision(intent: ApplyUpdate, result: UpdateResult) -> Decision:
    """Return the decision's frame: audited, and remembered by (update id, token)."""
    times = ",".join(
        f"{name} {value}" for name, value in zip(Times._fields, intent.times, strict=True) if value
    )
    return Decision(
        action=ACTION,
        value=result,
        token=intent.token,
        result="dry_run" if intent.dry_run else result.disposition.value.lower(),
        note=f"{intent.outcome} {intent.raw_code} {intent.channel}/{intent.file} {times}".strip(),
        applied=None
        if intent.dry_run or result.card is None
        else (intent.update_id, result.disposition.value),
    )
