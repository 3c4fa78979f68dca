"""The embedded vault's database, or a copy: the audit's three tables, read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import apsw

from vault.adapters.audit_verify.trail import (
    NotReadable,
    StoredChain,
    StoredRecord,
    as_bytes,
    as_number,
)
from vault.domain.queries import Checkpoint

_CHAINS: Final = "SELECT chain, sequence, hash, ended FROM chains ORDER BY chain"
_NAME: Final = "SELECT min(chain) FROM audit WHERE chain > ?"  # one index step a chain
_RECORDS: Final = "SELECT sequence, time, record, hash FROM audit WHERE chain = ? ORDER BY sequence"
_RECORD: Final = (
    "SELECT sequence, time, record, hash FROM audit WHERE chain = ? AND sequence = ? LIMIT 1"
)
_CHECKPOINT: Final = "SELECT number, time, body, key_id, signature FROM checkpoints"


class AuditFile:
    """`Trail` over SQLite, one row at a time."""

    def __init__(self, db: apsw.Connection, *, shared: bool = False) -> None:
        self._db: Final = db
        self.shared: Final = shared

    def chains(self) -> Iterator[StoredChain]:
        """Return all chains' heads."""
        for chain, sequence, digest, ended in self._rows(_CHAINS):
            yield StoredChain(str(chain), as_number(sequence), as_bytes(digest), bool(ended))

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
                as_number(number), as_number(time), as_bytes(body), str(key_id), as_bytes(signature)
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
    return StoredRecord(as_number(sequence), as_number(time), as_bytes(record), as_bytes(digest))
