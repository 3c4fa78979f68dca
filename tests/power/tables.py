"""A vault's rows, by table and key: of an image, and as the reference has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import apsw

from vault.adapters.memory.tables import Tables
from vault.domain.card import Card, Version
from vault.domain.imprint import Imprint
from vault.domain.parked import ParkedRow

Row = tuple[Any, ...]


class Place(NamedTuple):
    """Where a row is."""

    table: str
    key: Row


State = dict[str, dict[Row, Row]]
Changes = dict[Place, Row | None]  # None: the row is not there


@dataclass(frozen=True)
class Table:
    """A table: its columns, as many of them first as make the key, and the reference's rows."""

    name: str
    columns: str
    key: int
    held: Callable[[Tables], Mapping[Any, Any]]
    row: Callable[[Any, Any], Row]

    @property
    def select(self) -> str:
        """Return the statement that reads all of it."""
        return f"SELECT {self.columns} FROM {self.name}"  # noqa: S608 - names of ours


def _whole(_key: Any, value: Any) -> Row:
    return tuple(value)


def _behind(key: Any, value: Any) -> Row:
    return (*key, *(value if isinstance(value, tuple) else (value,)))


def _heads(tables: Tables) -> Mapping[str, Row]:
    return {chain: (*head, int(chain in tables.ended)) for chain, head in tables.heads.items()}


TABLES: Final = (
    Table("cards", ", ".join(Card._fields), 2, lambda t: t.cards, _whole),
    Table("card_versions", ", ".join(Version._fields), 3, lambda t: t.versions, _whole),
    Table("fingerprints", "tenant, mac, fingerprint", 2, lambda t: t.numbers, _behind),
    Table(
        "existing_cards",
        "tenant, fingerprint, customer, kind, token_format, token",
        5,
        lambda t: t.existing,
        _behind,
    ),
    Table(
        "requests",
        "tenant, principal, request_id, mac_key, mac, token, outcome, create_time",
        3,
        lambda t: t.requests,
        _whole,
    ),
    Table(
        "applied_updates",
        "tenant, update_id, token, disposition, time",
        3,
        lambda t: t.applied,
        _behind,
    ),
    Table("imprints", ", ".join(Imprint._fields), 4, lambda t: t.imprints, _whole),
    Table("parked_updates", ", ".join(ParkedRow._fields), 2, lambda t: t.parked, _whole),
    Table("audit", "chain, sequence, time, record, hash", 2, lambda t: t.audit, _whole),
    Table("chains", "chain, sequence, hash, ended", 1, _heads, _whole),
    Table(
        "checkpoints", "number, time, body, key_id, signature", 1, lambda t: t.checkpoints, _whole
    ),
    Table(
        "outbox",
        "token, revision, tenant, type, payload, time",
        3,
        lambda t: t.outbox,
        lambda key, row: (*key, row.type, row.payload, row.time),
    ),
    Table(
        "data_keys",
        "key_id, tenant, purpose, state, created, kek, wrapped",
        1,
        lambda t: t.data_keys,
        _whole,
    ),
    Table(
        "control",
        "id, seal_epoch, key_epoch",
        1,
        lambda t: {1: (1, *t.control)},
        _whole,
    ),
)


def state_in(db: apsw.Connection) -> State:
    """Read all tables of a database."""
    return {
        table.name: {row[: table.key]: row for row in db.execute(table.select)} for table in TABLES
    }


def state_of(tables: Tables) -> State:
    """Return the reference's rows as a database has them."""
    found: State = {}
    for table in TABLES:
        rows = [table.row(key, value) for key, value in table.held(tables).items()]
        found[table.name] = {row[: table.key]: row for row in rows}
    return found


class Follower:
    """Tells what changed in the reference since it was last asked."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._seen: dict[str, dict[Any, Any]] = {}
        self.changes()

    def changes(self) -> Changes:
        """Return every row that is new, other than before, or gone."""
        found: Changes = {}
        for table in TABLES:
            held, seen = table.held(self._tables), self._seen.get(table.name, {})
            for key, value in held.items():
                known = seen.get(key)
                if known is not value and known != value:
                    row = table.row(key, value)
                    found[Place(table.name, row[: table.key])] = row
            for key in seen.keys() - held.keys():
                row = table.row(key, seen[key])
                found[Place(table.name, row[: table.key])] = None
            self._seen[table.name] = dict(held)
        return found


def put(state: State, changes: Changes) -> None:
    """Change a state."""
    for (table, key), row in changes.items():
        if row is None:
            state[table].pop(key, None)
        else:
            state[table][key] = row


def differences(state: State, image: State) -> Changes:
    """Return what `image` has of every row that is other than in `state`."""
    found: Changes = {}
    for table in TABLES:
        ours, theirs = state[table.name], image[table.name]
        if ours == theirs:
            continue
        for key, row in theirs.items():
            if ours.get(key) != row:
                found[Place(table.name, key)] = row
        for key in ours.keys() - theirs.keys():
            found[Place(table.name, key)] = None
    return found
