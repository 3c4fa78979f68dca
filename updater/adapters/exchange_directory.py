"""A directory that both sides see (`Exchange`): outbox, inbox, done, quarantine, and staging.

Under it is ciphertext only. A name appears in the outbox whole or not at all; files whose names
begin with a dot or end in `.part` or `.tmp` are on their way and nobody's.

A name may come twice with other bytes. So what is done with lies on its shelf as `NAME~FEED_ID`,
beside others of its name; a file that is delivered again takes its own place once more. Releases
before shelved under the name alone: where there is nothing else, that is opened.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from chassis.clock import SystemClock
from chassis.files import write_private
from updater.domain.feed import FeedFile, Sighting
from updater.usecases.ports import Clock
from updater.usecases.ports_exchange import Shelf

_ON_THEIR_WAY: Final = (".part", ".tmp")
_LONGEST_NAME: Final = 255
"""Bytes that file systems take; a longer name is cut, for the id alone tells files apart."""


class ExchangeDirectory:
    """The exchange under one root. Methods are repeatable, and durable on return.

    `clock`: by which files are old (the host's); they are deleted, so it had better not be hurried.
    """

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self._clock: Final = clock or SystemClock()
        self._outbox: Final = root / "outbox"
        self._inbox: Final = root / "inbox"
        self._staging: Final = root / "staging"  # same file system: a rename gives the name
        self._shelves: Final = {shelf: root / shelf.value for shelf in Shelf}
        for folder in (self._outbox, self._inbox, self._staging, *self._shelves.values()):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def stage(self, name: str, sealed: bytes) -> None:
        """Write a file where nobody looks, durably; writing it again replaces it."""
        await asyncio.to_thread(write_private, self._staging / _plain(name), sealed)

    async def send(self, name: str) -> None:
        """Give the staged file its name in the outbox; nothing if it was staged no more."""
        await asyncio.to_thread(self._send, _plain(name))

    async def arrivals(self) -> Sequence[Sighting]:
        """List the inbox, temporary names left out."""
        return await asyncio.to_thread(self._arrivals)

    async def read(self, name: str, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file of the inbox, or None if it is gone."""
        return await asyncio.to_thread(_read, self._inbox / _plain(name), limit)

    async def reopen(self, file: FeedFile, *, limit: int) -> bytes | None:
        """Return at most `limit` bytes of a file that is done with, or None once it is purged."""
        names = (_shelved(file), _plain(file.name))
        return await asyncio.to_thread(self._reopen, names, limit)

    async def shelve(
        self, name: str, shelf: Shelf, file: FeedFile, *, instead: bytes | None = None
    ) -> None:
        """Take a file out of the inbox; `instead` replaces its bytes."""
        target = self._shelves[shelf] / _shelved(file)
        await asyncio.to_thread(self._shelve, self._inbox / _plain(name), target, instead)

    async def purge(self, older_than: timedelta) -> int:
        """Delete what was sent, shelved or left half-written so long ago; return how many."""
        before = self._clock.now_us() - older_than // timedelta(microseconds=1)
        return await asyncio.to_thread(self._purge, before)

    def _purge(self, before: int) -> int:
        old = [
            path
            for folder in (self._outbox, *self._shelves.values())
            for path in folder.iterdir()
            # By the time it got here, which a rename updates: not when the sender wrote it.
            if path.lstat().st_ctime_ns // 1_000 < before
            and (path.is_symlink() or not path.is_dir())
        ]
        # What a process was writing when it was killed: nobody knows its name any more. Whatever
        # has its own name there is still to be sent.
        staged = self._staging.glob(".*")
        old += [path for path in staged if path.lstat().st_ctime_ns // 1_000 < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _send(self, name: str) -> None:
        # Not staged any more means sent before: the staged file was durable when it was noted as
        # written, and only this rename takes it away. It may have been collected since.
        with contextlib.suppress(FileNotFoundError):
            (self._staging / name).rename(self._outbox / name)
        _sync(self._outbox)
        _sync(self._staging)

    def _arrivals(self) -> Sequence[Sighting]:
        seen = []
        with os.scandir(self._inbox) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(_ON_THEIR_WAY):
                    continue
                if not _is_text(entry.name):
                    continue  # no channel's name, and none that could be kept: it stops no other
                # A link or a folder is nothing a channel delivers; a link could lead anywhere.
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        seen.append(Sighting(entry.name, found.st_size, found.st_mtime_ns))
        return seen

    def _reopen(self, names: Sequence[str], limit: int) -> bytes | None:
        found = (_read(self._shelves[shelf] / name, limit) for name in names for shelf in Shelf)
        return next((each for each in found if each is not None), None)

    def _shelve(self, source: Path, target: Path, instead: bytes | None) -> None:
        if instead is not None and source.exists():
            write_private(target, instead)
            source.unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                source.rename(target)
        _sync(target.parent)
        _sync(self._inbox)


def _read(path: Path, limit: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit)


def _shelved(file: FeedFile) -> str:
    """Return the name that a file has on a shelf, and no other one ever has."""
    place = f"~{_plain(file.feed_id)}".encode()
    name = _plain(file.name).encode()[: _LONGEST_NAME - len(place)]
    return name.decode(errors="ignore") + place.decode()


def _plain(name: str) -> str:
    """Refuse a name that is a path: names come from listings and from our own records."""
    if not name or name in {".", ".."} or "/" in name or "\0" in name:
        raise ValueError("a file's name is expected, not a path")
    return name


def _is_text(name: str) -> bool:
    """Tell whether a name's bytes were UTF-8: what wasn't is carried in surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
