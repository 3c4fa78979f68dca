"""Which card Tokenize finds: the oldest live one of a customer that holds the number now.

Several processes decide this, each from what it has read. Two flushes that change two cards of one
customer and number change no row in common, so each also says by which cards it chose:

- Who moves no pointer relies on the card that has it (`Delta.relied`), and who hands one on relies
  on the heir. Of two such flushes the second to write finds the other's card changed.
- Who takes a pointer from its card can't rely on what was not there: another process may just have
  brought a card, live, and left the pointer where it was. So no other live card may be older than
  the heir when it is written (`Delta.heirs`).
"""

from __future__ import annotations

from vault.domain.card import Card, CardKey, ExistingKey, existing_key
from vault.usecases.ledger.delta import YOUNGEST, Delta, PointerChange, age_of
from vault.usecases.ledger.state import State


def repoint(state: State, delta: Delta, before: Card | None, after: Card, now: int) -> None:
    """Move the pointers that one card's change touches; `state` holds `after` already."""
    lost = existing_key(before, now) if before is not None else None
    gained = existing_key(after, now)
    if lost == gained:
        return
    if lost is not None:
        _leave(state, delta, lost, after, now)
    if gained is not None:
        _join(state, delta, gained, after, now)


def _leave(state: State, delta: Delta, key: ExistingKey, card: Card, now: int) -> None:
    held = _holder(state, key)
    if held is None:
        return
    if held.key != card.key:
        delta.rely_on(held)
        return
    heir = _oldest(state, key, now)
    if heir is not None:
        delta.rely_on(heir)
    _set(state, delta, key, heir)


def _join(state: State, delta: Delta, key: ExistingKey, card: Card, now: int) -> None:
    held = _holder(state, key)
    if held is not None and held.key != card.key:
        delta.rely_on(held)
        if existing_key(held, now) == key and age_of(held) < age_of(card):
            return
    _set(state, delta, key, card)


def _holder(state: State, key: ExistingKey) -> Card | None:
    token = state.existing.get(key)
    return state.cards.get(CardKey(key.tenant, token)) if token else None


def _oldest(state: State, key: ExistingKey, now: int) -> Card | None:
    """Return the card that takes a lost pointer; the flush has read the candidates."""
    candidates = [
        card
        for card in state.cards.values()
        if card.fingerprint == key.fingerprint and existing_key(card, now) == key
    ]
    return min(candidates, key=age_of, default=None)


def _set(state: State, delta: Delta, key: ExistingKey, card: Card | None) -> None:
    current, token = state.existing.get(key), card.token if card is not None else None
    if token == current:
        return
    base = delta.pointers[key].old if key in delta.pointers else current
    delta.pointers[key] = PointerChange(base, token)
    # Where another card of the flush's own has brought the pointer and taken it away again, the one
    # that was read still has it, unchanged: nothing was freed.
    if base is not None and CardKey(key.tenant, base) in delta.cards:
        delta.heirs[key] = age_of(card) if card is not None else YOUNGEST
    if token is None:
        state.existing.pop(key, None)
    else:
        state.existing[key] = token
