"""A file layer under SQLite that writes down what happens to the files, and can fail on demand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import apsw

_names = count(1)


class FileEvent(NamedTuple):
    """One call: `write`, `sync` or `truncate`, on the `db`, its `wal`, or another file."""

    what: str
    file: str


Fault = Callable[[FileEvent], Exception | None]


class WatchedFiles(apsw.VFS):
    """A VFS over the default one. `fault` may answer a call with an error instead.

    Keep a reference while connections use it; `name` is what to open databases with.
    """

    def __init__(self) -> None:
        self.name = f"watched-{next(_names)}"
        self.events: list[FileEvent | str] = []  # strings are a test's own marks
        self.fault: Fault = lambda _event: None
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _WatchedFile(self, name, flags)

    def happens(self, what: str, file: str) -> None:
        event = FileEvent(what, file)
        self.events.append(event)
        error = self.fault(event)
        if error is not None:
            raise error

    def done(self, what: str, file: str, at: int = 0, data: bytes = b"") -> None:
        """Hear what was done, `at` an offset or a new size: for file layers that keep it all."""


class _WatchedFile(apsw.VFSFile):
    def __init__(
        self, files: WatchedFiles, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        opened = flags[0]
        self._file = (
            "wal"
            if opened & apsw.SQLITE_OPEN_WAL
            else "db"
            if opened & apsw.SQLITE_OPEN_MAIN_DB
            else "other"
        )
        self._files = files
        # SQLite's own layer syncs the directory behind the first sync of every log or journal.
        self._names_synced = self._file != "db"
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._files.happens("write", self._file)
        super().xWrite(data, offset)
        self._files.done("write", self._file, offset, data)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._files.happens("sync", self._file)
        super().xSync(flags)
        self._files.done("sync", self._file)
        if self._names_synced:
            self._names_synced = False
            self._files.done("names", self._file)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._files.happens("truncate", self._file)
        super().xTruncate(newsize)
        self._files.done("truncate", self._file, newsize)
