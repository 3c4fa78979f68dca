"""A cache of masked views that lies, and a database that takes its time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.queries import CardQuery


class HonestViews:
    """`SealedViews` in memory; may be away, may lose a put."""

    def __init__(self) -> None:
        self.entries: dict[CardKey, bytes] = {}
        self.away = False
        self.losing = False
        self.asked = 0

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        self.asked += 1
        return {key: self.entries[key] for key in keys if key in self.entries}

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        if not self.losing:
            self.entries.update(views)
        return not self.losing


class LyingViews:
    """Answers with anything it was ever given, for that card or another, whole or edited."""

    def __init__(self, choice: random.Random) -> None:
        self.away = False
        self.lies = 0
        self._choice = choice
        self._given: dict[CardKey, list[bytes]] = {}

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        await _turns(self._choice)
        self.away = self._choice.random() < 0.05
        found = {key: self._answer(key) for key in keys}
        return {key: entry for key, entry in found.items() if entry is not None}

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        await _turns(self._choice)
        for key, entry in views.items():
            self._given.setdefault(key, []).append(entry)
        return self._choice.random() < 0.9

    def _answer(self, key: CardKey) -> bytes | None:
        own = self._given.get(key, [])
        anything = [entry for entries in self._given.values() for entry in entries]
        lie = self._choice.randrange(6)
        if not anything or lie == 0:
            return None
        if lie == 1:
            return own[-1] if own else None
        self.lies += 1
        if lie == 2:
            return self._choice.choice(own or anything)  # an older one, or another card's
        entry = self._choice.choice(anything)
        if lie == 3:
            return entry[: self._choice.randrange(len(entry))]
        if lie == 4:
            # The newest revision's number before somebody else's blob.
            return (own[-1] if own else entry)[:8] + entry[8:]
        place = self._choice.randrange(len(entry))
        return entry[:place] + bytes([entry[place] ^ 1]) + entry[place + 1 :]


class SlowCards:
    """`CardReader` over a dictionary: what it answers with is picked at some moment of the call."""

    def __init__(self, cards: dict[CardKey, Card], choice: random.Random) -> None:
        self.cards_now = cards
        self.reads = 0
        self._choice = choice

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        self.reads += 1
        await _turns(self._choice)
        found = {key: self.cards_now[key] for key in keys if key in self.cards_now}
        await _turns(self._choice)
        return found

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        await _turns(self._choice)
        found = {key: self.cards_now[key].edition for key in keys if key in self.cards_now}
        await _turns(self._choice)
        return found

    async def list_cards(self, query: CardQuery) -> list[Card]:
        raise NotImplementedError

    async def list_tokens(self, query: CardQuery) -> list[str]:
        raise NotImplementedError

    async def versions(self, key: CardKey, after: int, limit: int) -> list[Version]:
        raise NotImplementedError


async def _turns(choice: random.Random) -> None:
    for _turn in range(choice.randrange(4)):
        await asyncio.sleep(0)
