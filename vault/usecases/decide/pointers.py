"""Which card Tokenize finds: the oldest live one of a customer that holds the number now."""

from __future__ import annotations

from vault.domain.card import Card, CardKey, ExistingKey, existing_key
from vault.usecases.ledger.delta import Delta, PointerChange
from vault.usecases.ledger.state import State


def repoint(state: State, delta: Delta, before: Card | None, after: Card, now: int) -> None:
    """Move the pointers that one card's change touches; `state` holds `after` already."""
    lost = existing_key(before, now) if before is not None else None
    gained = existing_key(after, now)
    if lost == gained:
        return
    if lost is not None and state.existing.get(lost) == after.token:
        _set(state, delta, lost, _oldest(state, lost, now))
    if gained is not None:
        _set(state, delta, gained, _older(state, gained, after, now))


def _older(state: State, key: ExistingKey, card: Card, now: int) -> str:
    token = state.existing.get(key)
    holder = state.cards.get(CardKey(key.tenant, token)) if token else None
    if holder is not None and existing_key(holder, now) == key:
        return min((holder.create_time, holder.token), (card.create_time, card.token))[1]
    return card.token


def _oldest(state: State, key: ExistingKey, now: int) -> str | None:
    """Return the card that takes a lost pointer; the flush has read the candidates."""
    candidates = [
        (card.create_time, card.token)
        for card in state.cards.values()
        if card.fingerprint == key.fingerprint and existing_key(card, now) == key
    ]
    return min(candidates)[1] if candidates else None


def _set(state: State, delta: Delta, key: ExistingKey, token: str | None) -> None:
    current = state.existing.get(key)
    if token == current:
        return
    base = delta.pointers[key].old if key in delta.pointers else current
    delta.pointers[key] = PointerChange(base, token)
    if token is None:
        state.existing.pop(key, None)
    else:
        state.existing[key] = token
