"""Decide a Tokenize: a new card, or the one that this customer has already."""

from __future__ import annotations

from cards.expiry import Expiry
from vault.domain.card import (
    Card,
    CardKey,
    Cause,
    ExistingKey,
    Status,
    metadata_of,
    pack,
    pack_stored_credentials,
    stored_credentials_of,
)
from vault.domain.contents import Contents
from vault.domain.events import EventType
from vault.domain.intents import AddCard, EditCard, Entry
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import TokenizeResult
from vault.domain.soundness import must_be_sound
from vault.usecases.decide.context import Context, Decision, Verdict, outcome_text
from vault.usecases.decide.edit import edited
from vault.usecases.decide.numbers import fingerprint_of
from vault.usecases.decide.sealing import open_current, place_of
from vault.usecases.decide.tokens import new_token

ACTION = "card.tokenize"
_CREATED = outcome_text(created=True)
_ACTIVE, _CARDHOLDER = Status.ACTIVE.value, Cause.CARDHOLDER.value


def decide_tokenize(ctx: Context, entry: Entry, intent: AddCard) -> Verdict:
    """Store a card, or return the live one with this number of this customer."""
    tenant = entry.caller.tenant
    pan = intent.contents.pan
    fingerprint, missing = fingerprint_of(ctx, tenant, intent.kind, pan, entry.lookups)
    found = _existing(ctx, tenant, fingerprint, intent)
    if found is not None:
        return _of_existing(ctx, entry, intent, found)
    card = _new_card(ctx, tenant, fingerprint, intent)
    return Decision(
        action=ACTION,
        value=TokenizeResult(card, created=True, differs=()),
        token=card.token,
        after=card,
        numbers=missing,
        event=EventType.STORED,
        cause=Cause.CARDHOLDER,
        outcome=_CREATED,
    )


def _existing(ctx: Context, tenant: str, fingerprint: str, intent: AddCard) -> Card | None:
    if not intent.customer or intent.ttl_us or intent.on_existing == "NEW":
        return None
    key = ExistingKey(tenant, fingerprint, intent.customer, intent.kind, intent.token_format)
    token = ctx.state.existing.get(key)
    card = ctx.state.cards.get(CardKey(tenant, token)) if token else None
    return card if card is not None and card.live_at(ctx.now) else None


def _of_existing(ctx: Context, entry: Entry, intent: AddCard, card: Card) -> Verdict:
    must_be_sound(card)
    held = open_current(ctx.keys[card.tenant], card)
    differs = _differences(card, held, intent)
    confirms = card.expiry_unconfirmed and intent.contents.expiry == held.expiry
    if intent.on_existing == "UPDATE" and (confirms or _worth_updating(held, intent.contents)):
        mask = {"card.cardholder_name"} if intent.contents.cardholder_name else set()
        if confirms or _later_expiry(held, intent.contents):
            mask.add("card.expiry")
        wanted = intent.contents
        change = EditCard(
            token=card.token,
            expected_revision=0,
            mask=frozenset(mask),
            expiry=wanted.expiry.as_int if wanted.expiry else 0,
            cardholder_name=wanted.cardholder_name,
        )
        decision = edited(ctx, entry, change, card, action=ACTION)
        if not isinstance(decision, Decision) or decision.after is None:
            return decision
        decision.value = TokenizeResult(decision.after, created=False, differs=differs)
        decision.outcome = outcome_text(created=False, differs=differs)
        return decision
    return Decision(
        action=ACTION,
        value=TokenizeResult(card, created=False, differs=differs),
        token=card.token,
        note="existing",
        outcome=outcome_text(created=False, differs=differs),
    )


def _later_expiry(held: Contents, sent: Contents) -> bool:
    return sent.expiry is not None and (held.expiry is None or sent.expiry > held.expiry)


def _worth_updating(held: Contents, sent: Contents) -> bool:
    other_name = bool(sent.cardholder_name) and sent.cardholder_name != held.cardholder_name
    return other_name or _later_expiry(held, sent)


def _differences(card: Card, held: Contents, sent: AddCard) -> tuple[str, ...]:
    """Name the fields that were sent and differ; what was not sent does not differ."""
    wanted = sent.contents
    checks = (
        *_expiry_differences(held.expiry, wanted.expiry),
        (
            "card.cardholder_name",
            bool(wanted.cardholder_name) and wanted.cardholder_name != held.cardholder_name,
        ),
        (
            "card.billing_address",
            bool(wanted.billing_address) and wanted.billing_address != held.billing_address,
        ),
        (
            "stored_credentials",
            bool(sent.stored_credentials)
            and frozenset(sent.stored_credentials) != frozenset(stored_credentials_of(card)),
        ),
        ("metadata", bool(sent.metadata) and dict(sent.metadata) != metadata_of(card)),
    )
    return tuple(name for name, differs in checks if differs)


def _unused_token(ctx: Context, tenant: str, intent: AddCard) -> str:
    """Draw a token that no card of this flush has; one that is stored fails the flush's write."""
    for _attempt in range(8):
        token = new_token(intent.token_format, intent.contents.pan, ctx.now, ctx.random)
        if CardKey(tenant, token) not in ctx.state.cards:
            return token
    raise VaultError(Reason.CONTENTION)


def _expiry_differences(held: Expiry | None, sent: Expiry | None) -> tuple[tuple[str, bool], ...]:
    if sent is None:
        return ()
    return (
        ("card.expiry_month", held is None or sent.month != held.month),
        ("card.expiry_year", held is None or sent.year != held.year),
    )


def _new_card(ctx: Context, tenant: str, fingerprint: str, intent: AddCard) -> Card:
    contents = intent.contents
    pan = contents.pan
    token = _unused_token(ctx, tenant, intent)
    kind = str(intent.kind)
    # Sealed before its row is made: changing one column of a row so wide costs half a sealing. The
    # row is made by position: by thirty names it takes more than a sealing's MACs.
    place = place_of(tenant, token, intent.customer, kind, 1)
    sealed = ctx.keys[tenant].record.seal(contents.encode(), place, ctx.random)
    agreements = intent.stored_credentials
    return Card(
        tenant,
        token,
        1,  # revision
        1,  # credential_version
        kind,
        str(intent.token_format),
        _ACTIVE,
        "",  # status_before
        str(pan.brand),
        pan.bin(8),
        pan.last4,
        contents.expiry.as_int if contents.expiry else 0,
        False,  # noqa: FBT003 - expiry_unconfirmed
        fingerprint,
        intent.customer,
        ctx.now,  # create_time
        ctx.now,  # update_time
        ctx.now + intent.ttl_us if intent.ttl_us else 0,  # expire_time
        0,  # purge_time
        sealed,
        1,  # sealed_revision
        _CARDHOLDER,  # version_cause
        "",  # version_source
        ctx.now,  # version_time
        0,  # event_time
        0,  # file_time
        0,  # asked_time
        "",  # holds
        pack_stored_credentials(agreements) if agreements else "",
        pack(dict(intent.metadata)) if intent.metadata else "",
        "",  # details
    )
