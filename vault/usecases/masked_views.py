"""Masked views from a cache that is never believed.

What it holds is sealed, and the store says which state of a card is the current one.
A view found in the cache is shown only if it opens, under the tenant's active key, for exactly
that tenant, token and revision, and was made of the edition that the store named *after* the call
came in. So a read shows what the store had at some moment of the call, whatever the cache holds,
lost or was fed; there is nothing to invalidate, and a write knows nothing of it (ADR 0015).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from vault.crypto.blob import CannotOpen, Place, key_id_of
from vault.crypto.keys import TenantKeys
from vault.domain.card import Card, CardKey, Edition
from vault.domain.reasons import VaultError
from vault.usecases.ports import CardReader, Keyring, SealedViews

Shown = Card | bytes
"""A card as the store has it, or its encoded masked view: what a reply is made of."""

MOST_FILLS: Final = 4_000
"""Cards that wait to be sealed; under more misses than that, some are not kept."""
FILL_BATCH: Final = 200
"""Cards sealed in one go, about 3 ms of the event loop."""
_REVISION: Final = Struct(">Q")
_EDITION: Final = Struct(">QQ")


@dataclass(slots=True)
class ViewCounts:
    """What metrics read. `refused` is the one to be woken by: somebody else wrote that."""

    hits: int = 0
    misses: int = 0
    outdated: int = 0  # misses: of another revision, edition or key; everyday traffic
    refused: int = 0  # misses: named the right revision and key, and did not open
    bypassed: int = 0  # reads made without the cache, because it is away
    filled: int = 0
    dropped: int = 0  # fills that were not kept


class CachedViews:
    """Reads masked views. `run()` belongs in the service's TaskGroup.

    `encode` turns a card into its whole masked view; `form` names that encoding, and is bound to
    what is sealed: a vault never shows what another version of it has encoded differently.
    """

    def __init__(
        self,
        reader: CardReader,
        views: SealedViews,
        keyring: Keyring,
        encode: Callable[[Card], bytes],
        form: bytes,
    ) -> None:
        self._reader: Final = reader
        self._views: Final = views
        self._keyring: Final = keyring
        self._encode: Final = encode
        self._what: Final = f"masked_view/{form.hex()}"
        self._fills: dict[CardKey, Card] = {}
        self._wake: Final = asyncio.Event()
        self.counts: Final = ViewCounts()

    async def read(self, wanted: Sequence[CardKey]) -> Mapping[CardKey, Shown]:
        """Return the cards that exist, each as it was at some moment of this call."""
        if self._views.away:
            self.counts.bypassed += len(wanted)
            return await self._reader.cards(wanted)
        async with asyncio.TaskGroup() as both:
            asked = both.create_task(self._views.get(wanted))
            editions = await self._editions(wanted)
        if isinstance(editions, Exception):
            raise editions
        found: dict[CardKey, Shown] = {}
        missing: list[CardKey] = []
        sealed = asked.result()
        # Cold keys are warmed by the fill: a masked read waits for no key service.
        warm = {tenant: self._keyring.peek(tenant) for tenant in {key.tenant for key in editions}}
        for key, edition in editions.items():
            keys, entry = warm[key.tenant], sealed.get(key)
            view = self._opened(keys, key, edition, entry) if keys and entry else None
            if view is None:
                missing.append(key)
            else:
                found[key] = view
        self.counts.hits += len(found)
        self.counts.misses += len(missing)
        if missing:
            cards = await self._reader.cards(missing)
            found.update(cards)
            self._keep(cards)
        return found

    async def _editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition] | Exception:
        """Ask the store; an error is returned, for the group would wrap it."""
        try:
            return await self._reader.editions(keys)
        except Exception as error:  # noqa: BLE001 - raised by the caller
            return error

    def _opened(
        self, keys: TenantKeys, key: CardKey, edition: Edition, entry: bytes
    ) -> bytes | None:
        """Return the view in a cached entry; anything but the very edition asked for is a miss."""
        revision, blob = entry[: _REVISION.size], entry[_REVISION.size :]
        try:
            stranger = revision != _REVISION.pack(edition.revision)
            if stranger or key_id_of(blob) != keys.record.key_id:
                self.counts.outdated += 1
                return None
            plain = keys.record.open(blob, self._place(key, edition))
        except CannotOpen:
            self.counts.refused += 1
            return None
        if plain[: _EDITION.size] != _EDITION.pack(*edition):
            self.counts.outdated += 1
            return None
        return plain[_EDITION.size :]

    def _sealed(self, keys: TenantKeys, card: Card) -> bytes:
        plain = _EDITION.pack(*card.edition) + self._encode(card)
        blob = keys.record.seal(plain, self._place(card.key, card.edition))
        # The revision is told in the clear too, so that what is merely old raises no alarm.
        return _REVISION.pack(card.revision) + blob

    def _place(self, key: CardKey, edition: Edition) -> Place:
        return Place(self._what, key.tenant, key.token, "", "", edition.revision)

    def _keep(self, cards: Mapping[CardKey, Card]) -> None:
        self._fills.update(cards)
        while len(self._fills) > MOST_FILLS:
            del self._fills[next(iter(self._fills))]
            self.counts.dropped += 1
        self._wake.set()

    async def run(self) -> None:
        """Seal and keep what was missing, for ever, behind the replies."""
        while True:
            if not self._fills:
                self._wake.clear()
                await self._wake.wait()
            await self.fill()

    async def fill(self) -> None:
        """Seal and keep one batch of what was missing."""
        batch = [self._fills.pop(key) for key in list(self._fills)[:FILL_BATCH]]
        sealed: dict[CardKey, bytes] = {}
        for card in batch:
            try:
                keys = await self._keyring.warm(card.tenant)
            except VaultError:
                continue  # without keys reads go to the store
            sealed[card.key] = self._sealed(keys, card)
        kept = bool(sealed) and await self._views.put(sealed)
        self.counts.filled += len(sealed) if kept else 0
        self.counts.dropped += len(batch) - (len(sealed) if kept else 0)
