"""What hangs on what a flush named: the links that every store follows in the same way."""

from __future__ import annotations

from typing import Final

from vault.domain.card import Card, ExistingKey
from vault.usecases.ledger.state import NumberKey, State, Want

# Live cards of one customer and number that are read as candidates for a lost pointer, beside as
# many as the flush itself may take out of the running.
SIBLINGS: Final = 100
# Cards that have a number, and versions that had it, that are read to name who holds it: the flush
# reads one more of each, to tell that there are more. A few microseconds each, on the event loop.
HOLDERS: Final = 1_000


def linked_pointers(want: Want, state: State) -> set[ExistingKey]:
    """Return the existing-card pointers to read, once cards, numbers and versions have been read.

    They are those that Tokenize asks for, those of every card that may change, those at the
    number that a card may change to, and those at the numbers that a card may go back to.
    """
    keys = sibling_groups(want, state)
    for number in want.existing:
        fingerprint = state.numbers.get(NumberKey(number.tenant, number.mac))
        if fingerprint is not None:
            keys.add(
                ExistingKey(
                    number.tenant, fingerprint, number.customer, number.kind, number.token_format
                )
            )
    for key, number_key in want.moves:
        card = state.cards.get(key)
        fingerprint = state.numbers.get(number_key)
        if card is not None and card.customer and fingerprint is not None:
            keys.add(pointer_of(card, fingerprint))
    for key in want.imprints:
        card = state.cards.get(key)
        if card is not None and card.customer:
            keys.update(pointer_of(card, old.fingerprint) for old in state.versions.get(key, ()))
    return keys


def sibling_groups(want: Want, state: State) -> set[ExistingKey]:
    """Return the groups (customer, number, kind, format) of the cards whose siblings are wanted."""
    cards = [state.cards.get(key) for key in want.siblings]
    return {
        pointer_of(card, card.fingerprint)
        for card in cards
        if card is not None and card.customer and card.fingerprint
    }


def pointer_of(card: Card, fingerprint: str) -> ExistingKey:
    """Return where a card's pointer is, or would be with another number."""
    return ExistingKey(card.tenant, fingerprint, card.customer, card.kind, card.token_format)
