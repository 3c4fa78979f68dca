"""The file layer of the power tests: every byte that SQLite writes, in one log with the promises.

A log or journal that is opened is there for good once its first sync has synced the directory, too
(that of the database does not; seen with strace). "names" tells of it here.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from tests.doubles.vault_files import WatchedFiles

SUFFIXES: Final = {"db": "", "wal": "-wal", "other": "-journal"}
_PATIENCE_S: Final = 30.0


class Happened(NamedTuple):
    """One line of the log.

    `create`, `write`, `truncate`, `sync`, `names` (the directory's sync) and `delete` of a file;
    `begun`: a transaction's first write is about to be; `told`: somebody heard. `at` is an offset,
    a size, or a number.
    """

    what: str
    file: str
    at: int = 0
    data: bytes = b""


class LoggedFiles(WatchedFiles):
    """Keeps what was written in `log`. Marks come from the recorder, by `mark`.

    A checkpoint waits until all have heard whom the commit before it was for, so that one seed
    makes one log; it is the order in which a checkpoint can do most harm.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Happened] = []
        self.begun = 0  # transactions that have begun, by the recorder's count
        self._marked = 0
        self._there: set[str] = set()
        self._unsynced: set[str] = set()
        self._waiters = 0  # who asked for something
        self._told = 0  # of them, who has heard
        self._due = 0  # of them, who must have heard before a checkpoint of what is written
        self._heard = threading.Condition()

    def mark(self, what: str, number: int) -> None:
        """Write down that something was told."""
        self.log.append(Happened(what, "", number))

    def asked(self) -> None:
        """Note that somebody waits to hear."""
        with self._heard:
            self._waiters += 1

    def heard(self) -> None:
        """Note that one who waited has heard."""
        with self._heard:
            self._told += 1
            self._heard.notify_all()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        for file, flag in (
            ("db", apsw.SQLITE_OPEN_MAIN_DB),
            ("wal", apsw.SQLITE_OPEN_WAL),
            ("other", apsw.SQLITE_OPEN_MAIN_JOURNAL),
        ):
            if flags[0] & flag and file not in self._there:
                self._there.add(file)
                self.log.append(Happened("create", file))
        return super().xOpen(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        for file, suffix in SUFFIXES.items():
            if suffix and filename.endswith(suffix):
                self._there.discard(file)
                self.log.append(Happened("delete", file))
        if syncdir:
            self.log.append(Happened("names", "other"))

    def happens(self, what: str, file: str) -> None:
        if file == "db" or (what == "sync" and file not in self._unsynced):
            self._wait()
        elif what == "write" and file == "wal":
            self._due = self._waiters
            if self._marked < self.begun:
                self._marked = self.begun
                self.mark("begun", self.begun)
        self.events.clear()  # the log has them
        super().happens(what, file)

    def done(self, what: str, file: str, at: int = 0, data: bytes = b"") -> None:
        if what == "sync":
            self._unsynced.discard(file)
        elif what != "names":
            self._unsynced.add(file)
        self.log.append(Happened(what, file, at, bytes(data)))

    def _wait(self) -> None:
        with self._heard:
            if not self._heard.wait_for(lambda: self._told >= self._due, _PATIENCE_S):
                raise AssertionError("somebody was never told")


class UnsyncedFiles(apsw.VFS):
    """Files whose syncs cost nothing: for images, which no power cut will hit again."""

    def __init__(self) -> None:
        self.name = f"unsynced-{id(self)}"
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _Unsynced("", name, flags)


class _Unsynced(apsw.VFSFile):
    def xSync(self, flags: int) -> None:  # noqa: N802
        """Do nothing."""


def lay(directory: Path, name: str, files: dict[str, bytes]) -> Path:
    """Write an image's files; return the database's path."""
    path = directory / name
    for file, suffix in (*SUFFIXES.items(), ("shm", "-shm")):
        target = path.with_name(path.name + suffix)
        if file in files:
            target.write_bytes(files[file])
        else:
            target.unlink(missing_ok=True)
    return path
