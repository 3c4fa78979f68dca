"""What has to be read before an entry can be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cards.pan import Pan
from vault.crypto.keys import TenantKeys
from vault.domain.card import CardKey, Kind
from vault.domain.intents import (
    AddCard,
    ApplyUpdate,
    EditCard,
    Entry,
    EraseCard,
    FindNumber,
    Note,
    PurgeVersion,
    Reveal,
)
from vault.usecases.ledger.state import AppliedKey, NumberKey, NumberOf, RequestKey, Want


def wants_of(entries: Sequence[Entry], keys: Mapping[str, TenantKeys]) -> Want:
    """Collect what all entries of a flush name."""
    want = Want()
    for entry in entries:
        _want_one(want, entry, keys)
    return want


def _want_one(want: Want, entry: Entry, keys: Mapping[str, TenantKeys]) -> None:
    tenant, intent = entry.caller.tenant, entry.intent
    if isinstance(intent, Note):
        return  # its token, if it names one, need not exist
    if entry.mark is not None:
        want.requests.add(RequestKey(tenant, entry.caller.principal, entry.mark.request_id))
    if isinstance(intent, AddCard):
        for mac_key in keys[tenant].fingerprints:
            mac = mac_key.fingerprint(intent.kind, intent.contents.pan)
            want.numbers.add(NumberKey(tenant, mac))
            if intent.customer and not intent.ttl_us:
                want.existing.add(
                    NumberOf(tenant, mac, intent.customer, intent.kind, intent.token_format)
                )
        return
    if isinstance(intent, FindNumber):
        for mac_key in keys[tenant].fingerprints:
            number = NumberKey(tenant, mac_key.fingerprint(intent.kind, intent.pan))
            want.numbers.add(number)
            want.holders.add(number)
        return
    key = CardKey(tenant, intent.token)
    want.cards.add(key)
    if isinstance(intent, Reveal):
        if intent.credential_version:
            want.versions.add(key)
        return
    want.siblings.add(key)
    if isinstance(intent, EraseCard | PurgeVersion):
        want.versions.add(key)
    elif isinstance(intent, ApplyUpdate):
        want.applied.add(AppliedKey(tenant, intent.update_id, intent.token))
    if isinstance(intent, ApplyUpdate | EditCard):
        pan = intent.new_pan if isinstance(intent, ApplyUpdate) else intent.pan
        if pan is not None:
            _want_number_of_card(want, key, pan, keys[tenant])


def _want_number_of_card(want: Want, key: CardKey, pan: Pan, keys: TenantKeys) -> None:
    """Ask for a new number's index rows under every kind: the card's own is not known yet."""
    for mac_key in keys.fingerprints:
        for kind in Kind:
            want.numbers.add(NumberKey(key.tenant, mac_key.fingerprint(kind, pan)))
