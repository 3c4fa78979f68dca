"""A disk that fails, or is full, at the n-th write or sync, and what is held against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.doubles.vault_files import FileEvent, WatchedFiles
from tests.power.tables import differences, state_in, state_of
from tests.power.vault import Process, World
from vault.domain.audit import ChainHead

ENOUGH: Final = 20


@dataclass
class Found:
    """What was done to the disk, and what came of it."""

    operations: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # by what was struck
    refused: int = 0  # attempts that a full disk refused
    there: int = 0  # calls in doubt that turned out to be written
    compared: int = 0  # whole databases
    violations: list[str] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take in what another process did."""
        self.operations += other.operations
        self.steps += other.steps
        self.faults += other.faults
        self.refused += other.refused
        self.there += other.there
        self.compared += other.compared
        self.violations += other.violations


class NthFault(WatchedFiles):
    """Fails the n-th write or sync of a flush, or the n-th of a checkpoint, counted from 1.

    A checkpoint's are those of the database itself, and the sync of a log in which nothing is
    unsynced. `lasting`: all that come behind it fail, too, until `disarm`.
    """

    def __init__(
        self, error: Callable[[], Exception], what: frozenset[str], *, lasting: bool
    ) -> None:
        super().__init__()
        self._error = error
        self._what = what
        self._lasting = lasting
        self._unsynced = False
        self.struck = ""
        self.failed: set[str] = set()
        self.disarm()

    def disarm(self) -> None:
        """Let everything pass; `struck` still says what failed first, and `failed` which files."""
        self._flush = self._checkpoint = self._any = 0
        self._failing = False

    def arm(self, *, flush: int = 0, checkpoint: int = 0, either: int = 0) -> None:
        """Fail the one that comes so many on; 0: none."""
        self.disarm()
        self._flush, self._checkpoint, self._any = flush, checkpoint, either
        self.struck = ""
        self.failed.clear()
        self.events.clear()

    def happens(self, what: str, file: str) -> None:
        self.events.append(FileEvent(what, file))
        of_checkpoint = file == "db" or (what == "sync" and not self._unsynced)
        if not of_checkpoint:
            self._unsynced = what != "sync"
        if what not in self._what:
            return
        self._any -= 1
        self._checkpoint -= of_checkpoint
        self._flush -= not of_checkpoint
        # One fault an arming: a checkpoint that was due still may come before the flush or behind.
        strikes = not self.struck and (
            self._any == 0
            or (of_checkpoint and self._checkpoint == 0)
            or (not of_checkpoint and self._flush == 0)
        )
        if strikes:
            self.struck = f"{what} of the {file}" + " in a checkpoint" * of_checkpoint
            self._failing = self._lasting
            self.events.clear()
        if strikes or self._failing:
            self.failed.add(file)
            raise self._error()


class Ordeal:
    """A script over such a disk."""

    def __init__(self, seed: str, directory: Path, files: NthFault) -> None:
        self.seed = seed
        self.path = directory / "vault.db"
        self.files = files
        self.world = World(seed)
        self.found = Found()

    @property
    def over(self) -> bool:
        """Tell whether enough is known."""
        return len(self.found.violations) >= ENOUGH

    def wrong(self, what: str) -> None:
        """Note a broken promise."""
        self.found.violations.append(
            f"seed {self.seed}, operation {self.world.script.operations},"
            f" {self.files.struck or 'no fault'}: {what}"
        )

    def stands(self, process: Process) -> bool:
        """Tell whether the audit is where the reference has it."""
        heads = process.database.read(
            lambda db: [
                ChainHead(*row)
                for row in db.execute("SELECT chain, sequence, hash FROM chains ORDER BY chain")
            ]
        )
        return heads == sorted(self.world.reference.tables.heads.values())

    def same(self, process: Process) -> bool:
        """Tell whether every row is as the reference has it."""
        self.found.compared += 1
        image = process.database.read(state_in)
        return not differences(state_of(self.world.reference.tables), image)

    def compare(self, process: Process, *, whole: bool) -> None:
        """Hold the store against the reference: where its audit stands, or all of it."""
        if not self.stands(process):
            self.wrong("the audit does not stand where the acknowledgements left it")
        elif whole and not self.same(process):
            self.wrong("rows are not as the acknowledgements left them")
