"""What a number that has been looked up names in its turn: the cards that an answer may touch.

An answer by number does not say which cards it is about. So a flush that has one reads twice: who
has the number, then those cards with all that a change of them needs. What an entry before it in
the same flush gives a number is among them, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import fields

from cards.outcomes import BRINGS_NUMBER
from vault.crypto.keys import TenantKeys
from vault.domain.card import CardKey
from vault.domain.intents import (
    ApplyByNumber,
    ApplyUpdate,
    EditCard,
    Entry,
    ReleaseParked,
)
from vault.domain.reasons import VaultError
from vault.usecases.decide.numbers import fpan_keys
from vault.usecases.decide.parked import opened
from vault.usecases.ledger.state import AppliedKey, NumberKey, State, Want

Bearing = dict[NumberKey, set[CardKey]]


def wants_after(
    entries: Sequence[Entry], keys: Mapping[str, TenantKeys], want: Want, state: State
) -> Want:
    """Return `want` with what the state names in its turn; equal to it when all has been read."""
    wider = _copied(want)
    bearing: Bearing = {}
    for entry in entries:
        tenant = entry.caller.tenant
        match entry.intent:
            case ApplyUpdate() | EditCard() as intent:
                pan = intent.new_pan if isinstance(intent, ApplyUpdate) else intent.pan
                if pan is not None:
                    for number in fpan_keys(tenant, keys[tenant], pan):
                        bearing.setdefault(number, set()).add(CardKey(tenant, intent.token))
            case ApplyByNumber() | ReleaseParked() as intent:
                for each in _answers(tenant, intent, keys[tenant], state):
                    _want_answer(wider, bearing, tenant, each, keys[tenant], state)
            case _:
                pass
    return wider


def _copied(want: Want) -> Want:
    wider = copy(want)
    for each in fields(want):
        value = getattr(want, each.name)
        if isinstance(value, set):
            setattr(wider, each.name, set(value))
    wider.width = 0
    return wider


def _answers(
    tenant: str, intent: ApplyByNumber | ReleaseParked, keys: TenantKeys, state: State
) -> Iterator[ApplyByNumber]:
    if isinstance(intent, ApplyByNumber):
        yield intent
        return
    for row in state.waiting_for([NumberKey(tenant, intent.mac)]):
        try:
            yield opened(keys, row)
        except VaultError:
            continue  # it is decided as what it is: corrupt


def _want_answer(
    wider: Want,
    bearing: Bearing,
    tenant: str,
    intent: ApplyByNumber,
    keys: TenantKeys,
    state: State,
) -> None:
    said = intent.said
    numbers = fpan_keys(tenant, keys, intent.pan)
    wider.numbers.update(numbers)
    wider.holders.update(numbers)
    cards: set[CardKey] = set()
    for number in numbers:
        cards.update(state.held.get(number, ()), bearing.get(number, ()))
    wider.width += len(cards)
    wider.cards |= cards
    wider.siblings |= cards
    wider.versions |= cards
    wider.applied.update(AppliedKey(tenant, said.update_id, card.token) for card in cards)
    if cards and said.new_pan is not None and said.outcome in BRINGS_NUMBER:
        _want_move(wider, bearing, cards, fpan_keys(tenant, keys, said.new_pan))


def _want_move(
    wider: Want, bearing: Bearing, cards: set[CardKey], numbers: Sequence[NumberKey]
) -> None:
    wider.numbers.update(numbers)
    wider.parked.update(numbers)  # they may become decidable
    for number in numbers:
        bearing.setdefault(number, set()).update(cards)
        wider.moves.update((card, number) for card in cards)
