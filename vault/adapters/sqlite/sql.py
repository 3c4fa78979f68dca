"""Statements over many rows: one step of SQLite, and one release of the GIL, for all of them.

A statement's text has a `$ROWS` where `VALUES (?, ...), ...` goes. It is prepared for sixteen row
counts only, and filled up with NULL rows, which a statement must ignore: a join on equality does,
an INSERT says `WHERE column1 IS NOT NULL`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

import apsw

SIZES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 128)
# apsw keeps no statement prepared whose text is longer than this.
MAX_TEXT: Final = 16_384

Row = tuple[Any, ...]


def filled(text: str, **parts: str) -> str:
    """Put constant parts, such as a column list, where `$NAME` stands in a statement."""
    for name, part in parts.items():
        text = text.replace("$" + name, part)
    return text


def columns(names: Iterable[str], alias: str = "") -> str:
    """Return a column list, each with its table's alias."""
    return ", ".join(f"{alias}.{name}" if alias else name for name in names)


class Rows:
    """One statement over any number of rows of `width` values."""

    def __init__(self, text: str, width: int) -> None:
        self.text: Final = text
        self.width: Final = width
        row = "(" + ",".join("?" * width) + ")"
        texts = [filled(text, ROWS="VALUES " + ",".join([row] * size)) for size in SIZES]
        self.texts: Final = [each for each in texts if len(each) <= MAX_TEXT]
        self._largest: Final = SIZES[len(self.texts) - 1]

    def fetch(self, db: apsw.Connection, rows: Sequence[Row], *more: Any) -> list[Row]:
        """Return what the statement yields for all rows; `more` is bound behind them."""
        found: list[Row] = []
        for start in range(0, len(rows), self._largest):
            text, values = self._prepared(rows[start : start + self._largest])
            found += db.execute(text, (*values, *more)).fetchall()
        return found

    def change(self, db: apsw.Connection, rows: Sequence[Row]) -> int:
        """Run the statement for all rows; return how many rows of the table it changed."""
        changed = 0
        for start in range(0, len(rows), self._largest):
            text, values = self._prepared(rows[start : start + self._largest])
            db.execute(text, values)
            changed += db.changes()
        return changed

    def _prepared(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        bucket = bisect_left(SIZES, len(rows))
        values = list(chain.from_iterable(rows))
        values += [None] * ((SIZES[bucket] - len(rows)) * self.width)
        return self.texts[bucket], values


def inserting(table: str, names: Sequence[str]) -> Rows:
    """Return the statement that inserts rows of these columns; a row that is there fails it.

    And with it the transaction, at once: so SQLite need not keep each page as it was before the
    statement, which took an eighth of a statement's time.
    """
    text = "INSERT OR ROLLBACK INTO $TABLE ($NAMES) SELECT * FROM ($ROWS) WHERE column1 IS NOT NULL"
    return Rows(filled(text, TABLE=table, NAMES=columns(names)), len(names))


def rows_of(db: apsw.Connection, statement: str, values: Any) -> list[Row]:
    """Return all rows that one statement yields."""
    found: list[Row] = db.execute(statement, values).fetchall()
    return found
