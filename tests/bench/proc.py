"""CPU time of a process and its threads, from /proc: utime + stime, all threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(stat: str, ticks: int = TICKS) -> float:
    """Return user and system seconds from the text of a `stat` file (proc(5)).

    The command's name is in parentheses and may hold spaces and parentheses of its own. Raises
    ValueError for a text that isn't one.
    """
    _before, closing, rest = stat.rpartition(") ")
    fields = rest.split()
    if not closing or len(fields) < 13:
        raise ValueError("this is not a /proc/<pid>/stat")
    return (int(fields[11]) + int(fields[12])) / ticks  # fields 14 and 15, counted from 1


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds so far: of the whole process, and of the threads that were asked about."""

    process: float
    threads: dict[str, float]

    def since(self, earlier: Cpu) -> Cpu:
        """Return what was used between two readings."""
        used = {name: now - earlier.threads[name] for name, now in self.threads.items()}
        return Cpu(self.process - earlier.process, used)


def read_cpu(pid: int, threads: dict[str, int]) -> Cpu:
    """Read a living process; `threads` maps names to thread ids. Raises OSError if it is gone."""
    root = Path(f"/proc/{pid}")
    return Cpu(
        cpu_seconds((root / "stat").read_text()),
        {
            name: cpu_seconds((root / f"task/{thread}/stat").read_text())
            for name, thread in threads.items()
        },
    )


def tree_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children: living ones and those it reaped."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it has just ended: its parent's sum has it
        fields = text.rpartition(") ")[2].split()
        if int(stat.parent.name) == pid:
            total += cpu_seconds(text) + (int(fields[13]) + int(fields[14])) / TICKS
        elif int(fields[1]) == pid:
            total += cpu_seconds(text)
    return total
