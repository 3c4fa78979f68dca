"""Decide deletes, undeletes, and the sweeper's erasures."""

from __future__ import annotations

from vault.domain.card import Card, Cause, HoldType, Status, Version, holds_of
from vault.domain.events import EventType
from vault.domain.intents import DeleteCard, Entry, EraseCard, PurgeVersion, UndeleteCard
from vault.domain.outcome import Refused
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import CardResult
from vault.usecases.decide.context import Context, Decision, Verdict, at_revision
from vault.usecases.decide.numbers import index_rows_of
from vault.usecases.ledger.state import NumberKey


def decide_delete(ctx: Context, entry: Entry, intent: DeleteCard) -> Verdict:
    """Make a card unusable at once; its contents go when the grace is over."""
    card = at_revision(ctx.live_card_or_closed(entry), intent.expected_revision)
    if isinstance(card, Refused):
        return card
    after = card._replace(
        revision=card.revision + 1,
        update_time=ctx.now,
        status=Status.DELETED.value,
        status_before=card.status,
        purge_time=ctx.now + intent.grace_us,
    )
    return Decision(
        action="card.delete",
        value=CardResult(after),
        token=card.token,
        before=card,
        after=after,
        event=EventType.DELETED,
        cause=Cause.CARDHOLDER,
    )


def decide_undelete(ctx: Context, entry: Entry, intent: UndeleteCard) -> Verdict:
    """Bring a deleted card back as it was, while its grace lasts."""
    card = at_revision(ctx.card_or_tombstone(entry), intent.expected_revision)
    if isinstance(card, Refused):
        return card
    if card.status_at(ctx.now) != Status.DELETED:
        return Refused(Reason.CARD_NOT_DELETED, "token")
    over = card.expired_at(ctx.now) or card.purge_time <= ctx.now
    if over or not card.sealed:
        return Refused(Reason.CARD_ERASED, "token")
    after = card._replace(
        revision=card.revision + 1,
        update_time=ctx.now,
        status=card.status_before,
        status_before="",
        purge_time=0,
    )
    return Decision(
        action="card.undelete",
        value=CardResult(after),
        token=card.token,
        before=card,
        after=after,
        event=EventType.UNDELETED,
        cause=Cause.CARDHOLDER,
    )


def erasable(card: Card, now: int) -> bool:
    """Tell whether a card's contents are due to go: grace or time to live over, no legal hold."""
    if card.sealed is None:
        return False
    due = card.expired_at(now) or (card.status == Status.DELETED and card.purge_time <= now)
    return due and not any(hold.type == HoldType.LEGAL_HOLD for hold in holds_of(card))


def decide_erase(ctx: Context, entry: Entry, intent: EraseCard) -> Verdict:
    """Erase the contents of every version; the tombstone keeps token, tenant and times."""
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused):
        return card
    if not erasable(card, ctx.now):
        return Refused(Reason.CARD_HELD, "token")
    versions = ctx.state.versions.get(card.key, [])
    dropped, note = _index_rows(ctx, card, versions)
    after = card._replace(
        revision=card.revision + 1,
        update_time=ctx.now,
        status=Status.DELETED.value,
        status_before="",
        brand="UNKNOWN",
        bin="",
        last4="",
        expiry=0,
        expiry_unconfirmed=False,
        fingerprint="",
        customer="",
        purge_time=0,
        sealed=None,
        holds="",
        stored_credentials="",
        metadata="",
        details="",
    )
    return Decision(
        action="card.erase",
        value=CardResult(after),
        token=intent.token,
        before=card,
        after=after,
        dropped_versions=[(card.tenant, card.token, old.credential_version) for old in versions],
        dropped_numbers=dropped,
        drops_imprints=True,
        event=EventType.ERASED,
        cause=Cause.OPERATOR,
        note=note,
    )


def _index_rows(
    ctx: Context, card: Card, versions: list[Version]
) -> tuple[list[tuple[NumberKey, str]], str]:
    """Return the index rows to drop; none, and a note, where the contents no longer open.

    What cannot be opened must still be erasable when its time has come. Its row in the index, a
    keyed MAC and a random id, then stays.
    """
    try:
        return index_rows_of(ctx, card, versions), ""
    except VaultError:
        return [], "did not open: its index row stays"


def decide_purge(ctx: Context, entry: Entry, intent: PurgeVersion) -> Verdict:
    """Drop one superseded version whose retention is over, with its number's index row."""
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused):
        return card
    due = [
        old
        for old in ctx.state.versions.get(card.key, [])
        if old.credential_version == intent.credential_version and old.purge_time <= ctx.now
    ]
    if not due or any(hold.type == HoldType.LEGAL_HOLD for hold in holds_of(card)):
        return Refused(Reason.CARD_HELD, "token")
    shell = card._replace(sealed=None)  # only the old version's number leaves the index
    dropped, note = _index_rows(ctx, shell, due)
    return Decision(
        action="card.purge_version",
        value=CardResult(card),
        token=card.token,
        relied=(card,),  # a legal hold placed meanwhile must stop it
        dropped_versions=[(card.tenant, card.token, intent.credential_version)],
        dropped_numbers=dropped,
        note=f"{intent.credential_version} {note}".strip(),
    )
