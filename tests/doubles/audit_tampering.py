"""Ways of tampering with an audit in a database file, as someone who may write to it would."""

import json
from collections.abc import Callable
from typing import Any

import apsw

from vault.domain.audit import GENESIS, chained_hash

Tamper = Callable[[apsw.Connection, str, int], None]


def _one(db: apsw.Connection, sql: str, *values: Any) -> Any:
    row = next(iter(db.execute(sql, values)))
    return row[0] if len(row) == 1 else row


def _record(db: apsw.Connection, chain: str, sequence: int) -> bytes:
    found = _one(db, "SELECT record FROM audit WHERE chain = ? AND sequence = ?", chain, sequence)
    assert isinstance(found, bytes)
    return found


def _set(db: apsw.Connection, chain: str, sequence: int, column: str, value: Any) -> None:
    sql = f"UPDATE audit SET {column} = ? WHERE chain = ? AND sequence = ?"  # noqa: S608
    db.execute(sql, (value, chain, sequence))


def _shift(db: apsw.Connection, chain: str, after: int, by: int) -> None:
    """Renumber the rows behind `after`, by way of negative numbers, so that none ever clash."""
    db.execute(
        "UPDATE audit SET sequence = -(sequence + ?) WHERE chain = ? AND sequence > ?",
        (by, chain, after),
    )
    db.execute("UPDATE audit SET sequence = -sequence WHERE chain = ? AND sequence < 0", (chain,))


def _head_to_last(db: apsw.Connection, chain: str) -> None:
    db.execute(
        "UPDATE chains SET (sequence, hash) = (SELECT sequence, hash FROM audit WHERE"
        " audit.chain = chains.chain ORDER BY sequence DESC LIMIT 1) WHERE chain = ?",
        (chain,),
    )


def _edited(record: bytes) -> bytes:
    fields = json.loads(record)
    fields["principal"] = "somebody-else"
    return json.dumps(fields, separators=(",", ":")).encode()


def edit_record(db: apsw.Connection, chain: str, sequence: int) -> None:
    _set(db, chain, sequence, "record", _edited(_record(db, chain, sequence)))


def edit_one_byte(db: apsw.Connection, chain: str, sequence: int) -> None:
    record = bytearray(_record(db, chain, sequence))
    record[len(record) // 2] ^= 1
    _set(db, chain, sequence, "record", bytes(record))


def edit_with_hash(db: apsw.Connection, chain: str, sequence: int) -> None:
    edit_record(db, chain, sequence)
    _rehash(db, chain, sequence, sequence)


def edit_and_rehash_all(db: apsw.Connection, chain: str, sequence: int) -> None:
    edit_record(db, chain, sequence)
    _rehash(db, chain, sequence, 1 << 40)
    _head_to_last(db, chain)


def _rehash(db: apsw.Connection, chain: str, first: int, last: int) -> None:
    sql = "SELECT hash FROM audit WHERE chain = ? AND sequence = ?"
    head = _one(db, sql, chain, first - 1) if first > 1 else GENESIS
    rows = list(
        db.execute(
            "SELECT sequence, record FROM audit WHERE chain = ? AND sequence BETWEEN ? AND ?"
            " ORDER BY sequence",
            (chain, first, last),
        )
    )
    for sequence, record in rows:
        head = chained_hash(head, record)
        _set(db, chain, sequence, "hash", head)


def edit_hash(db: apsw.Connection, chain: str, sequence: int) -> None:
    _set(db, chain, sequence, "hash", bytes(32))


def edit_time_column(db: apsw.Connection, chain: str, sequence: int) -> None:
    _set(db, chain, sequence, "time", 1)


def drop(db: apsw.Connection, chain: str, sequence: int) -> None:
    db.execute("DELETE FROM audit WHERE chain = ? AND sequence = ?", (chain, sequence))


def drop_and_renumber(db: apsw.Connection, chain: str, sequence: int) -> None:
    drop(db, chain, sequence)
    _shift(db, chain, sequence, -1)
    _head_to_last(db, chain)


def drop_renumber_and_rehash(db: apsw.Connection, chain: str, sequence: int) -> None:
    drop_and_renumber(db, chain, sequence)
    _rehash(db, chain, sequence, 1 << 40)
    _head_to_last(db, chain)


def swap_records(db: apsw.Connection, chain: str, sequence: int) -> None:
    _swap(db, chain, sequence, sequence + 5, ("record",))


def swap_neighbours(db: apsw.Connection, chain: str, sequence: int) -> None:
    _swap(db, chain, sequence, sequence + 1, ("time", "record", "hash"))


def _swap(db: apsw.Connection, chain: str, one: int, other: int, columns: tuple[str, ...]) -> None:
    for column in columns:
        sql = f"SELECT {column} FROM audit WHERE chain = ? AND sequence = ?"  # noqa: S608
        first, second = _one(db, sql, chain, one), _one(db, sql, chain, other)
        _set(db, chain, one, column, second)
        _set(db, chain, other, column, first)


def copy_over_another(db: apsw.Connection, chain: str, sequence: int) -> None:
    for column in ("time", "record", "hash"):
        sql = f"SELECT {column} FROM audit WHERE chain = ? AND sequence = ?"  # noqa: S608
        _set(db, chain, sequence + 3, column, _one(db, sql, chain, sequence))


def insert_copy(db: apsw.Connection, chain: str, sequence: int) -> None:
    _shift(db, chain, sequence, 1)
    db.execute(
        "INSERT INTO audit SELECT chain, sequence + 1, time, record, hash FROM audit"
        " WHERE chain = ? AND sequence = ?",
        (chain, sequence),
    )
    _head_to_last(db, chain)


def insert_copy_and_rehash(db: apsw.Connection, chain: str, sequence: int) -> None:
    insert_copy(db, chain, sequence)
    _rehash(db, chain, sequence, 1 << 40)
    _head_to_last(db, chain)


def replace_by_other_chain(db: apsw.Connection, chain: str, sequence: int) -> None:
    other = "chn_0" if chain != "chn_0" else "chn_1"
    _set(db, chain, sequence, "record", _record(db, other, sequence))


def truncate(db: apsw.Connection, chain: str, sequence: int) -> None:
    db.execute("DELETE FROM audit WHERE chain = ? AND sequence >= ?", (chain, sequence))
    _head_to_last(db, chain)


def truncate_rows_only(db: apsw.Connection, chain: str, sequence: int) -> None:
    db.execute("DELETE FROM audit WHERE chain = ? AND sequence >= ?", (chain, sequence))
