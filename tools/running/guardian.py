"""What a run has started ends with it, even where the run is killed and can stop nothing itself.

`mind(pid)` tells a process beside the run, which outlives it by seconds: once the run is gone, by
whatever way, it ends what it was told of and all that comes from that: SIGTERM, and SIGKILL to
what is still there, stopped processes too. The kernel's own means (PR_SET_PDEATHSIG) won't do: it
follows the thread that made the child, not the process, and reaches no grandchild.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final, NamedTuple

GRACE_S: Final = 5.0
"""From SIGTERM to SIGKILL: PostgreSQL and Patroni tidy up what the kernel keeps for them."""
_LOOK_S: Final = 0.1
_ENDING_S: Final = 30.0
_orders: dict[int, IO[bytes]] = {}


def mind(pid: int) -> None:
    """Have a child of ours, and all that comes from it, end with this process."""
    seen = _seen(pid)
    if seen is not None:
        _order(f"process {pid} {seen.began}")


def end_with(run: int) -> None:
    """Have this process, a worker of that run, end with it, and all that comes from it too."""
    mind(os.getpid())
    _order(f"run {run} 0")


def mind_namespace(name: str) -> None:
    """Have whatever lives in a network namespace end with this process."""
    _order(f"namespace {name} 0")


def _order(line: str) -> None:
    orders = _orders.get(os.getpid())  # a forked child has a guardian of its own
    if orders is None:
        orders = _orders[os.getpid()] = _hire()
    with contextlib.suppress(BrokenPipeError):  # somebody killed it: then there is none
        orders.write(line.encode() + b"\n")
        orders.flush()


def _hire() -> IO[bytes]:
    """Start the guardian, in a session of its own: what kills ours must not reach it."""
    command = (sys.executable, "-I", "-S", __file__, str(os.getpid()))
    guardian = subprocess.Popen(
        command,
        cwd="/",
        env={},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(_dismiss, os.getpid(), guardian)
    assert guardian.stdin is not None  # noqa: S101 - it was asked for
    return guardian.stdin


def _dismiss(run: int, guardian: subprocess.Popen[bytes]) -> None:
    """Let it end what is left, and see it gone."""
    if os.getpid() == run and guardian.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            guardian.stdin.write(b"end 0 0\n")  # a forked child may hold the pipe open
            guardian.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            guardian.wait(_ENDING_S)


class _Seen(NamedTuple):
    """A process; with when it began (clock ticks since boot), its id is nobody else's."""

    began: int
    parent: int
    session: int
    state: str


def _processes() -> dict[int, _Seen]:
    """Return all processes; what /proc says to everybody is enough."""
    pids = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]
    return {pid: seen for pid in pids if (seen := _seen(pid)) is not None}


def _seen(pid: int) -> _Seen | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # behind the command, which may hold anything
    return _Seen(int(fields[19]), int(fields[1]), int(fields[3]), fields[0])


class Guardian:
    """Knows what a run has started, and ends it."""

    def __init__(self) -> None:
        self._told: set[tuple[int, int]] = set()  # process ids and when they began
        self._namespaces: set[str] = set()
        self.runs: list[int] = []  # handles of those that we wait for
        self.over = False
        self._ours: set[tuple[int, int]] = set()  # found to come from those, ever

    def take(self, line: str) -> None:
        """Take an order."""
        kind, name, began = line.split()
        if kind == "process":
            self._told.add((int(name), int(began)))
        elif kind == "run":
            try:
                self.runs.append(os.pidfd_open(int(name)))
            except ProcessLookupError:
                self.over = True
        elif kind == "end":
            self.over = True
        else:
            self._namespaces.add(name)

    def left(self) -> set[int]:
        """Return what of the run still lives: what we were told of, its sessions and children."""
        seen = _processes()
        inside = set(_pids_in(self._namespaces))
        sessions = {pid for pid, began in self._told if pid not in seen or seen[pid].began == began}
        self._ours |= self._told
        ours = {
            pid
            for pid, each in seen.items()
            if (pid, each.began) in self._ours or pid in inside or each.session in sessions
        }
        while more := {p for p, each in seen.items() if each.parent in ours} - ours:
            ours |= more
        ours.discard(os.getpid())
        self._ours |= {(pid, seen[pid].began) for pid in ours}
        return {pid for pid in ours if seen[pid].state not in "ZX"}

    def end(self) -> None:
        """End all of it: ask, and then insist."""
        _signal(self.left(), signal.SIGTERM, signal.SIGCONT)
        until = time.monotonic() + GRACE_S
        while self.left() and time.monotonic() < until:
            time.sleep(_LOOK_S)
        until = time.monotonic() + _ENDING_S
        while (left := self.left()) and time.monotonic() < until:
            _signal(left, signal.SIGKILL)
            time.sleep(_LOOK_S)


def _signal(pids: Iterable[int], *numbers: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            for number in numbers:
                os.kill(pid, number)


def _pids_in(namespaces: Iterable[str]) -> list[int]:
    """Return what lives in network namespaces."""
    pids: list[int] = []
    for name in namespaces:
        command = ("/usr/sbin/ip", "netns", "pids", name)
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        pids += map(int, said.split())
    return pids


def watch(run: int, orders: int) -> Guardian:
    """Take orders until the run is gone, or wants no more; return who knows them all."""
    guardian, begun = Guardian(), b""
    # A child that was forked may hold the pipe open: the run's own end counts as well.
    guardian.take(f"run {run} 0")
    while not guardian.over:
        ready, _, _ = select.select([orders, *guardian.runs], (), ())
        said = os.read(orders, 1 << 16) if orders in ready else b""
        if not said:
            break
        *lines, begun = (begun + said).split(b"\n")
        for line in lines:
            guardian.take(line.decode())
    return guardian


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.stdin.fileno()).end()
