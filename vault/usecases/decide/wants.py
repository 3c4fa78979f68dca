"""What has to be read before an entry can be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vault.crypto.keys import TenantKeys
from vault.domain.card import CardKey
from vault.domain.intents import (
    AddCard,
    ApplyUpdate,
    EditCard,
    EndChains,
    Entry,
    EraseCard,
    FindNumber,
    Intent,
    Note,
    PurgeVersion,
    Reveal,
)
from vault.usecases.decide.numbers import number_keys
from vault.usecases.ledger.state import AppliedKey, NumberKey, NumberOf, RequestKey, Want


def wants_of(entries: Sequence[Entry], keys: Mapping[str, TenantKeys]) -> Want:
    """Collect what all entries of a flush name."""
    want = Want()
    for entry in entries:
        _want_one(want, entry, keys)
    return want


def _want_one(want: Want, entry: Entry, keys: Mapping[str, TenantKeys]) -> None:
    tenant, intent = entry.caller.tenant, entry.intent
    if entry.mark is not None:
        want.requests.add(RequestKey(tenant, entry.caller.principal, entry.mark.request_id))
    match intent:
        case Note() | EndChains():
            return  # its token, if it names one, need not exist
        case AddCard():
            _want_new(want, tenant, intent, keys[tenant])
        case FindNumber():
            numbers = number_keys(tenant, keys[tenant], intent.pan)
            want.numbers.update(numbers)
            want.holders.update(numbers)
        case Reveal():
            want.cards.add(CardKey(tenant, intent.token))
            if intent.credential_version:
                want.versions.add(CardKey(tenant, intent.token))
        case _:
            _want_change(want, CardKey(tenant, intent.token), intent, keys[tenant])


def _want_new(want: Want, tenant: str, intent: AddCard, keys: TenantKeys) -> None:
    for mac_key in keys.fingerprints:
        mac = mac_key.fingerprint(intent.kind, intent.contents.pan)
        want.numbers.add(NumberKey(tenant, mac))
        if intent.customer and not intent.ttl_us:
            want.existing.add(
                NumberOf(tenant, mac, intent.customer, intent.kind, intent.token_format)
            )


def _want_change(want: Want, key: CardKey, intent: Intent, keys: TenantKeys) -> None:
    """Ask for a card that may change, and for those that may take its place as a customer's."""
    want.cards.add(key)
    want.siblings.add(key)
    pan = None
    if isinstance(intent, EraseCard | PurgeVersion):
        want.versions.add(key)
    elif isinstance(intent, ApplyUpdate):
        want.applied.add(AppliedKey(key.tenant, intent.update_id, intent.token))
        want.versions.add(key)  # the lineage from the version that was asked about
        pan = intent.new_pan
    elif isinstance(intent, EditCard):
        pan = intent.pan
    if pan is not None:
        numbers = number_keys(key.tenant, keys, pan)
        want.numbers.update(numbers)
        want.moves.update([(key, number) for number in numbers])
