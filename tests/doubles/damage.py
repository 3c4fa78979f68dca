"""What a disk may do to a stored card, done to SQLite's file beside its vault."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

_SPOIL: Final = "UPDATE cards SET brand = "


def damage_cards(database: Path, *, meaningless: str, unreadable: str) -> None:
    """Leave a brand that nobody knows with one card, with another one bytes that are no text."""
    opened = apsw.Connection(str(database))
    opened.execute(f"{_SPOIL} 'VISB' WHERE token = ?", (meaningless,))
    opened.execute(f"{_SPOIL} CAST(x'ff' AS TEXT) WHERE token = ?", (unreadable,))
    opened.close()
