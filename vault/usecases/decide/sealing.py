"""Sealing a card's contents for its place, and opening them with their plain columns compared."""

from __future__ import annotations

from collections.abc import Callable

from vault.crypto.blob import CannotOpen, Place, key_id_of
from vault.crypto.keys import TenantKeys
from vault.domain.card import Card, Version
from vault.domain.contents import Contents
from vault.domain.reasons import Reason, VaultError


def seal_contents(
    keys: TenantKeys, card: Card, contents: Contents, random: Callable[[int], bytes]
) -> bytes:
    """Seal `contents` for `card` at its (new) revision."""
    place = place_of(card.tenant, card.token, card.customer, card.kind, card.revision)
    return keys.record.seal(contents.encode(), place, random)


def place_of(tenant: str, token: str, customer: str, kind: str, revision: int) -> Place:
    """Return where a card's contents belong when that revision sealed them."""
    return Place("contents", tenant, token, customer, kind, revision)


def open_current(keys: TenantKeys, card: Card) -> Contents:
    """Open a card's current contents. Raises VaultError(DATA_CORRUPT), also on swapped columns."""
    contents = _open(keys, card, card.sealed, card.sealed_revision)
    return _agreeing(contents, card.bin, card.last4, card.expiry)


def open_version(keys: TenantKeys, card: Card, version: Version) -> Contents:
    """Open a superseded version of `card`. Raises VaultError(DATA_CORRUPT)."""
    contents = _open(keys, card, version.sealed, version.sealed_revision)
    return _agreeing(contents, version.bin, version.last4, version.expiry)


def _open(keys: TenantKeys, card: Card, sealed: bytes | None, revision: int) -> Contents:
    place = Place("contents", card.tenant, card.token, card.customer, card.kind, revision)
    try:
        key = keys.records.get(key_id_of(sealed or b""))
        if key is None:
            raise CannotOpen
        return Contents.decode(key.open(sealed or b"", place))
    except (CannotOpen, ValueError, KeyError):
        raise VaultError(Reason.DATA_CORRUPT) from None


def _agreeing(contents: Contents, bin_: str, last4: str, expiry: int) -> Contents:
    pan = contents.pan
    inside = contents.expiry.as_int if contents.expiry else 0
    if pan.last4 != last4 or pan.bin(8) != bin_ or inside != expiry:
        raise VaultError(Reason.DATA_CORRUPT)
    return contents
