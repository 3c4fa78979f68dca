"""What a card becomes when answers are undone, and how that is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from vault.domain.card import (
    Card,
    Cause,
    Hold,
    Version,
    holds_of,
    pack_holds,
    pack_stored_credentials,
    stored_credentials_of,
)
from vault.domain.contents import Contents
from vault.domain.events import EventType
from vault.domain.imprint import Imprint, ImprintKey, Left
from vault.domain.intents import RevertUpdates
from vault.domain.results import RevertDisposition, RevertResult
from vault.usecases.decide.context import Context, Decision
from vault.usecases.decide.edit import with_contents
from vault.usecases.decide.sealing import open_current, open_version

ACTION: Final = "card.revert_updates"

T = TypeVar("T")


class Layer(NamedTuple):
    """An imprint and what it keeps."""

    row: Imprint
    left: Left

    def stands(self, meant: frozenset[ImprintKey]) -> bool:
        """Tell whether nobody has undone this, nor is about to."""
        return not self.row.undone and self.row.key not in meant


@dataclass(slots=True)
class Back:
    """What goes back, and whether something had to stay."""

    layers: list[Layer] = field(default_factory=list)  # of the account, newest first
    version: Version | None = None  # whose contents come back; None: they stay
    released: frozenset[Hold] = frozenset()
    kept: bool = False
    purged: bool = False
    before: bool = False  # an earlier call undid it, or a part of it

    @property
    def disposition(self) -> RevertDisposition:
        """Say it in one word."""
        if self.layers or self.released:
            partly = self.kept or self.purged
            return RevertDisposition.PARTLY_REVERTED if partly else RevertDisposition.REVERTED
        if self.before:
            return RevertDisposition.ALREADY_REVERTED
        if self.purged:
            return RevertDisposition.KEPT_PURGED
        kept = RevertDisposition.KEPT_NEWER
        return kept if self.kept else RevertDisposition.NOTHING_TO_REVERT


def put_back(
    ctx: Context, card: Card, back: Back, intent: RevertUpdates, *, source: str
) -> Decision:
    """Return the decision that takes the layers off: a new revision, or nothing but the answer."""
    after = card._replace(revision=card.revision + 1, update_time=ctx.now)
    superseded = None
    if back.version is not None:
        after, superseded = _contents_back(ctx, card, after, back, back.version, source=source)
    if back.layers:
        left = back.layers[-1].left
        after = after._replace(
            status=left.status,
            expiry_unconfirmed=left.unconfirmed,
            event_time=left.times.event,
            file_time=left.times.file,
            asked_time=left.times.asked,
        )
    if back.released:
        after = after._replace(holds=pack_holds(holds_of(card) - back.released))
    if after._replace(revision=card.revision, update_time=card.update_time) == card:
        return told(intent, card, card, back.disposition)
    decision = told(intent, card, after, back.disposition)
    if not intent.dry_run:
        decision.before, decision.after, decision.superseded = card, after, superseded
        decision.event, decision.cause = _event_of(card, after), Cause.REVERTED
        decision.source = source
    return decision


def _contents_back(
    ctx: Context, card: Card, after: Card, back: Back, version: Version, *, source: str
) -> tuple[Card, Version | None]:
    """Seal the number and expiry of a version again, beside the name and address of now."""
    keys = ctx.keys[card.tenant]
    held, old = open_current(keys, card), open_version(keys, card, version)
    after, superseded, _none = with_contents(
        ctx,
        card,
        after,
        held,
        Contents(old.pan, old.expiry, held.cardholder_name, held.billing_address),
        Cause.REVERTED,
        source=source,
        fingerprint=version.fingerprint,
    )
    if version.brand != card.brand:
        dropped = _oldest_of(back.layers, lambda left: left.transaction_ids or None) or {}
        agreements = tuple(
            row._replace(network_transaction_ids=dropped.get(row.merchant_account, ()))
            for row in stored_credentials_of(card)
        )
        after = after._replace(stored_credentials=pack_stored_credentials(agreements))
    if version.fingerprint != card.fingerprint:
        details = _oldest_of(back.layers, lambda left: left.details)
        after = after if details is None else after._replace(details=details)
    return after, superseded


def _oldest_of(layers: Sequence[Layer], what: Callable[[Left], T | None]) -> T | None:
    """Return what the oldest layer kept that kept any."""
    found = (what(layer.left) for layer in reversed(layers))
    return next((each for each in found if each is not None), None)


def _event_of(card: Card, after: Card) -> EventType:
    """Name a change by the most that it does."""
    new_contents = after.credential_version != card.credential_version
    if new_contents or after.expiry_unconfirmed != card.expiry_unconfirmed:
        return EventType.UPDATED
    if after.status != card.status:
        return EventType.STATUS_CHANGED
    return EventType.HOLD_CHANGED if after.holds != card.holds else EventType.UPDATED


def told(
    intent: RevertUpdates, card: Card, after: Card, disposition: RevertDisposition
) -> Decision:
    """Return the decision's frame: audited whatever became of the card."""
    what = intent.source or f"version {intent.version}"
    versions = f"{card.credential_version} to {after.credential_version}"
    return Decision(
        action=ACTION,
        value=RevertResult(disposition, after, card.credential_version),
        token=intent.token,
        result="dry_run" if intent.dry_run else disposition.value.lower(),
        note=f"{what} {disposition} {versions}",
    )
