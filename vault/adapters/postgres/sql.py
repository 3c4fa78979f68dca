"""Pieces of statements: columns and their types are named once, by the domain's tuples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow
from vault.domain.card import Card, ExistingKey, Version
from vault.domain.events import OutboxRow
from vault.usecases.ledger.state import RequestRecord

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
    found = row.__annotations__
    return [
        (name, getattr(found[name], "__forward_arg__", None) or str(found[name]))
        for name in row._fields
    ]


CARD: Final = columns_of(Card)
VERSION: Final = columns_of(Version)
AUDIT: Final = columns_of(AuditRow)
REQUEST: Final = columns_of(RequestRecord)
OUTBOX: Final = columns_of(OutboxRow)
DATA_KEY: Final = columns_of(DataKey)
POINTER: Final = {**columns_of(ExistingKey), "token": "text"}
NUMBER: Final = {"tenant": "text", "mac": "bytea", "fingerprint": "text"}
APPLIED: Final = {
    "tenant": "text",
    "update_id": "text",
    "token": "text",
    "disposition": "text",
    "time": "bigint",
}
LEASE_US: Final = 15_000_000
NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


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
        arrays = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]
        places = [
            self.one(array, kind + "[]")
            for array, kind in zip(arrays, columns.values(), strict=True)
        ]
        return f"unnest({', '.join(places)}) AS {alias}({listed(columns)})"


def inserting(arguments: Arguments, table: str, columns: Columns, rows: Sequence[Row]) -> str:
    """Return the statement that inserts rows; a row that is there fails it."""
    source = arguments.rows(rows, columns)
    names, values = listed(columns), listed(columns, "k")
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {source}"  # noqa: S608
