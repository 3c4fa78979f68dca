"""Decide a reveal. Whatever comes of it is audited, in the commit that the reply waits for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vault.domain.card import Card, CardKey, Status, Version
from vault.domain.intents import Entry, FindNumber, Reveal
from vault.domain.outcome import Refused
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import Found, FoundNumber, Revealed
from vault.usecases.decide.context import Context, Look, Verdict
from vault.usecases.decide.numbers import number_keys
from vault.usecases.decide.sealing import open_current, open_version
from vault.usecases.ledger.state import Holder

ACTION = "card.reveal"


def decide_reveal(ctx: Context, entry: Entry, intent: Reveal) -> Verdict:
    """Open a card for a purpose, if its status allows that purpose."""
    card = ctx.card_or_tombstone(entry)
    if isinstance(card, Refused):
        return card
    status = card.status_at(ctx.now)
    if status == Status.DELETED or card.sealed is None:
        return Refused(Reason.CARD_DELETED, "token")
    if status not in intent.allowed:
        return Refused(Reason.STATUS_FORBIDS, "purpose")
    keys = ctx.keys[card.tenant]
    number = intent.credential_version
    if number:
        _check_order(card, ctx.state.versions.get(card.key, []))
    if number in {0, card.credential_version}:
        contents = open_current(keys, card)
        number = card.credential_version
    else:
        if not intent.superseded_too:
            return Refused(Reason.PERMISSION_DENIED, "credential_version")
        version = _version(ctx, card, number)
        if version is None:
            return Refused(Reason.VERSION_NOT_FOUND, "credential_version")
        contents = open_version(keys, card, version)
    note = f"version {number}" + (", security code" if intent.with_security_code else "")
    return Look(ACTION, Revealed(card, contents, number), card.token, intent.purpose, note)


def _check_order(card: Card, older: Sequence[Version]) -> None:
    """Refuse to tell a card's versions apart where they contradict one another.

    A version's number is not in its seal, but the revision that sealed it is, and both only rise.
    So a bit that changed in the number, or in the index that finds the row by it, doesn't give one
    version's contents for another's. Raises VaultError(DATA_CORRUPT).
    """
    steps = sorted([(old.credential_version, old.sealed_revision) for old in older])
    steps.append((card.credential_version, card.sealed_revision))
    for before, after in pairwise(steps):
        if before[0] >= after[0] or before[1] >= after[1]:
            raise VaultError(Reason.DATA_CORRUPT)


def _version(ctx: Context, card: Card, number: int) -> Version | None:
    known = ctx.state.versions.get(card.key, [])
    return next((old for old in known if old.credential_version == number), None)


def decide_find(ctx: Context, entry: Entry, intent: FindNumber) -> Verdict:
    """Name the tokens that hold or held a number; the number itself does not come back."""
    tenant = entry.caller.tenant
    keys = number_keys(tenant, ctx.keys[tenant], intent.pan)
    fingerprints = {ctx.state.numbers.get(key) for key in keys} - {None}
    holders: dict[CardKey, Holder] = {}
    for key in keys:
        holders.update(ctx.state.held.get(key, {}))
    told = [
        (key, _as_it_is(ctx.state.cards.get(key), holder, fingerprints))
        for key, holder in sorted(holders.items())
    ]
    found = [
        Found(key.token, each.current, each.credential_version, each.status, each.kind)
        for key, each in told
        if each.status != Status.DELETED and not 0 < each.expire_time <= ctx.now
    ]
    return Look(
        action="card.find_by_number",
        value=FoundNumber(tuple(found), any(key in ctx.state.cut for key in keys)),
        purpose=intent.purpose,
        note=f"{len(found)} found",
    )


def _as_it_is(card: Card | None, holder: Holder, fingerprints: set[str | None]) -> Holder:
    """Return a holder as an entry before this one has left its card, if one has."""
    if card is None:
        return holder
    return holder._replace(
        current=card.fingerprint in fingerprints, status=card.status, expire_time=card.expire_time
    )
