"""What a verifier reads: chains, records and checkpoints, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from vault.domain.audit import GENESIS
from vault.domain.queries import Checkpoint


class NotReadable(Exception):
    """This can't be read as a vault's audit. The text names no address and no value."""


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


class Trail(Protocol):
    """One state of the audit, read in order, a page of rows in memory at most.

    Trusts nothing it reads, types included. Every method raises NotReadable.
    """

    @property
    def shared(self) -> bool:
        """Tell whether several processes may have chains open at once."""

    def chains(self) -> Iterator[StoredChain]:
        """Return all chains' heads."""

    def recorded_chains(self) -> Iterator[str]:
        """Return the names of all chains that have records."""

    def records(self, chain: str) -> Iterator[StoredRecord]:
        """Return a chain's records in the order of their numbers."""

    def record(self, chain: str, sequence: int) -> StoredRecord | None:
        """Return one record."""

    def checkpoints(self, *, newest_first: bool = False) -> Iterator[Checkpoint]:
        """Return all checkpoints by number."""


def as_number(value: object) -> int:
    """Return a whole number, or -1 for what is none."""
    return value if isinstance(value, int) else -1


def as_bytes(value: object) -> bytes:
    """Return bytes, or zeros for what is none."""
    return value if isinstance(value, bytes) else GENESIS
