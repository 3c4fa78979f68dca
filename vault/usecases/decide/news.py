"""Decide an answer that has news: a number, an expiry, or that a card is closed or to be asked for.

Source: account-updater.md, sections 5.1 and 5.4; `api.md`, CredentialService and "Lifecycle".
"""

from __future__ import annotations

from cards.expiry import Expiry
from cards.outcomes import BRINGS_EXPIRY, BRINGS_NUMBER
from cards.outcomes import Outcome as UpdateOutcome
from vault.domain.card import (
    Card,
    Cause,
    Hold,
    HoldType,
    Status,
    holds_of,
    pack_holds,
    pack_stored_credentials,
    stored_credentials_of,
)
from vault.domain.contents import Contents
from vault.domain.events import EventType
from vault.domain.intents import ApplyUpdate
from vault.domain.lifecycle import NEWS, News, after_network
from vault.domain.reasons import Reason
from vault.domain.results import Disposition
from vault.usecases.decide.age import (
    MOST_HOPS,
    Age,
    History,
    Lineage,
    age_of,
    asked_now,
    history_of,
    lineage_of,
)
from vault.usecases.decide.answers import applied, rejected, unchanged
from vault.usecases.decide.context import Context, Decision
from vault.usecases.decide.edit import with_contents
from vault.usecases.decide.numbers import fingerprint_of
from vault.usecases.decide.parked import now_due
from vault.usecases.decide.sealing import open_current
from vault.usecases.decide.status import too_many


def decide_news(ctx: Context, card: Card, intent: ApplyUpdate) -> Decision:
    """Decide an answer about `intent.asked_version` of a card that it may touch."""
    versions = ctx.state.versions.get(card.key, ())
    intent = asked_now(card, versions, intent)
    lineage = lineage_of(card, versions, intent.asked_version)
    fingerprint = _fingerprint_said(ctx, card, intent, lineage)
    settled = _settled_by_lineage(card, intent, lineage, fingerprint)
    if settled is not None:
        return settled
    history = history_of(card, versions)
    age = _age(card, intent, history, fingerprint)
    if intent.by_number and not lineage.same_number:
        return _superseded(card, intent, age, fingerprint)
    if age is Age.OLDER:
        return unchanged(intent, card, Disposition.STALE, "the card knows something newer")
    return _decide_newer(ctx, card, intent, history, tied=age is Age.TIED)


def _decide_newer(
    ctx: Context, card: Card, intent: ApplyUpdate, history: History, *, tied: bool
) -> Decision:
    held = open_current(ctx.keys[card.tenant], card)
    wanted, unconfirmed = _contents_after(held, intent)
    news = _news_in(ctx, intent, held, wanted)
    brings = news in {News.NUMBER, News.EXPIRY}
    status = card.status if wanted == held and brings else after_network(Status(card.status), news)
    if tied and (wanted != held if brings else status != card.status):
        return unchanged(intent, card, Disposition.CONFLICT, "another answer of the same age")
    if wanted.pan != held.pan and history.hops_from(intent) >= MOST_HOPS:
        return unchanged(intent, card, Disposition.CONFLICT, "too long a chain for one file")
    if intent.outcome is not UpdateOutcome.CORRECTED and _backwards(held, wanted):
        return rejected(intent, card, Reason.EXPIRY_BACKWARDS, "new_expiry", "an earlier expiry")
    holds = _holds_after(ctx, card, intent)
    if too_many(holds):
        return rejected(intent, card, Reason.HOLD_INVALID, "", "too many holds")
    after = card._replace(status=status, holds=pack_holds(holds))
    if brings and wanted == held:
        if not _confirms(card, intent):
            return unchanged(intent, card, Disposition.NO_CHANGE, "number and expiry as they are")
        after, brings = after._replace(expiry_unconfirmed=False), False
    if not brings and after == card:
        return unchanged(intent, card, Disposition.NO_CHANGE, "status as it is")
    return _changed(
        ctx, card, after, intent, held, wanted if brings else None, unconfirmed=unconfirmed
    )


def _fingerprint_said(ctx: Context, card: Card, intent: ApplyUpdate, lineage: Lineage) -> str:
    """Return the fingerprint of the number that the card has if the answer is right."""
    if intent.outcome in BRINGS_NUMBER and intent.new_pan is not None:
        return fingerprint_of(ctx, card.tenant, card.kind, intent.new_pan)[0]
    return card.fingerprint if lineage.same_number else ""


def _age(card: Card, intent: ApplyUpdate, history: History, fingerprint: str) -> Age:
    correction = intent.outcome is UpdateOutcome.CORRECTED
    back = fingerprint != card.fingerprint and fingerprint in history.before
    goes_back = back and not correction
    return age_of(
        card, intent, goes_back=goes_back, follows=_follows(card, intent, history, fingerprint)
    )


def _follows(card: Card, intent: ApplyUpdate, history: History, fingerprint: str) -> bool:
    """Tell whether an answer about a number can only come behind the one that brought the number.

    Whichever file was made first: what is said about a number is said of whoever has it. Only while
    nothing has been said about the number since, and of an expiry only where none came with it.
    """
    if not (intent.by_number and history.brought and card.status == Status.ACTIVE):
        return False
    moves = fingerprint != card.fingerprint
    return intent.outcome in BRINGS_EXPIRY and (moves or card.expiry_unconfirmed)


def _superseded(card: Card, intent: ApplyUpdate, age: Age, fingerprint: str) -> Decision:
    """Leave a card alone whose number an answer by number is not about any more.

    Nobody can tell here which of two successors is right: what is older is only late, and
    everything else a person has to decide.
    """
    if fingerprint == card.fingerprint and intent.new_expiry in {0, card.expiry}:
        return unchanged(intent, card, Disposition.NO_CHANGE, "number and expiry as they are")
    if age is Age.OLDER:
        return unchanged(intent, card, Disposition.STALE, "another number came since")
    return unchanged(intent, card, Disposition.CONFLICT, "another number came since, not newer")


def _confirms(card: Card, intent: ApplyUpdate) -> bool:
    """Tell whether an answer says the expiry that was kept when the number came without one."""
    return card.expiry_unconfirmed and intent.new_expiry == card.expiry


def _settled_by_lineage(
    card: Card, intent: ApplyUpdate, lineage: Lineage, fingerprint: str
) -> Decision | None:
    """Decide what needs no comparing of ages: the answer is not about this card any more."""
    if not lineage.followed:
        return unchanged(intent, card, Disposition.STALE, "not a network's version since")
    if not fingerprint:
        return unchanged(intent, card, Disposition.STALE, "about a number that was replaced")
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
        return unchanged(intent, card, Disposition.NO_CHANGE, "applied before")
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
    if wanted is None:
        after = after._replace(
            event_time=intent.times.event,
            file_time=intent.times.file,
            asked_time=intent.times.asked,
        )
        return _written(intent, card, after, event)
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
    decision = _written(intent, card, after, EventType.UPDATED)
    if not intent.dry_run:
        decision.superseded, decision.numbers = superseded, missing
        if wanted.pan != held.pan:
            now_due(ctx, decision, card.tenant, wanted.pan)
    return decision


def _written(intent: ApplyUpdate, card: Card, after: Card, event: EventType) -> Decision:
    """Return the decision that makes a card what it is after an answer; not in a dry run."""
    decision = applied(intent, card, after)
    if not intent.dry_run:
        decision.before, decision.after = card, after
        decision.event, decision.cause = event, Cause.NETWORK
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
