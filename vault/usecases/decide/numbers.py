"""Fingerprints: the random id of a number, found or made through its lookup MACs."""

from __future__ import annotations

from collections.abc import Sequence

from cards.pan import Pan
from vault.crypto.keys import TenantKeys
from vault.domain.card import Card, Kind, Version
from vault.usecases.decide.context import Context
from vault.usecases.decide.sealing import open_current, open_version
from vault.usecases.decide.tokens import timed_id
from vault.usecases.ledger.state import NumberKey


def lookups_of(keys: TenantKeys, kind: str, pan: Pan) -> list[bytes]:
    """Return a number's lookup MACs, one for each live fingerprint key, the active one's first."""
    return [key.fingerprint(kind, pan) for key in keys.fingerprints]


def fingerprint_of(
    ctx: Context, tenant: str, kind: str, pan: Pan, lookups: Sequence[bytes] = ()
) -> tuple[str, dict[NumberKey, str]]:
    """Return a number's fingerprint, and the index rows that are still missing for it.

    With two live fingerprint keys (during a rotation) both rows are written. `lookups` are the
    number's, where somebody has made them already.
    """
    fingerprint, missing = "", []
    for mac in lookups or lookups_of(ctx.keys[tenant], kind, pan):
        key = NumberKey(tenant, mac)
        found = ctx.state.numbers.get(key)
        if not found:
            missing.append(key)
        fingerprint = fingerprint or found or ""
    if not fingerprint:
        fingerprint = "fp_" + timed_id(ctx.now, ctx.random)
    return fingerprint, dict.fromkeys(missing, fingerprint)


def number_keys(tenant: str, keys: TenantKeys, pan: Pan) -> list[NumberKey]:
    """Return a number's lookup keys under every kind: for whoever does not know the card's."""
    return [
        NumberKey(tenant, key.fingerprint(kind, pan)) for key in keys.fingerprints for kind in Kind
    ]


def fpan_keys(tenant: str, keys: TenantKeys, pan: Pan) -> list[NumberKey]:
    """Return a number's lookup keys as an FPAN, the only kind that updaters ask about.

    The active index key's comes first; during a rotation there are two.
    """
    return [NumberKey(tenant, key.fingerprint(Kind.FPAN, pan)) for key in keys.fingerprints]


def fpans_of(numbers: Sequence[NumberKey]) -> Sequence[NumberKey]:
    """Return those of `number_keys` that `fpan_keys` would make, without making them again."""
    return numbers[:: len(Kind)]  # FPAN is the first kind


def index_rows_of(ctx: Context, card: Card, versions: list[Version]) -> list[tuple[NumberKey, str]]:
    """Return the index rows of every number that a card holds or held, for erasure.

    The store drops a row only where no other card or version has its fingerprint.
    """
    keys = ctx.keys[card.tenant]
    numbers = [(open_version(keys, card, version).pan, version.fingerprint) for version in versions]
    if card.sealed:
        numbers.append((open_current(keys, card).pan, card.fingerprint))
    return [
        (NumberKey(card.tenant, key.fingerprint(card.kind, pan)), fingerprint)
        for pan, fingerprint in numbers
        for key in keys.fingerprints
    ]
