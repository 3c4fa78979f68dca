"""One machine of a cluster: its etcd, its Patroni, its PostgreSQL, and the ways to lose them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.parts.servers.network import Place
from tools.running.guardian import mind


class Node:
    """One machine with its etcd, its Patroni and its PostgreSQL."""

    def __init__(self, place: Place, root: Path) -> None:
        self.place: Final = place
        self.name: Final = f"m{place.number}"
        self.root: Final = root / self.name
        self._running: Final[dict[str, subprocess.Popen[bytes]]] = {}

    def start(self, service: str, command: Sequence[str]) -> None:
        """Start etcd or Patroni; a zombie of its past is forgotten."""
        with (self.root / f"{service}.log").open("ab") as log:
            self._running[service] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root
            )
        mind(self._running[service].pid)

    def kill(self) -> None:
        """Lose the whole machine: etcd, Patroni, PostgreSQL and all its backends, at once."""
        for process in self._running.values():
            process.kill()
        self._kill_rest()
        for process in self._running.values():
            process.wait(10)
        self._running.clear()

    def kill_postgres(self) -> None:
        """Lose PostgreSQL; Patroni finds it gone."""
        _kill(int(self._postmaster()[0]))

    def kill_patroni(self) -> None:
        """Lose Patroni: PostgreSQL serves on, and nobody is there to stop it."""
        patroni = self._running.pop("patroni")
        patroni.kill()
        patroni.wait(10)

    def stop(self) -> None:
        """Stop in no order: nothing of it is needed any more, and nothing is left behind."""
        memory = self._postmaster()[6:7]
        self.kill()
        end = time.monotonic() + 10
        while self._kill_rest() and time.monotonic() < end:
            time.sleep(0.05)
        for line in memory:  # a killed server's mark in the kernel: its key and its id
            subprocess.run(["ipcrm", "-m", line.split()[1]], check=False, capture_output=True)

    def _postmaster(self) -> list[str]:
        with suppress(FileNotFoundError):
            return (self.root / "data" / "postmaster.pid").read_text().splitlines()
        return []

    def _kill_rest(self) -> int:
        # Whatever lives in the namespace is this node's: PostgreSQL is started by Patroni.
        said = subprocess.run(self._pids(), capture_output=True, text=True, check=False).stdout
        pids = [int(pid) for pid in said.split()]
        for pid in pids:
            _kill(pid)
        return len(pids)

    def _pids(self) -> tuple[str, ...]:
        ip, _netns, _exec, namespace = self.place.inside()
        return (ip, "netns", "pids", namespace)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
