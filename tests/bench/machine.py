"""What the numbers were measured on, and what was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """Names, numbers and versions; nothing that identifies a host."""

    cpu: str
    cores: int
    kernel: str
    python: str
    grpcio: str
    uvloop: str
    date: str
    commit: str
    command: str
    load_before: float
    """The machine's load average of the last minute as the run began; idle is near 0."""


def this_machine(command: str) -> Machine:
    """Describe this machine and commit."""
    return Machine(
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        grpcio=version("grpcio"),
        uvloop=version("uvloop"),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        command=command,
        load_before=os.getloadavg()[0],
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the model of the first CPU, or "unknown" where the kernel names none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    code = ("vault", "chassis", "cards", "client", "tests/bench")
    return commit + (" with changes" if git("status", "--porcelain", "--", *code) else "")
