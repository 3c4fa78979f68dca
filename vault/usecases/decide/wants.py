"""What has to be read before an entry can be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cards.outcomes import BRINGS_EXPIRY, BRINGS_NUMBER
from vault.crypto.keys import TenantKeys
from vault.domain.card import CardKey
from vault.domain.intents import (
    AddCard,
    ApplyByNumber,
    ApplyUpdate,
    DropParked,
    EditCard,
    EndChains,
    Entry,
    EraseCard,
    FindNumber,
    Intent,
    Note,
    PurgeVersion,
    ReleaseParked,
    Reveal,
    RevertUpdates,
)
from vault.domain.parked import DAY_US, ParkedDay, ParkedKey
from vault.usecases.decide.numbers import fpan_keys, fpans_of, lookups_of, number_keys
from vault.usecases.ledger.state import AppliedKey, NumberKey, NumberOf, RequestKey, Want


def wants_of(entries: Sequence[Entry], keys: Mapping[str, TenantKeys], now: int) -> Want:
    """Collect what all entries of a flush name; `now` tells the day, in microseconds."""
    want = Want()
    for entry in entries:
        _want_one(want, entry, keys, now)
    return want


def _want_one(want: Want, entry: Entry, keys: Mapping[str, TenantKeys], now: int) -> None:
    tenant, intent = entry.caller.tenant, entry.intent
    if entry.mark is not None:
        want.requests.add(RequestKey(tenant, entry.caller.principal, entry.mark.request_id))
    match intent:
        case AddCard():
            entry.lookups = lookups_of(keys[tenant], intent.kind, intent.contents.pan)
            _want_new(want, tenant, intent, entry.lookups)
        case Reveal():
            key = CardKey(tenant, intent.token)
            want.cards.add(key)
            if intent.credential_version:
                want.versions.add(key)
        case Note() | EndChains():
            return  # its token, if it names one, need not exist
        case FindNumber():
            numbers = number_keys(tenant, keys[tenant], intent.pan)
            want.numbers.update(numbers)
            want.holders.update(numbers)
        case ApplyByNumber():
            _want_number(want, tenant, intent, keys[tenant], now)
        case ReleaseParked():
            number = NumberKey(tenant, intent.mac)
            want.numbers.add(number)
            want.holders.add(number)
            want.parked.add(number)
            want.follow = True
        case DropParked():
            want.parked_ids.add(ParkedKey(tenant, intent.update_id))
        case _:
            _want_change(want, CardKey(tenant, intent.token), intent, keys[tenant])


def _want_new(want: Want, tenant: str, intent: AddCard, lookups: Sequence[bytes]) -> None:
    for mac in lookups:
        want.numbers.add(NumberKey(tenant, mac))
        if intent.customer and not intent.ttl_us:
            want.existing.add(
                NumberOf(tenant, mac, intent.customer, intent.kind, intent.token_format)
            )


def _want_number(
    want: Want, tenant: str, intent: ApplyByNumber, keys: TenantKeys, now: int
) -> None:
    """Ask who has a number, and for what waits for it: what that names, `follow` asks for."""
    said = intent.said
    numbers = fpan_keys(tenant, keys, intent.pan)
    want.follow = True
    want.numbers.update(numbers)
    want.holders.update(numbers)
    want.applied.add(AppliedKey(tenant, said.update_id, ""))  # what was parked, and dropped
    if said.outcome in BRINGS_EXPIRY:
        want.parked.update(numbers)
        want.parked_ids.add(ParkedKey(tenant, said.update_id))
        want.parked_days.add(ParkedDay(tenant, said.channel, now // DAY_US))


def _want_change(want: Want, key: CardKey, intent: Intent, keys: TenantKeys) -> None:
    """Ask for a card that may change, and for those that may take its place as a customer's."""
    want.cards.add(key)
    want.siblings.add(key)
    pan = None
    if isinstance(intent, EraseCard | PurgeVersion):
        want.versions.add(key)
    elif isinstance(intent, RevertUpdates):
        want.versions.add(key)
        want.imprints.add(key)
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
        if isinstance(intent, ApplyUpdate) and intent.outcome in BRINGS_NUMBER:
            want.parked.update(fpans_of(numbers))  # what waits for it may become decidable
