"""A database's audit as rows of its three tables: what SQLite and PostgreSQL have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.adapters.audit_verify.trail import StoredChain, StoredRecord, as_bytes, as_number
from vault.domain.queries import Checkpoint

CHECKPOINTS: Final = "SELECT number, time, body, key_id, signature FROM checkpoints ORDER BY number"


@dataclass(frozen=True, slots=True)
class Statements:
    """How a database is asked. `name` returns the first chain after a name, or NULL."""

    chains: str
    name: str
    records: str
    record: str


class TrailOfRows(ABC):
    """`Trail` over statements; an engine says how they are run."""

    statements: Statements

    @abstractmethod
    def _rows(self, sql: str, *values: str | int) -> Iterator[Sequence[Any]]:
        """Yield a statement's rows. Raises NotReadable."""

    def chains(self) -> Iterator[StoredChain]:
        """Return all chains' heads."""
        for chain, sequence, digest, ended in self._rows(self.statements.chains):
            yield StoredChain(str(chain), as_number(sequence), as_bytes(digest), bool(ended))

    def recorded_chains(self) -> Iterator[str]:
        """Return the names of all chains that have records."""
        last = ""
        while True:
            (found,) = next(self._rows(self.statements.name, last))
            if found is None:
                return
            last = str(found)
            yield last

    def records(self, chain: str) -> Iterator[StoredRecord]:
        """Return a chain's records in the order of their numbers."""
        for row in self._rows(self.statements.records, chain):
            yield _record(row)

    def record(self, chain: str, sequence: int) -> StoredRecord | None:
        """Return one record."""
        for row in self._rows(self.statements.record, chain, sequence):
            return _record(row)
        return None

    def checkpoints(self, *, newest_first: bool = False) -> Iterator[Checkpoint]:
        """Return all checkpoints by number."""
        order = " DESC" if newest_first else ""
        for number, time, body, key_id, signature in self._rows(CHECKPOINTS + order):
            yield Checkpoint(
                as_number(number), as_number(time), as_bytes(body), str(key_id), as_bytes(signature)
            )


def _record(row: Sequence[Any]) -> StoredRecord:
    sequence, time, record, digest = row
    return StoredRecord(as_number(sequence), as_number(time), as_bytes(record), as_bytes(digest))
