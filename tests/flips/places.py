"""Which bit is flipped: anywhere in the files, or aimed at every kind of field there is."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.flips.sqlite_cells import CellMap, Column
from vault.crypto.blob import HEADER_SIZE

Part = tuple[str, int, int]
"""A part of a sealed blob: its name, and where it begins and ends; negative from the end."""

_RECORD: Final[tuple[Part, ...]] = (
    ("format", 0, 1),
    ("algorithm", 1, 2),
    ("key id", 2, 10),
    ("salt", 10, 42),
    ("commitment", 42, HEADER_SIZE),
    ("ciphertext", HEADER_SIZE, -16),
    ("tag", -16, 0),
)
_WRAPPED: Final[tuple[Part, ...]] = (
    ("prefix", 0, 2),
    ("key id", 2, 10),
    ("nonce", 10, 22),
    ("ciphertext", 22, -16),
    ("tag", -16, 0),
)
SEALED: Final = {
    ("cards", "sealed"): _RECORD,
    ("card_versions", "sealed"): _RECORD,
    ("parked_updates", "sealed"): _RECORD,
    ("data_keys", "wrapped"): _WRAPPED,
}
AUDIT: Final = frozenset({"audit", "chains", "checkpoints"})


class Mode(StrEnum):
    """Which files, and when."""

    CLOSED = "the database of a vault that was stopped"
    LOG = "the log of a vault that was killed, before it starts again"
    RUNNING = "database and log under a running vault"


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit, and what it belongs to."""

    number: int
    mode: Mode
    file: str
    offset: int
    bit: int
    column: Column | None  # None: between values
    table: str  # or the index; "" where no page in use is
    part: str = ""  # of a sealed blob

    @property
    def field(self) -> tuple[str, str]:
        """Table and column."""
        return self.table, self.column.name if self.column else ""

    def __str__(self) -> str:
        name = ".".join(filter(None, self.field)) or "no page in use"
        part = f" ({self.part})" if self.part else ""
        return f"flip {self.number}: {name}{part}, {self.file} byte {self.offset} bit {self.bit}"


class Places:
    """Chooses bits in one image."""

    def __init__(self, cells: CellMap) -> None:
        self._cells: Final = cells
        kinds: dict[tuple[str, str], list[Column]] = {}
        for column in cells.columns:
            if column.length:
                kinds.setdefault((column.table, column.name), []).append(column)
        self._kinds: Final = [kinds[name] for name in sorted(kinds)]
        self._sealed: Final = [
            (kinds[name], part) for name, parts in SEALED.items() for part in parts if name in kinds
        ]
        self._audit: Final = [kinds[name] for name in sorted(kinds) if name[0] in AUDIT]

    @property
    def kinds(self) -> int:
        """Count the kinds of fields."""
        return len(self._kinds)

    def anywhere(self, number: int, mode: Mode, file: str, dice: random.Random) -> Flip:
        """Return any bit of a file."""
        return self._flip(number, mode, file, dice.randrange(self._cells.sizes[file]), dice)

    def aimed(self, number: int, mode: Mode, dice: random.Random) -> Flip:
        """Return a bit of a field: a sealed one, one of the audit, or one of any kind."""
        group = dice.choices(("sealed", "audit", "any"), (3, 3, 4))[0]
        part, start, end = "", 0, 0
        if group == "sealed":
            columns, (part, start, end) = dice.choice(self._sealed)
        else:
            columns = dice.choice(self._audit if group == "audit" else self._kinds)
        column = dice.choice(columns)
        first = start if start >= 0 else column.length + start
        last = end if end > 0 else column.length + end
        file, offset = column.byte(dice.randrange(first, last))
        return Flip(number, mode, file, offset, dice.randrange(8), column, column.table, part)

    def _flip(self, number: int, mode: Mode, file: str, offset: int, dice: random.Random) -> Flip:
        column = self._cells.column_at(file, offset)
        table = column.table if column else self._cells.object_at(file, offset)
        return Flip(number, mode, file, offset, dice.randrange(8), column, table)
