"""A copy of the vault's database, read-only: the audit's three tables and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import apsw

from vault.domain.audit import GENESIS
from vault.domain.queries import Checkpoint

_CHAINS: Final = "SELECT chain, sequence, hash, ended FROM chains ORDER BY chain"
_NAME: Final = "SELECT min(chain) FROM audit WHERE chain > ?"  # one index step a chain
_RECORDS: Final = "SELECT sequence, time, record, hash FROM audit WHERE chain = ? ORDER BY sequence"
_RECORD: Final = (
    "SELECT sequence, time, record, hash FROM audit WHERE chain = ? AND sequence = ? LIMIT 1"
)
_CHECKPOINT: Final = "SELECT number, time, body, key_id, signature FROM checkpoints"


class NotReadable(Exception):
    """This file can't be read as a vault's database."""


class StoredChain(NamedTuple):
    """A chain's head as the database says."""

    chain: str
    sequence: int
    hash: bytes
    ended: bool


class StoredRecord(NamedTuple):
    """A record as the database says."""

    sequence: int
    time: int
    record: bytes
    hash: bytes


class AuditFile:
    """Reads in order, one row at a time. Trusts nothing it reads, types included."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db: Final = db

    def chains(self) -> Iterator[StoredChain]:
        """Return all chains' heads."""
        for chain, sequence, digest, ended in self._rows(_CHAINS):
            yield StoredChain(str(chain), _number(sequence), _bytes(digest), bool(ended))

    def recorded_chains(self) -> Iterator[str]:
        """Return the names of all chains that have records."""
        last = ""
        while True:
            (found,) = next(self._rows(_NAME, last))
            if found is None:
                return
            last = str(found)
            yield last

    def records(self, chain: str) -> Iterator[StoredRecord]:
        """Return a chain's records in the order of their numbers."""
        for row in self._rows(_RECORDS, chain):
            yield _record(row)

    def record(self, chain: str, sequence: int) -> StoredRecord | None:
        """Return one record."""
        for row in self._rows(_RECORD, chain, sequence):
            return _record(row)
        return None

    def checkpoints(self, *, newest_first: bool = False) -> Iterator[Checkpoint]:
        """Return all checkpoints by number."""
        order = " ORDER BY number DESC" if newest_first else " ORDER BY number"
        for number, time, body, key_id, signature in self._rows(_CHECKPOINT + order):
            yield Checkpoint(
                _number(number), _number(time), _bytes(body), str(key_id), _bytes(signature)
            )

    def _rows(self, sql: str, *values: str | int) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, values)
        except (apsw.Error, UnicodeDecodeError):
            raise NotReadable("the database can't be read: damaged, or not a vault's") from None


@contextmanager
def open_audit_file(path: Path) -> Iterator[AuditFile]:
    """Open a copy of the database. Raises NotReadable.

    With a write-ahead log beside it, the log is read too; without one the file is opened as
    immutable, so that a read-only medium will do.
    """
    if not path.is_file():
        raise NotReadable("there is no such file")
    log = path.with_name(path.name + "-wal")
    option = "" if log.exists() and log.stat().st_size else "&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?mode=ro{option}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        db = apsw.Connection(uri, flags=flags)
    except apsw.Error:
        raise NotReadable("the database can't be opened") from None
    try:
        db.set_busy_timeout(5_000)
        yield AuditFile(db)
    finally:
        db.close(force=True)


def _record(row: tuple[Any, ...]) -> StoredRecord:
    sequence, time, record, digest = row
    return StoredRecord(_number(sequence), _number(time), _bytes(record), _bytes(digest))


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else GENESIS
