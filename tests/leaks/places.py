"""Where files could be left: a number is sought in all of them, and in those without a name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doubles.rpc_canary import Canaries
from tools.running.site import IMPORTS


class Places:
    """A root with everything below it: data, the temporary and the working directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "temporary"
        self.working = root / "working"
        self.temporary.mkdir(parents=True)
        self.working.mkdir()
        self.searched = 0

    def with_numbers(self, numbers: Iterable[str], pid: int | None = None) -> set[str]:
        """Return which files hold a number in clear, in any form; of a process, its nameless, too.

        Their paths are relative to the root.
        """
        sought = Canaries(tuple(numbers))
        found = set()
        for path in self.root.rglob("*"):
            try:
                data = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                continue  # it went while we looked
            self.searched += 1
            if sought.found_in(data):
                found.add(str(path.relative_to(self.root)))
        return found | set(unnamed_files(sought, pid))

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process of ours needs to run, and to put its files here."""
        return {
            **IMPORTS,
            "TMPDIR": str(self.temporary),
            "SQLITE_TMPDIR": str(self.temporary),
        }

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have this process use these directories."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.working)
            patch.setattr("tempfile.tempdir", str(self.temporary))
            for name in ("TMPDIR", "SQLITE_TMPDIR"):
                patch.setenv(name, str(self.temporary))
            yield


def unnamed_files(sought: Canaries, pid: int | None = None) -> list[str]:
    """Return the open files that no directory names any more, and that hold a number."""
    found = []
    for each in Path(f"/proc/{pid or os.getpid()}/fd").iterdir():
        try:
            target = str(each.readlink())
        except OSError:
            continue  # the listing's own
        on_disk = target.startswith("/") and not target.startswith("/memfd:")
        if on_disk and target.endswith(" (deleted)") and sought.found_in(each.read_bytes()):
            found.append(target)
    return found
