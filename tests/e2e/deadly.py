"""Where a vault kills itself: in a phase of a flush, or in the middle of what SQLite writes.

`mid_write` is a kill between two writes of a flush's transaction to the log, its frames half there;
`mid_checkpoint` one between two writes of a checkpoint to the database file.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import apsw

from vault.usecases.ledger.phases import PHASES

MID_WRITE: Final = "mid_write"
MID_CHECKPOINT: Final = "mid_checkpoint"
ALL_PHASES: Final = (*PHASES, MID_WRITE, MID_CHECKPOINT)
_FIRST_WRITES: Final = 6  # a flush writes three frames at least, of a head and a page each


def die() -> None:
    """End this process as a power cut would: kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A `Phases` that ends the process at a phase's n-th time (or n-th write to a file)."""

    def __init__(self, limits: Mapping[str, int], ended: Callable[[], None] = die) -> None:
        self._limits: Final = limits
        self._ended: Final = ended
        self._seen: Final = Counter[str]()
        self._left: int | None = None  # writes to the log until death

    def reached(self, phase: str) -> None:
        """Count, and die when it is time."""
        self._count(phase)
        # The flush that mid_write chooses is its n-th; the number chooses the write as well.
        if phase == "before_write" and self._seen[phase] == self._limits.get(MID_WRITE):
            self._left = self._seen[phase] % _FIRST_WRITES + 1

    def writes(self, flags: int) -> None:
        """Count a write to a file that was opened with these flags."""
        if flags & apsw.SQLITE_OPEN_WAL and self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._ended()
        if flags & apsw.SQLITE_OPEN_MAIN_DB:
            # With a write-ahead log, only checkpoints write there.
            self._count(MID_CHECKPOINT)

    def _count(self, phase: str) -> None:
        self._seen[phase] += 1
        if self._seen[phase] == self._limits.get(phase):
            self._ended()


class DeadlyFiles(apsw.VFS):
    """The file layer under SQLite, which tells of writes before they are made.

    It becomes the process's default; keep a reference for as long as a database is open.
    """

    def __init__(self, deadly: Deadly) -> None:
        self._deadly: Final = deadly
        # By name: once this is the default, "the default" would be itself.
        self._under: Final = apsw.vfsnames()[0]
        super().__init__("deadly", self._under, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a file with its writes told."""
        return _DeadlyFile(self._deadly, self._under, name, flags)


class _DeadlyFile(apsw.VFSFile):
    def __init__(
        self, deadly: Deadly, under: str, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._deadly: Final = deadly
        self._flags: Final = flags[0]
        super().__init__(under, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._deadly.writes(self._flags)
        super().xWrite(data, offset)
