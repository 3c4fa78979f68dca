"""End a process by a signal that dumps core, and look whether it did."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PATTERN: Final = Path("/proc/sys/kernel/core_pattern")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its signal, whether the kernel dumped, and the files it left."""

    signal: int
    dumped: bool
    files: tuple[str, ...]


class Dumpable:
    """A process that may dump core as far as its parent is concerned: no limit, a place for it."""

    def __init__(
        self, command: Sequence[str], directory: Path, env: Mapping[str, str], stdin: int
    ) -> None:
        self._directory: Final = directory
        self._before: Final = set(directory.iterdir())
        _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        with (directory / "said.log").open("wb") as log:
            self._child: Final = subprocess.Popen(
                command,
                cwd=directory,
                env=dict(env),
                stdin=stdin,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        resource.prlimit(self._child.pid, resource.RLIMIT_CORE, (hard, hard))

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    def limits(self) -> tuple[int, int]:
        """Return how much core it may dump."""
        return resource.prlimit(self.pid, resource.RLIMIT_CORE)

    def crash(self, by: signal.Signals) -> Ended:
        """Send the signal and wait: not by `subprocess`, which drops what is said of cores."""
        os.kill(self.pid, by)
        _pid, status = os.waitpid(self.pid, 0)
        self._child.returncode = -os.WTERMSIG(status)
        left = {path for path in self._directory.iterdir() if path.name.startswith("core")}
        return Ended(
            os.WTERMSIG(status),
            os.WCOREDUMP(status),
            tuple(sorted(path.name for path in left - self._before)),
        )

    def said(self) -> bytes:
        """Return all that it printed."""
        return (self._directory / "said.log").read_bytes()


def dumps_are_files() -> bool:
    """Tell whether this machine writes core files beside the process, as far as it may."""
    pattern = _PATTERN.read_text().strip()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return not pattern.startswith(("|", "/")) and hard != 0


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in listed]


def working_directory(pid: int) -> Path:
    """Return where a process is: a core file would be put there."""
    return Path(f"/proc/{pid}/cwd").readlink()


def core_limits(pid: int) -> list[str]:
    """Return a process's soft and hard limit for core files, as the kernel tells them."""
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in limits if "core file" in line).split()[4:6]


def python(code: str) -> tuple[str, ...]:
    """Return the command of a Python that runs this, and then waits."""
    return (sys.executable, "-c", f"{code}\nimport time; print('up', flush=True); time.sleep(60)")
