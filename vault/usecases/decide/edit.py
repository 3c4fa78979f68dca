"""Decide an UpdateCard, and what every change of a number or expiry does to a card."""

from __future__ import annotations

from cards.expiry import Expiry
from vault.domain.card import (
    Card,
    Cause,
    Status,
    Times,
    Version,
    details_of,
    pack,
    pack_stored_credentials,
)
from vault.domain.contents import Contents
from vault.domain.events import EventType
from vault.domain.imprint import Left
from vault.domain.intents import EditCard, Entry
from vault.domain.lifecycle import after_cardholder
from vault.domain.outcome import Refused
from vault.domain.results import CardResult
from vault.usecases.decide.context import Context, Decision, Verdict, at_revision
from vault.usecases.decide.numbers import fingerprint_of
from vault.usecases.decide.sealing import open_current, seal_contents
from vault.usecases.ledger.state import NumberKey

ACTION = "card.update"
SEALED_FIELDS = frozenset(
    {"card.number", "card.expiry", "card.cardholder_name", "card.billing_address"}
)


def decide_edit(ctx: Context, entry: Entry, intent: EditCard) -> Verdict:
    """Change the fields that the mask names."""
    card = at_revision(ctx.live_card_or_closed(entry), intent.expected_revision)
    if isinstance(card, Refused):
        return card
    return edited(ctx, entry, intent, card)


def edited(
    ctx: Context, entry: Entry, intent: EditCard, card: Card, *, action: str = ACTION
) -> Verdict:
    """Return the decision that changes `card` as `intent` says."""
    after = card._replace(revision=card.revision + 1, update_time=ctx.now)
    if "stored_credentials" in intent.mask:
        after = after._replace(
            stored_credentials=pack_stored_credentials(intent.stored_credentials)
        )
    if "metadata" in intent.mask:
        after = after._replace(metadata=pack(dict(intent.metadata)))
    missing: dict[NumberKey, str] = {}
    superseded: Version | None = None
    if intent.mask & SEALED_FIELDS:
        held = open_current(ctx.keys[card.tenant], card)
        wanted = _contents_after(held, intent)
        after, superseded, missing = with_contents(ctx, card, after, held, wanted, Cause.CARDHOLDER)
        if superseded is not None:
            status = after_cardholder(
                Status(card.status),
                new_number=wanted.pan != held.pan,
                new_expiry=wanted.expiry != held.expiry,
            )
            after = after._replace(status=status.value)
        if "card.expiry" in intent.mask and intent.expiry:
            after = after._replace(expiry_unconfirmed=False)  # said again is confirmed
    return Decision(
        action=action,
        value=CardResult(after),
        token=card.token,
        before=card,
        after=after,
        superseded=superseded,
        numbers=missing,
        event=EventType.UPDATED,
        cause=Cause.CARDHOLDER,
        note=",".join(sorted(intent.mask)),
        left=_repeated(card, intent) if superseded is None else None,
    )


def _repeated(card: Card, intent: EditCard) -> Left | None:
    """Return that a person said what a network had said before: that is to stand, then."""
    said = intent.mask & {"card.number", "card.expiry"} and (intent.pan or intent.expiry)
    by_network = card.version_cause in {Cause.NETWORK, Cause.REVERTED}
    return Left(account=True, again=True) if said and by_network else None


def _contents_after(held: Contents, intent: EditCard) -> Contents:
    mask = intent.mask
    expiry = held.expiry
    if "card.expiry" in mask:
        expiry = Expiry.from_int(intent.expiry) if intent.expiry else None
    return Contents(
        intent.pan if "card.number" in mask and intent.pan else held.pan,
        expiry,
        intent.cardholder_name if "card.cardholder_name" in mask else held.cardholder_name,
        intent.billing_address if "card.billing_address" in mask else held.billing_address,
    )


def with_contents(  # noqa: PLR0913 - a change of contents has as many parts
    ctx: Context,
    card: Card,
    after: Card,
    held: Contents,
    wanted: Contents,
    cause: Cause,
    *,
    source: str = "",
    times: Times | None = None,
    fingerprint: str = "",
) -> tuple[Card, Version | None, dict[NumberKey, str]]:
    """Seal new contents into `after`; a new number or expiry makes a new credential version.

    `fingerprint` is that of a number which the card had before: its index row is not looked for.
    Returns the card, the version that it supersedes (None when only name or address changed) and
    the index rows that a new number needs.
    """
    new_version = wanted.pan != held.pan or wanted.expiry != held.expiry
    missing: dict[NumberKey, str] = {}
    superseded = None
    if new_version:
        if wanted.pan == held.pan:
            fingerprint = card.fingerprint
        else:
            if not fingerprint:  # the flush has read the index rows of new numbers only
                fingerprint, missing = fingerprint_of(ctx, card.tenant, card.kind, wanted.pan)
            after = after._replace(details=_without_decline(after))
        superseded = version_of(card, ctx.now, ctx.now + ctx.rules.superseded_retention_us)
        after = after._replace(
            credential_version=card.credential_version + 1,
            brand=wanted.pan.brand.value,
            bin=wanted.pan.bin(8),
            last4=wanted.pan.last4,
            expiry=wanted.expiry.as_int if wanted.expiry else 0,
            expiry_unconfirmed=False,
            fingerprint=fingerprint,
            version_cause=cause.value,
            version_source=source,
            version_time=ctx.now,
            event_time=times.event if times else 0,
            file_time=times.file if times else 0,
            asked_time=times.asked if times else 0,
        )
    after = after._replace(sealed_revision=after.revision)
    sealed = seal_contents(ctx.keys[card.tenant], after, wanted, ctx.random)
    return after._replace(sealed=sealed), superseded, missing


def _without_decline(card: Card) -> str:
    """Return what is known of a card less its last decline, which was of the number before."""
    if not card.details:
        return ""
    known = details_of(card)
    return pack({name: value for name, value in known.items() if "last_decline" not in name})


def version_of(card: Card, now: int, purge_time: int) -> Version:
    """Return the row that keeps a card's current version once another takes its place."""
    return Version(
        tenant=card.tenant,
        token=card.token,
        credential_version=card.credential_version,
        brand=card.brand,
        bin=card.bin,
        last4=card.last4,
        expiry=card.expiry,
        fingerprint=card.fingerprint,
        cause=card.version_cause,
        source=card.version_source,
        create_time=card.version_time,
        superseded_time=now,
        purge_time=purge_time,
        event_time=card.event_time,
        file_time=card.file_time,
        asked_time=card.asked_time,
        sealed=card.sealed or b"",
        sealed_revision=card.sealed_revision,
    )
