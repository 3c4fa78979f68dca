"""Reading many cards of which one can't be read: the others are found by halving."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from vault.domain.card import Card, CardKey
from vault.domain.queries import CardQuery
from vault.usecases.ports import CardReader, DataDamaged

T = TypeVar("T")


async def read_each(
    read: Callable[[Sequence[CardKey]], Awaitable[Mapping[CardKey, T]]], keys: Sequence[CardKey]
) -> tuple[Mapping[CardKey, T], frozenset[CardKey]]:
    """Return what `read` finds for `keys`, and which of them it can't read: all in one read else.

    Raises what `read` raises but DataDamaged.
    """
    try:
        return await read(keys), frozenset()
    except DataDamaged:
        if len(keys) < 2:
            return {}, frozenset(keys)
    middle = len(keys) // 2
    first, bad = await read_each(read, keys[:middle])
    rest, worse = await read_each(read, keys[middle:])
    return {**first, **rest}, bad | worse


async def list_each(reader: CardReader, query: CardQuery) -> list[tuple[str, Card | None]]:
    """Return the tokens that a query finds, in their order, with their cards; None: can't be read.

    Raises what the reader raises; DataDamaged only where not even the tokens can be read.
    """
    try:
        return [(card.token, card) for card in await reader.list_cards(query)]
    except DataDamaged:
        tokens = await reader.list_tokens(query)
    keys = [CardKey(query.tenant, token) for token in tokens]
    cards, _bad = await read_each(reader.cards, keys)
    return [(key.token, cards.get(key)) for key in keys]
