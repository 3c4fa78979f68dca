"""Read the outbox and fill the inbox of an exchange directory, each file whole or not at all."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from updater.simulator.errors import SimulatorError
from updater.simulator.formats import Format

_MAX_FRESH: Final = 1_000
_SLOW_CHUNKS: Final = 8


@dataclass(frozen=True, slots=True)
class Incoming:
    """Hold one request file as found: ciphertext, and its name taken apart."""

    name: str
    merchant: str
    batch: str
    ciphertext: bytes = field(repr=False)
    digest: str  # SHA-256 of the ciphertext, in hexadecimal

    @property
    def identity(self) -> str:
        """Return what this very file is known by."""
        return f"{self.name} {self.digest}"


@dataclass(frozen=True, slots=True)
class Parcel:
    """Hold one file to deliver: a name in the inbox, and ciphertext."""

    name: str
    ciphertext: bytes = field(repr=False)


class Exchange:
    """Wrap `<root>/outbox` (ours to read, never to change) and `<root>/inbox` (ours to fill)."""

    def __init__(self, root: Path, form: Format) -> None:
        self._outbox: Final = root / "outbox"
        self._inbox: Final = root / "inbox"
        self._names: Final = form.request_name
        # OpenPGP adds little to the plain text.
        self._max: Final = form.max_bytes + form.max_bytes // 10
        self._looked_at: Final[dict[str, tuple[int, int, int]]] = {}
        for directory in (self._outbox, self._inbox):
            if not directory.is_dir():
                raise SimulatorError(f"the exchange has no directory {directory.name}")

    def is_too_large(self, incoming: Incoming) -> bool:
        """Tell whether a file was longer than what was read of it."""
        return len(incoming.ciphertext) > self._max

    def fresh(self) -> Iterator[Incoming]:
        """Yield request files that were not yielded as they are, by name, a thousand a pass.

        Other names are not looked at. After a restart every file is fresh once more.
        """
        names = sorted(entry.name for entry in self._outbox.iterdir())
        left = _MAX_FRESH
        for name in filter(self._names.fullmatch, names):
            # A file may be taken away meanwhile.
            with contextlib.suppress(OSError):
                found = (self._outbox / name).lstat()
                stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
                if self._looked_at.get(name) == stamp:
                    continue
                yield self.read(name)
                self._looked_at[name] = stamp
                left -= 1
                if left == 0:
                    return

    def read(self, name: str) -> Incoming:
        """Read one request file. Raises OSError: it is gone, or a link that might lead outside."""
        match = self._names.fullmatch(name)
        if match is None:
            raise FileNotFoundError(name)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._outbox / name, flags), "rb") as file:
            content = file.read(self._max + 1)
        digest = hashlib.sha256(content).hexdigest()
        return Incoming(name, match["merchant"], match["batch"], content, digest)

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
