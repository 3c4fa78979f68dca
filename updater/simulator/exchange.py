"""Read the outbox and fill the inbox of an exchange directory, each file whole or not at all."""

import contextlib
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from updater.simulator.errors import SimulatorError

# Plaintext is 10 MB at most; OpenPGP adds little.
MAX_CIPHERTEXT: Final = 11_000_000
_MAX_PENDING: Final = 1_000
_SLOW_CHUNKS: Final = 8
_REQUEST_NAME: Final = re.compile(
    r"(?P<merchant>[A-Za-z0-9_-]{1,30})\.(?P<batch>[0-9]{1,30})\.au\.request\.pan\.csv\.pgp"
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """Hold one request file as found: ciphertext, and its name taken apart."""

    name: str
    merchant: str
    batch: str
    ciphertext: bytes

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the ciphertext, in hexadecimal."""
        return hashlib.sha256(self.ciphertext).hexdigest()


@dataclass(frozen=True, slots=True)
class Parcel:
    """Hold one file to deliver: a name in the inbox, and ciphertext."""

    name: str
    ciphertext: bytes


class Exchange:
    """Wrap `<root>/outbox` (ours to read, never to change) and `<root>/inbox` (ours to fill)."""

    def __init__(self, root: Path) -> None:
        self._outbox: Final = root / "outbox"
        self._inbox: Final = root / "inbox"
        for directory in (self._outbox, self._inbox):
            if not directory.is_dir():
                raise SimulatorError(f"the exchange has no directory {directory.name}")

    def pending(self) -> Iterator[Incoming]:
        """Yield request files by name, at most a thousand a pass; other names are not looked at."""
        names = sorted(entry.name for entry in self._outbox.iterdir())
        matches = filter(None, map(_REQUEST_NAME.fullmatch, names))
        for match in itertools.islice(matches, _MAX_PENDING):
            # A file may be taken away meanwhile; a link might lead out of the exchange.
            with contextlib.suppress(OSError):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(self._outbox / match[0], flags), "rb") as file:
                    content = file.read(MAX_CIPHERTEXT + 1)
                yield Incoming(match[0], match["merchant"], match["batch"], content)

    def stage(self, parcel: Parcel) -> None:
        """Write the parcel durably under a hidden name, which `release` turns into the real one."""
        staged = self._staged(parcel.name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(staged, flags, 0o640), "wb") as file:
            file.write(parcel.ciphertext)
            file.flush()
            os.fsync(file.fileno())
        self._sync_inbox()

    def release(self, name: str) -> None:
        """Make a staged parcel appear. Does nothing if it already did, so safe to repeat."""
        with contextlib.suppress(FileNotFoundError):
            self._staged(name).rename(self._inbox / name)
        self._sync_inbox()

    def release_slowly(self, name: str, wait: Callable[[float], object], seconds: float) -> None:
        """Let a staged parcel grow under its real name for `seconds`: a careless sender."""
        staged = self._staged(name)
        content = staged.read_bytes()
        size = max(1, -(-len(content) // _SLOW_CHUNKS))
        with (self._inbox / name).open("wb") as file:
            for start in range(0, len(content), size):
                file.write(content[start : start + size])
                file.flush()
                wait(seconds / _SLOW_CHUNKS)
            os.fsync(file.fileno())
        staged.unlink()
        self._sync_inbox()

    def _staged(self, name: str) -> Path:
        return self._inbox / f".{name}.part"

    def _sync_inbox(self) -> None:
        directory = os.open(self._inbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
