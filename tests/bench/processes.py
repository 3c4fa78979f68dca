"""The runner's side of the measured server and of the load generators: started, used, ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from tests.bench.phases import Phase
from tests.bench.proc import Cpu, read_cpu
from tests.bench.stores import BenchStore

MOST_SECONDS: Final = 1_800.0
"""A server that is still there by then stops by itself."""
_START_S: Final = 60.0
_STOP_S: Final = 40.0
_QUIET_STEP_S: Final = 0.15
_QUIET_SHARE: Final = 0.08
_QUIET_S: Final = 15.0


class BenchFailed(Exception):
    """The bench itself did not work; there is no result."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    ops_port: int
    threads: dict[str, int]
    store: BenchStore
    profile: Path  # where it writes one: see `sampling.py`

    def cpu(self) -> Cpu:
        """Return the CPU time used so far."""
        return read_cpu(self.process.pid, self.threads)

    def settle(self) -> None:
        """Wait until what calls have left behind (events, checkpoints) is done, bounded."""
        until = time.monotonic() + _QUIET_S
        before = self.cpu().process
        while time.monotonic() < until:
            time.sleep(_QUIET_STEP_S)
            now = self.cpu().process
            if now - before < _QUIET_SHARE * _QUIET_STEP_S:
                return
            before = now

    def counter(self, name: str) -> float:
        """Return one counter from the server's metrics. Raises BenchFailed without it."""
        address = f"http://127.0.0.1:{self.ops_port}/metrics"
        with urlopen(address, timeout=5) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise BenchFailed(f"no metric {name}")


@contextmanager
def running_server(
    directory: Path,
    store: BenchStore,
    name: str = "server",
    *,
    events: bool = True,
    more: Sequence[str] = (),
) -> Iterator[Server]:
    """Serve a store until the block is left; then drain, and close the store in order.

    `name` tells several servers of one directory apart; the events file is for one alone. `more`
    are further arguments of `tests.bench.server`.

    Raises BenchFailed where the server does not come up or does not stop cleanly.
    """
    ready, profile = directory / f"{name}.ready.json", directory / f"{name}.profile.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.server", "--dir", str(directory)]
    command += ["--database-url", store.url, "--most-seconds", str(MOST_SECONDS)]
    command += [
        "--transport",
        store.transport,
        "--name",
        name,
        *([] if events else ["--no-events"]),
        *more,
    ]
    with (directory / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _START_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise BenchFailed(f"the server did not start: see {directory / 'server.log'}")
            time.sleep(0.02)
        told = json.loads(ready.read_text())
        threads = _of_interest(told["threads"])
        yield Server(process, told["port"], told["ops_port"], threads, store, profile)
        process.send_signal(signal.SIGTERM)
        if process.wait(_STOP_S):
            raise BenchFailed(f"the server failed: see {directory / 'server.log'}")
    finally:
        _end(process)


def _of_interest(threads: dict[str, int]) -> dict[str, int]:
    """Pick the event loop's thread and the one that writes the database."""
    wanted = {"MainThread": "loop", "cardvault-writer": "writer"}
    return {wanted[name]: thread for name, thread in threads.items() if name in wanted}


class Generator:
    """A load generator process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def tell(self, do: str, **values: Any) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return the answer to the last command. Raises BenchFailed if the process is gone."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed("a load generator ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running_generators(server: Server, directory: Path, count: int) -> Iterator[list[Generator]]:
    """Start generators against a server; they end with the block."""
    command = [sys.executable, "-m", "tests.bench.generator"]
    command += ["--target", f"127.0.0.1:{server.port}", "--pki", str(directory / "pki")]
    command += ["--tokens", str(directory / "tokens.txt")]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            pipe = subprocess.PIPE
            processes.append(subprocess.Popen(command, stdin=pipe, stdout=pipe))
        yield [Generator(process) for process in processes]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(_STOP_S)
    finally:
        for process in processes:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that a child of ours is gone, and its pipes are closed."""
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            pipe.close()


@dataclass(frozen=True, slots=True)
class Load:
    """What one phase came to, over all generators. Seconds; latencies in no order.

    `cpu` is the server's, `database_cpu` that of the store's own processes, if it has any.
    """

    calls: int
    elapsed: float
    cpu: Cpu
    database_cpu: float
    flushes: float
    entries: float
    generator_shares: list[float]
    failed: Counter[str]
    latencies: list[float]
    lateness: list[float]


def fill(server: Server, directory: Path, phase: Phase) -> None:
    """Store the cards that reveals will draw from, and keep their tokens. Raises BenchFailed."""
    with running_generators(server, directory, 1) as generators:
        load = loaded(server, generators, [phase], keep=True)
    if load.failed or load.calls != phase.most_calls:
        raise BenchFailed("the cards to reveal could not be stored")


def loaded(
    server: Server, generators: list[Generator], shares: list[Phase], *, keep: bool = False
) -> Load:
    """Run one phase on as many generators as it has shares, all at once.

    The server's CPU time is read until it is quiet again: what a call leaves behind counts too.
    `keep` has the tokens of the replies written to the tokens file.
    """
    at_work = generators[: len(shares)]
    for generator, share in zip(at_work, shares, strict=True):
        generator.tell("prepare", **asdict(share))
    for generator in at_work:
        generator.answer()
    server.settle()
    flushed = (server.counter(_FLUSHES), server.counter(_ENTRIES))
    before, database = server.cpu(), server.store.cpu_seconds()
    for generator in at_work:
        generator.tell("go")
    done = [generator.answer() for generator in at_work]
    server.settle()
    used, database = server.cpu().since(before), server.store.cpu_seconds() - database
    flushes, entries = server.counter(_FLUSHES) - flushed[0], server.counter(_ENTRIES) - flushed[1]
    for generator in at_work:
        generator.tell("check", keep=keep)
    checked = [generator.answer() for generator in at_work]
    return Load(
        calls=sum(each["calls"] for each in done),
        elapsed=max(each["elapsed"] for each in done),
        cpu=used,
        database_cpu=database,
        flushes=flushes,
        entries=entries,
        generator_shares=[each["cpu"] / each["elapsed"] for each in done],
        failed=_failed(done, checked),
        latencies=[one for each in checked for one in each["latencies"]],
        lateness=[one for each in checked for one in each["lateness"]],
    )


def _failed(done: list[dict[str, Any]], checked: list[dict[str, Any]]) -> Counter[str]:
    """Count calls by the status they failed with, and replies that weren't what was asked for."""
    failed = Counter[str]()
    for each in done:
        failed.update(each["failures"])
    failed["WRONG REPLY"] = sum(each["wrong"] for each in checked)
    return +failed


_FLUSHES: Final = "cardvault_ledger_flushes_total"
_ENTRIES: Final = "cardvault_ledger_entries_total"
