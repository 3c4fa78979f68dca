"""How rows become the domain's tuples. Columns are named once, by the tuples themselves."""

from __future__ import annotations

from typing import Any, Final

from vault.adapters.sqlite.sql import columns
from vault.domain.card import Card, Version
from vault.domain.parked import ParkedRow

CARD_COLUMNS: Final = columns(Card._fields, "c")
VERSION_COLUMNS: Final = columns(Version._fields, "v")
PARKED_COLUMNS: Final = columns(ParkedRow._fields, "p")
CARD_WIDTH: Final = len(Card._fields)
_FLAG: Final = Card._fields.index("expiry_unconfirmed")


def card_of(row: tuple[Any, ...]) -> Card:
    """Return a card from its columns; SQLite has no booleans."""
    values = list(row)
    values[_FLAG] = row[_FLAG] == 1
    return Card._make(values)


def version_of(row: tuple[Any, ...]) -> Version:
    """Return a superseded version from its columns."""
    return Version._make(row)
