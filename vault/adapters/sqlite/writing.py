"""What a flush writes: one statement a table, and every precondition checked on the way.

A row that must not be there fails its INSERT; a row that must say something is matched by it in an
UPDATE or DELETE, and counted. Either way the transaction ends as a Conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw

from vault.adapters.sqlite.sql import Row, Rows, filled, inserting
from vault.domain.audit import AuditRow
from vault.domain.card import Card, ExistingKey, Version
from vault.domain.events import OutboxRow
from vault.domain.imprint import Imprint
from vault.domain.parked import ParkedRow
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import RequestRecord
from vault.usecases.ports import Conflict

_CHANGED: Final = Card._fields[2:]  # all but the key
_BASE: Final = f"column{len(Card._fields) + 1}"

# The two words of `control` are compared here, in the statement that every flush runs first.
MOVE_HEAD: Final = (
    "UPDATE chains SET sequence = ?, hash = ? WHERE chain = ? AND sequence = ? AND hash = ?"
    " AND ended = 0 AND EXISTS"
    " (SELECT 1 FROM control WHERE id = 1 AND seal_epoch = ? AND key_epoch = ?)"
)
FIRST_HEAD: Final = (
    "INSERT INTO chains (sequence, hash, chain, ended) SELECT ?, ?, ?, 0"
    " FROM control WHERE id = 1 AND seal_epoch = ? AND key_epoch = ?"
)
END_CHAINS: Final = Rows(
    "UPDATE chains SET ended = 1 WHERE (chain, sequence, hash) IN ($ROWS) AND +ended = 0",
    3,
)
ADD_AUDIT: Final = inserting("audit", AuditRow._fields)
ADD_CARDS: Final = inserting("cards", Card._fields)
CHANGE_CARDS: Final = Rows(
    filled(
        "UPDATE cards INDEXED BY cards_by_token SET $SET FROM ($ROWS) AS k"
        " WHERE cards.tenant = k.column1"
        " AND cards.token = k.column2 AND cards.revision = k.$BASE",
        SET=", ".join(f"{name} = k.column{at}" for at, name in enumerate(_CHANGED, 3)),
        BASE=_BASE,
    ),
    len(Card._fields) + 1,
)
RELIED_CARDS: Final = Rows(
    "SELECT count(*) FROM ($ROWS) AS k CROSS JOIN cards AS c INDEXED BY cards_by_token"
    " ON c.tenant = k.column1 AND c.token = k.column2 AND c.revision = k.column3",
    3,
)
# Once the flush's own cards are in: the heir is then the oldest of them, too.
OLDER_THAN_HEIRS: Final = Rows(
    "SELECT count(*) FROM ($ROWS) AS k CROSS JOIN cards AS s INDEXED BY cards_by_fingerprint"
    " ON s.tenant = k.column1 AND s.fingerprint = k.column2 AND s.fingerprint <> ''"
    " AND s.customer = k.column3 AND s.kind = k.column4 AND s.token_format = k.column5"
    " AND s.status IN ('ACTIVE', 'NEEDS_CARDHOLDER') AND s.expire_time = 0"
    " AND (s.create_time, s.token) < (k.column6, k.column7)",
    7,
)
# A number that was known when the flush read it must not have been forgotten since.
KNOWN_NUMBERS: Final = Rows(
    "SELECT count(*) FROM ($ROWS) AS k CROSS JOIN fingerprints AS f"
    " ON f.tenant = k.column1 AND f.mac = k.column2 AND f.fingerprint = k.column3",
    3,
)
ADD_NUMBERS: Final = inserting("fingerprints", ("tenant", "mac", "fingerprint"))
DROP_NUMBERS: Final = Rows(
    "DELETE FROM fingerprints WHERE (tenant, mac) IN ($ROWS)"
    " AND NOT EXISTS (SELECT 1 FROM cards AS c INDEXED BY cards_by_fingerprint"
    " WHERE c.tenant = fingerprints.tenant"
    " AND c.fingerprint = fingerprints.fingerprint AND c.fingerprint <> '')"
    " AND NOT EXISTS (SELECT 1 FROM card_versions AS v"
    " INDEXED BY card_versions_by_fingerprint WHERE v.tenant = fingerprints.tenant"
    " AND v.fingerprint = fingerprints.fingerprint)",
    2,
)
ADD_VERSIONS: Final = inserting("card_versions", Version._fields)
DROP_VERSIONS: Final = Rows(
    "DELETE FROM card_versions INDEXED BY card_versions_by_number"
    " WHERE (tenant, token, credential_version) IN ($ROWS)",
    3,
)
ADD_POINTERS: Final = inserting("existing_cards", (*ExistingKey._fields, "token"))
_POINTER: Final = (
    "existing_cards.tenant = k.column1 AND existing_cards.fingerprint = k.column2"
    " AND existing_cards.customer = k.column3 AND existing_cards.kind = k.column4"
    " AND existing_cards.token_format = k.column5 AND existing_cards.token = k.column6"
)
MOVE_POINTERS: Final = Rows(
    filled(
        "UPDATE existing_cards SET token = k.column7 FROM ($ROWS) AS k WHERE $POINTER",
        POINTER=_POINTER,
    ),
    7,
)
DROP_POINTERS: Final = Rows(
    "DELETE FROM existing_cards WHERE"
    " (tenant, fingerprint, customer, kind, token_format, token) IN ($ROWS)",
    6,
)
ADD_REQUESTS: Final = inserting("requests", RequestRecord._fields)
ADD_APPLIED: Final = inserting(
    "applied_updates", ("tenant", "update_id", "token", "disposition", "time")
)
ADD_IMPRINTS: Final = inserting("imprints", Imprint._fields)
UNDO_IMPRINTS: Final = Rows(
    # Not UPDATE ... FROM: with statistics of a table that was small, that reads all of it.
    "WITH k AS ($ROWS) UPDATE imprints INDEXED BY imprints_by_card SET undone = (SELECT column6"
    " FROM k WHERE column1 = tenant AND column2 = token AND column3 = revision"
    " AND column4 = update_id) WHERE (tenant, token, revision, update_id, undone) IN"
    " (SELECT column1, column2, column3, column4, column5 FROM k)",
    6,
)
DROP_IMPRINTS: Final = Rows(
    "DELETE FROM imprints INDEXED BY imprints_by_card WHERE (tenant, token) IN ($ROWS)", 2
)
ADD_PARKED: Final = inserting("parked_updates", ParkedRow._fields)
LOOK_PARKED: Final = Rows(
    # Not UPDATE ... FROM: with statistics of a table that was small, that reads all of it.
    "WITH k AS ($ROWS) UPDATE parked_updates INDEXED BY parked_updates_by_id"
    " SET look_time = (SELECT column4 FROM k WHERE column1 = tenant AND column2 = update_id)"
    " WHERE (tenant, update_id, +look_time) IN (SELECT column1, column2, column3 FROM k)",
    4,
)
DROP_PARKED: Final = Rows(
    "DELETE FROM parked_updates INDEXED BY parked_updates_by_id"
    " WHERE (tenant, update_id, +look_time) IN ($ROWS)",
    3,
)
ADD_OUTBOX: Final = inserting("outbox", OutboxRow._fields)


def write_delta(db: apsw.Connection, delta: Delta) -> None:
    """Write a flush in the caller's transaction. Raises Conflict; the caller then rolls back."""
    _move_head(db, delta)
    _known_numbers(db, delta)
    _cards(db, delta)
    for statement, rows in (
        (ADD_AUDIT, delta.audit),
        (ADD_VERSIONS, delta.versions),
        (ADD_NUMBERS, [(*key, fingerprint) for key, fingerprint in delta.numbers.items()]),
        (ADD_REQUESTS, delta.requests),
        (ADD_APPLIED, [(*key, disposition, time) for key, disposition, time in delta.applied]),
        (DROP_IMPRINTS, list(delta.dropped_imprints)),
        (ADD_IMPRINTS, list(delta.imprints.values())),
        (ADD_OUTBOX, delta.outbox),
    ):
        if rows:
            statement.change(db, rows)
    if delta.undone:
        _changing(db, UNDO_IMPRINTS, [(*key, *mark) for key, mark in delta.undone.items()])
    if delta.parked:
        added, looked, gone = delta.parked_rows()
        if added:
            ADD_PARKED.change(db, added)
        _changing(db, LOOK_PARKED, looked)
        _changing(db, DROP_PARKED, gone)
    if delta.pointers:
        _pointers(db, delta)
    if delta.dropped_versions:
        _changing(db, DROP_VERSIONS, list(set(delta.dropped_versions)))
    if delta.dropped_numbers:  # last: a number stays while anything above still holds it
        DROP_NUMBERS.change(db, list({tuple(key) for key, _fingerprint in delta.dropped_numbers}))


def _changing(db: apsw.Connection, statement: Rows, rows: Sequence[Row]) -> None:
    """Run a statement that must find every one of its rows."""
    if rows and statement.change(db, rows) != len(rows):
        raise Conflict("a row is not what it was when the flush read it")


def _counted(db: apsw.Connection, statement: Rows, rows: Sequence[Row]) -> int:
    return sum(row[0] for row in statement.fetch(db, rows))


def _move_head(db: apsw.Connection, delta: Delta) -> None:
    base, head, control = delta.base_head, delta.head, delta.control
    if base.sequence:
        expected: tuple[Any, ...] = (base.chain, base.sequence, base.hash)
        db.execute(MOVE_HEAD, (head.sequence, head.hash, *expected, *control))
    else:
        db.execute(FIRST_HEAD, (head.sequence, head.hash, head.chain, *control))
    if db.changes() != 1:
        raise Conflict("the chain's head or the control row has moved")
    _changing(db, END_CHAINS, delta.ended_chains)


def _known_numbers(db: apsw.Connection, delta: Delta) -> None:
    known = [(*key, fingerprint) for key, fingerprint in delta.known_numbers.items()]
    if known and _counted(db, KNOWN_NUMBERS, known) != len(known):
        raise Conflict("a number has been forgotten since the flush read it")


def _cards(db: apsw.Connection, delta: Delta) -> None:
    changes = delta.cards.values()
    added = [card for base, card in changes if not base]
    if added:
        ADD_CARDS.change(db, added)
    if len(added) < len(changes):
        _changing(db, CHANGE_CARDS, [(*card, base) for base, card in changes if base])
    relied = [(*key, revision) for key, revision in delta.relied.items()]
    if relied and _counted(db, RELIED_CARDS, relied) != len(relied):
        raise Conflict("a card that a choice was made by has changed")
    if delta.heirs:
        heirs = [(*key, *age) for key, age in delta.heirs.items()]
        if _counted(db, OLDER_THAN_HEIRS, heirs):
            raise Conflict("a card has come that a lost pointer goes to")


def _pointers(db: apsw.Connection, delta: Delta) -> None:
    added, moved, dropped = [], [], []
    for key, (old, new) in delta.pointers.items():
        if old is not None and new is not None:
            moved.append((*key, old, new))
        elif new is not None:
            added.append((*key, new))
        elif old is not None:
            dropped.append((*key, old))
    if added:
        ADD_POINTERS.change(db, added)
    _changing(db, MOVE_POINTERS, moved)
    _changing(db, DROP_POINTERS, dropped)
