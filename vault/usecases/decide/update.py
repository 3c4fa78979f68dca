"""Decide what an account updater's answer does to a card: the disposition.

The updater says what an answer *says* (its outcome); only the vault, which has the lineage, can say
what it *does*. Source: account-updater.md, sections 5.1 and 5.4; `api.md`, CredentialService.
"""

from __future__ import annotations

from cards.expiry import Expiry
from cards.masking import may_be_card_number
from cards.outcomes import BRINGS_EXPIRY, BRINGS_NUMBER, CONFIRMS_NOTHING_NEW
from cards.outcomes import Outcome as UpdateOutcome
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
from vault.domain.reasons import Reason
from vault.domain.results import Disposition, UpdateResult
from vault.usecases.decide.age import Age, Lineage, age_of, lineage_of
from vault.usecases.decide.context import Context, Decision, Verdict
from vault.usecases.decide.edit import with_contents
from vault.usecases.decide.numbers import fingerprint_of
from vault.usecases.decide.sealing import open_current
from vault.usecases.decide.status import too_many
from vault.usecases.ledger.state import AppliedKey, NumberKey

ACTION = "card.apply_update"
INVALID, NOT_COVERED = Reason.INVALID_UPDATE, Reason.NOT_COVERED

OPTING_OUT = {
    UpdateOutcome.OPTED_OUT: HoldType.UPDATER_OPTED_OUT,
    UpdateOutcome.STOP_RECURRING: HoldType.RECURRING_STOPPED,
}  # the hold of each of `cards.outcomes.HOLDS`
NOTHING_NEW = CONFIRMS_NOTHING_NEW | {UpdateOutcome.UNSUPPORTED, UpdateOutcome.UNANSWERED}


def decide_update(ctx: Context, entry: Entry, intent: ApplyUpdate) -> Verdict:
    """Apply one answer by token, or say why it changes nothing."""
    tenant = entry.caller.tenant
    seen = ctx.state.applied.get(AppliedKey(tenant, intent.update_id, intent.token))
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused) or card.status_at(ctx.now) == Status.DELETED:
        missing = _unchanged(intent, None, Disposition.NOT_FOUND, "no such card")
        if isinstance(card, Refused) and may_be_card_number(intent.token):
            missing.token = ""  # sent in a token's place: not for the audit
        return missing
    if seen is not None:
        return _unchanged(intent, card, Disposition.DUPLICATE, seen)
    unusable = _unusable(card, intent)
    if unusable is not None:
        return _rejected(intent, card, *unusable)
    if intent.outcome in NOTHING_NEW:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "nothing new")
    if intent.outcome in OPTING_OUT:
        return _with_hold(ctx, card, intent, OPTING_OUT[intent.outcome])
    return _news(ctx, card, intent)


def _unusable(card: Card, intent: ApplyUpdate) -> tuple[Reason, str, str] | None:
    """Say why this answer may not touch this card, or nothing."""
    agreements = stored_credentials_of(card)
    covered = any(
        row.merchant_account == intent.merchant_account and row.covers_updates for row in agreements
    )
    opted_out = Hold(HoldType.UPDATER_OPTED_OUT, intent.merchant_account) in holds_of(card)
    news = NEWS.get(intent.outcome)
    checks = (
        (card.kind != Kind.FPAN, INVALID, "version.token", "only FPANs are updated"),
        (not covered, NOT_COVERED, "", "this merchant account's agreement does not cover updates"),
        (opted_out and news is not None, NOT_COVERED, "", "opted out at this merchant account"),
        (
            news is None and intent.outcome not in NOTHING_NEW | OPTING_OUT.keys(),
            INVALID,
            "outcome",
            "not an answer about a card",
        ),
        (
            intent.number_unusable,
            Reason.CARD_NUMBER_INVALID,
            "new_number",
            "the new number is no card number",
        ),
        (
            news is News.NUMBER and intent.new_pan is None and not _correction(intent),
            INVALID,
            "new_number",
            "no number",
        ),
        (news is News.EXPIRY and not intent.new_expiry, INVALID, "new_expiry", "no expiry"),
        (
            not 0 < intent.asked_version <= card.credential_version,
            INVALID,
            "version.credential_version",
            "no such version was asked",
        ),
    )
    return next(((reason, field, why) for bad, reason, field, why in checks if bad), None)


def _correction(intent: ApplyUpdate) -> bool:
    return intent.outcome is UpdateOutcome.CORRECTED and bool(intent.new_expiry)


def _news(ctx: Context, card: Card, intent: ApplyUpdate) -> Verdict:
    lineage = lineage_of(card, ctx.state.versions.get(card.key, ()), intent.asked_version)
    settled = _settled_by_lineage(ctx, card, intent, lineage)
    if settled is not None:
        return settled
    held = open_current(ctx.keys[card.tenant], card)
    wanted, unconfirmed = _contents_after(held, intent)
    news = _news_in(ctx, intent, held, wanted)
    brings = news in {News.NUMBER, News.EXPIRY}
    age = age_of(card, intent)
    if age is Age.OLDER:
        return _unchanged(intent, card, Disposition.STALE, "the card knows something newer")
    status = card.status if wanted == held and brings else after_network(Status(card.status), news)
    if age is Age.TIED and (wanted != held if brings else status != card.status):
        return _unchanged(intent, card, Disposition.CONFLICT, "another answer of the same age")
    if intent.outcome is not UpdateOutcome.CORRECTED and _backwards(held, wanted):
        return _rejected(intent, card, Reason.EXPIRY_BACKWARDS, "new_expiry", "an earlier expiry")
    holds = _holds_after(ctx, card, intent)
    if too_many(holds):
        return _rejected(intent, card, Reason.HOLD_INVALID, "", "too many holds")
    after = card._replace(status=status, holds=pack_holds(holds))
    if brings and wanted == held:
        if not _confirms(card, intent):
            return _unchanged(intent, card, Disposition.NO_CHANGE, "number and expiry as they are")
        after, brings = after._replace(expiry_unconfirmed=False), False
    if not brings and after == card:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "status as it is")
    return _changed(
        ctx, card, after, intent, held, wanted if brings else None, unconfirmed=unconfirmed
    )


def _confirms(card: Card, intent: ApplyUpdate) -> bool:
    """Tell whether an answer says the expiry that was kept when the number came without one."""
    return card.expiry_unconfirmed and intent.new_expiry == card.expiry


def _settled_by_lineage(
    ctx: Context, card: Card, intent: ApplyUpdate, lineage: Lineage
) -> Decision | None:
    """Decide what needs no comparing of ages: the answer is not about this card any more."""
    if not lineage.followed:
        return _unchanged(intent, card, Disposition.STALE, "not a network's version since")
    fingerprint = card.fingerprint if lineage.same_number else ""
    if intent.outcome in BRINGS_NUMBER and intent.new_pan is not None:
        fingerprint = fingerprint_of(ctx, card.tenant, card.kind, intent.new_pan)[0]
    elif not lineage.same_number:
        return _unchanged(intent, card, Disposition.STALE, "about a number that was replaced")
    # A correction may well go back to what came before: only its age says whether it is news.
    repeats = intent.outcome in BRINGS_EXPIRY - {UpdateOutcome.CORRECTED}
    confirms = _confirms(card, intent) and fingerprint == card.fingerprint
    if (
        repeats
        and not confirms
        and any(
            number == fingerprint and intent.new_expiry in {0, expiry}
            for number, expiry in lineage.later
        )
    ):
        return _unchanged(intent, card, Disposition.NO_CHANGE, "applied before")
    return None


def _news_in(ctx: Context, intent: ApplyUpdate, held: Contents, wanted: Contents) -> News:
    """Return what an answer means, by its contents as well as by its code (section B)."""
    news = NEWS[intent.outcome]
    if intent.outcome is UpdateOutcome.CLOSED_OR_CONTACT and ctx.rules.closed_or_contact_closes:
        return News.CLOSED
    # "A new number" that is the old one is news of the expiry: it reopens nothing.
    return News.EXPIRY if news is News.NUMBER and wanted.pan == held.pan else news


def _backwards(held: Contents, wanted: Contents) -> bool:
    if held.expiry is None or wanted.expiry is None or wanted.pan != held.pan:
        return False
    return wanted.expiry < held.expiry


def _contents_after(held: Contents, intent: ApplyUpdate) -> tuple[Contents, bool]:
    """Return the contents that an answer means; a blank new expiry keeps the old, unconfirmed."""
    brings = intent.outcome in BRINGS_NUMBER  # a number beside any other is not to be used
    pan = intent.new_pan if brings and intent.new_pan is not None else held.pan
    expiry = Expiry.from_int(intent.new_expiry) if intent.new_expiry else held.expiry
    unconfirmed = pan != held.pan and not intent.new_expiry and expiry is not None
    return Contents(pan, expiry, held.cardholder_name, held.billing_address), unconfirmed


def _holds_after(ctx: Context, card: Card, intent: ApplyUpdate) -> frozenset[Hold]:
    holds = holds_of(card)
    ambiguous = intent.outcome is UpdateOutcome.CLOSED_OR_CONTACT
    if ambiguous and not ctx.rules.closed_or_contact_closes and card.status != Status.CLOSED:
        return holds | {Hold(HoldType.RECURRING_STOPPED, intent.merchant_account)}
    return holds


def _changed(
    ctx: Context,
    card: Card,
    after: Card,
    intent: ApplyUpdate,
    held: Contents,
    wanted: Contents | None,
    *,
    unconfirmed: bool,
) -> Decision:
    after = after._replace(revision=card.revision + 1, update_time=ctx.now)
    event = _event_of(card, after)
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
            source=intent.source_name,
            times=intent.times,
        )
        after = after._replace(expiry_unconfirmed=unconfirmed)
    else:
        after = after._replace(
            event_time=intent.times.event,
            file_time=intent.times.file,
            asked_time=intent.times.asked,
        )
    decision = _decision(intent, _applied(card, after))
    if intent.dry_run:
        return decision
    decision.before, decision.after = card, after
    decision.superseded, decision.numbers = superseded, missing
    decision.event = EventType.UPDATED if wanted is not None else event
    decision.cause = Cause.NETWORK
    decision.source = intent.source_name
    return decision


def _event_of(card: Card, after: Card) -> EventType:
    """Name a change that brings no new contents."""
    if after.status != card.status:
        return EventType.STATUS_CHANGED
    confirmed = after.expiry_unconfirmed != card.expiry_unconfirmed
    return EventType.UPDATED if confirmed else EventType.HOLD_CHANGED


def _without_network_state(card: Card) -> str:
    """Drop network transaction ids: they mean nothing at another brand's network."""
    return pack_stored_credentials(
        tuple(row._replace(network_transaction_ids=()) for row in stored_credentials_of(card))
    )


def _with_hold(ctx: Context, card: Card, intent: ApplyUpdate, kind: HoldType) -> Verdict:
    hold = Hold(kind, intent.merchant_account)
    holds = holds_of(card)
    lineage = lineage_of(card, ctx.state.versions.get(card.key, ()), intent.asked_version)
    if not lineage.followed:
        return _unchanged(intent, card, Disposition.STALE, "not a network's version since")
    if hold in holds:
        return _unchanged(intent, card, Disposition.NO_CHANGE, "held already")
    if too_many(holds | {hold}):
        return _rejected(intent, card, Reason.HOLD_INVALID, "", "too many holds")
    after = card._replace(
        revision=card.revision + 1, update_time=ctx.now, holds=pack_holds(holds | {hold})
    )
    decision = _decision(intent, _applied(card, after))
    if intent.dry_run:
        return decision
    decision.before, decision.after = card, after
    decision.event, decision.cause = EventType.HOLD_CHANGED, Cause.NETWORK
    decision.source = intent.source_name
    return decision


def _applied(card: Card, after: Card) -> UpdateResult:
    return UpdateResult(Disposition.APPLIED, after, previous_version=card.credential_version)


def _unchanged(
    intent: ApplyUpdate, card: Card | None, disposition: Disposition, why: str
) -> Decision:
    previous = card.credential_version if card is not None else 0
    decision = _decision(intent, UpdateResult(disposition, card, why, previous_version=previous))
    decision.reason = why
    if disposition is Disposition.DUPLICATE:
        decision.applied = None
    return decision


def _rejected(intent: ApplyUpdate, card: Card, reason: Reason, field: str, why: str) -> Decision:
    decision = _decision(
        intent,
        UpdateResult(Disposition.REJECTED, card, why, reason, field, card.credential_version),
    )
    decision.reason = why
    return decision


def _decision(intent: ApplyUpdate, result: UpdateResult) -> Decision:
    """Return the decision's frame: audited, and remembered by (update id, token)."""
    times = ",".join(
        f"{name} {value}" for name, value in zip(Times._fields, intent.times, strict=True) if value
    )
    return Decision(
        action=ACTION,
        said=intent.outcome.value,
        value=result,
        token=intent.token,
        result="dry_run" if intent.dry_run else result.disposition.value.lower(),
        note=f"{intent.outcome} {intent.raw_code} {intent.source_name} {times}".strip(),
        applied=None
        if intent.dry_run or result.card is None
        else (intent.update_id, result.disposition.value),
    )
