"""Pieces of statements: columns and their types are named once, by the domain's tuples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from chassis.postgres.arrays import array_argument

Row = tuple[Any, ...]
Columns = dict[str, str]
_TYPES: Final = {
    "str": "text",
    "int": "bigint",
    "bool": "boolean",
    "bytes": "bytea",
    "bytes | None": "bytea",
}


def columns_of(row: Any) -> Columns:
    """Return a tuple's columns, each with its type."""
    return {name: _TYPES[kind] for name, kind in _kinds(row)}


def _kinds(row: Any) -> list[tuple[str, str]]:
    return [(name, _name(row.__annotations__[name])) for name in row._fields]


def _name(kind: Any) -> str:
    """Return an annotation as it is written, evaluated or not."""
    if isinstance(kind, type):
        return kind.__name__
    return getattr(kind, "__forward_arg__", None) or str(kind)


NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""The server's time, in microseconds since the epoch."""


def listed(names: Iterable[str], alias: str = "") -> str:
    """Return a column list, each with its table's alias."""
    return ", ".join(f"{alias}.{name}" if alias else name for name in names)


class Arguments:
    """The values of one statement, numbered as they come."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers = count(1)

    def one(self, value: Any, kind: str = "") -> str:
        """Add a value; return its place."""
        self.values.append(value)
        place = f"${next(self._numbers)}"
        return f"{place}::{kind}" if kind else place

    def rows(self, rows: Sequence[Row], columns: Columns, alias: str = "k") -> str:
        """Add rows, an array a column; return them as an item of FROM."""
        arrays: Sequence[Row] = list(zip(*rows, strict=True)) or [()] * len(columns)
        places = [
            self.one(*array_argument(array, kind))
            for array, kind in zip(arrays, columns.values(), strict=True)
        ]
        return f"unnest({', '.join(places)}) AS {alias}({listed(columns)})"


def inserting(arguments: Arguments, table: str, columns: Columns, rows: Sequence[Row]) -> str:
    """Return the statement that inserts rows; a row that is there fails it."""
    source = arguments.rows(rows, columns)
    names, values = listed(columns), listed(columns, "k")
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {source}"  # noqa: S608
