"""What the use cases need of the exchange directory and its encryption."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from updater.domain.feed import FeedFile, Sighting


class SealFault(StrEnum):
    """Why a file could not be opened."""

    NOT_ENCRYPTED = "NOT_ENCRYPTED"
    WRONG_KEY = "WRONG_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    CIPHERTEXT_DAMAGED = "CIPHERTEXT_DAMAGED"
    COMPRESSED = "COMPRESSED"  # a layer through which its signature can't be checked
    TOO_LARGE = "TOO_LARGE"


class NotOpened(Exception):
    """A file that is not one for us from the acquirer. Its text is the fault's name."""

    def __init__(self, fault: SealFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Cipher(Protocol):
    """OpenPGP between us and the acquirer; a key pair for each direction."""

    def is_sealed(self, data: bytes) -> bool:
        """Tell whether bytes begin like an encrypted message; nothing is opened."""

    async def seal(self, plain: bytes) -> bytes:
        """Encrypt to the acquirer and sign."""

    async def open(self, sealed: bytes, *, limit: int) -> bytes:
        """Decrypt at most `limit` bytes and check the acquirer's signature. Raises NotOpened."""

    async def seal_for_ourselves(self, found: bytes) -> bytes:
        """Encrypt to ourselves what arrived in plain text, so that it can be kept as evidence."""


class Shelf(StrEnum):
    """Where a file goes that is dealt with."""

    DONE = "done"
    QUARANTINE = "quarantine"


class Exchange(Protocol):
    """A directory that both sides see. Everything under it is ciphertext."""

    async def stage(self, name: str, sealed: bytes) -> None:
        """Write a file where nobody looks, durably; writing it again replaces it."""

    async def send(self, name: str) -> None:
        """Give the staged file its name in the outbox, durably; nothing if it has it already."""

    async def arrivals(self) -> Sequence[Sighting]:
        """List the inbox, temporary names left out."""

    async def read(self, name: str, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file of the inbox, or None if it is gone."""

    async def reopen(self, file: FeedFile, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file that is done with, or None once it is purged.

        What a release before this one has shelved may be another file of the same name.
        """

    async def shelve(
        self, name: str, shelf: Shelf, file: FeedFile, *, instead: bytes | None = None
    ) -> None:
        """Take a file out of the inbox, durably; `instead` replaces its bytes. Repeatable.

        `name` is the one that it has in the inbox, `file` the one that has these bytes: nothing
        else is ever put in its place.
        """

    async def purge(self, older_than: timedelta) -> int:
        """Delete what was sent or shelved so long ago; return how many files that were."""
