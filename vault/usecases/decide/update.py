"""Decide what an account updater's answer does to a card: the disposition.

The updater says what an answer *says* (its outcome); only the vault, which has the lineage, can say
what it *does*. Source: account-updater.md, sections 5.1 and 5.4; `api.md`, CredentialService.
"""

from __future__ import annotations

from cards.masking import may_be_card_number
from vault.domain.card import Card, Cause, Hold, HoldType, Status, holds_of, pack_holds
from vault.domain.events import EventType
from vault.domain.intents import ApplyUpdate, Entry
from vault.domain.outcome import Refused
from vault.domain.reasons import Reason
from vault.domain.results import Disposition
from vault.usecases.decide.age import lineage_of
from vault.usecases.decide.answers import applied, rejected, unchanged
from vault.usecases.decide.context import Context, Decision, Verdict
from vault.usecases.decide.news import decide_news
from vault.usecases.decide.status import too_many
from vault.usecases.decide.usable import NOTHING_NEW, OPTING_OUT, unusable
from vault.usecases.ledger.state import AppliedKey


def decide_update(ctx: Context, entry: Entry, intent: ApplyUpdate) -> Verdict:
    """Apply one answer by token, or say why it changes nothing."""
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused) or card.status_at(ctx.now) == Status.DELETED:
        missing = unchanged(intent, None, Disposition.NOT_FOUND, "no such card")
        if isinstance(card, Refused) and may_be_card_number(intent.token):
            missing.token = ""  # sent in a token's place: not for the audit
        return missing
    return decide_for_card(ctx, card, intent)


def decide_for_card(ctx: Context, card: Card, intent: ApplyUpdate) -> Decision:
    """Apply one answer to a card that is there, or say why it changes nothing on it."""
    seen = ctx.state.applied.get(AppliedKey(card.tenant, intent.update_id, card.token))
    if seen is not None:
        return unchanged(intent, card, Disposition.DUPLICATE, seen)
    problem = unusable(card, intent)
    if problem is not None:
        return rejected(intent, card, *problem)
    if intent.outcome in NOTHING_NEW:
        return unchanged(intent, card, Disposition.NO_CHANGE, "nothing new")
    if intent.outcome in OPTING_OUT:
        return _with_hold(ctx, card, intent, OPTING_OUT[intent.outcome])
    return decide_news(ctx, card, intent)


def _with_hold(ctx: Context, card: Card, intent: ApplyUpdate, kind: HoldType) -> Decision:
    hold = Hold(kind, intent.merchant_account)
    holds = holds_of(card)
    lineage = lineage_of(card, ctx.state.versions.get(card.key, ()), intent.asked_version)
    if not lineage.followed:
        return unchanged(intent, card, Disposition.STALE, "not a network's version since")
    if hold in holds:
        return unchanged(intent, card, Disposition.NO_CHANGE, "held already")
    if too_many(holds | {hold}):
        return rejected(intent, card, Reason.HOLD_INVALID, "", "too many holds")
    after = card._replace(
        revision=card.revision + 1, update_time=ctx.now, holds=pack_holds(holds | {hold})
    )
    decision = applied(intent, card, after)
    if intent.dry_run:
        return decision
    decision.before, decision.after = card, after
    decision.event, decision.cause = EventType.HOLD_CHANGED, Cause.NETWORK
    decision.source = intent.source_name
    return decision
