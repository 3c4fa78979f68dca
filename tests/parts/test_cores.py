"""Real processes that hold keys or numbers leave no core file, whatever ends them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Site
from tests.leaks.cores import (
    Dumpable,
    children_of,
    core_limits,
    dumps_are_files,
    python,
    working_directory,
)
from tests.leaks.looking import can_be_looked_into
from tests.parts.envoy.running import OPS, envoy_site, is_envoy
from tests.parts.servers.postgres import PostgresServer
from tests.parts.workers.site import (
    TRANSPORT,
    TRANSPORTS,
    kill,
    shared_site,
    started,
    supervised,
    until_gone,
)
from tools.running.process import is_ready
from tools.running.site import ROOT
from updater.adapters import unsealing_process

_PATIENCE = 60.0
PYTHON = (sys.executable, "-m")
WORKERS = 2
_LIMIT_ALONE = "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0))"


def unsafe(pids: list[int]) -> list[int]:
    """Return those of the processes that may dump core, by their limits or by their flag."""
    return [pid for pid in pids if core_limits(pid) != ["0", "0"] or can_be_looked_into(pid)]


def cores_at(*directories: Path) -> list[str]:
    """Return the core files in directories."""
    return [path.name for each in directories for path in each.glob("core*") if path.is_file()]


@pytest.fixture
def nothing() -> Iterator[int]:
    """A standard input that stays open and says nothing."""
    read, write = os.pipe()
    yield read
    os.close(read)
    os.close(write)


def _until(so: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not so():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def _start(command: tuple[str, ...], directory: Path, stdin: int, site: Site | None) -> Dumpable:
    directory.mkdir(parents=True)
    env = dict(site.env) if site else {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return Dumpable(command, directory, env, stdin)


def test_the_search_for_cores_finds_one(tmp_path: Path, nothing: int) -> None:
    plain = _start(python(""), tmp_path / "plain", nothing, None)
    forbidden = "from chassis.runtime import forbid_core_dumps; assert forbid_core_dumps()"
    safe = _start(python(forbidden), tmp_path / "safe", nothing, None)
    for process in (plain, safe):
        _until(lambda each=process: b"up" in each.said(), "not up")  # type: ignore[misc]
    assert safe.limits() == (0, 0)
    limited = _start(python(_LIMIT_ALONE), tmp_path / "limited", nothing, None)
    _until(lambda: b"up" in limited.said(), "not up")
    looked_into = [can_be_looked_into(each.pid) for each in (plain, limited, safe)]
    assert looked_into == [True, True, False]
    assert limited.crash(signal.SIGABRT).files == ()
    ended, told = plain.crash(signal.SIGABRT), safe.crash(signal.SIGABRT)
    if dumps_are_files():
        assert ended.dumped
        assert len(ended.files) == 1
    assert (told.signal, told.dumped, told.files) == (signal.SIGABRT, False, ())


async def test_services_leave_no_core(tmp_path: Path, nothing: int) -> None:
    async with Site.temporary(tmp_path / "site") as site:
        for name, command, by in (
            ("CARDVAULT_OPS_LISTEN", ("vault", "serve"), signal.SIGSEGV),
            ("CARDVAULT_UPDATER_OPS_LISTEN", ("updater", "serve"), signal.SIGABRT),
        ):
            process = _start((*PYTHON, *command), tmp_path / name, nothing, site)
            until = time.monotonic() + _PATIENCE
            while not await is_ready(site.addresses[name]):
                assert time.monotonic() < until, name
            pids = [process.pid, *children_of(process.pid)]
            assert unsafe(pids) == [], name
            ended = process.crash(by)
            assert (ended.signal, ended.dumped, ended.files) == (by, False, ()), name


@pytest.mark.parametrize(
    "command",
    [("vault", "scan", "--numbers-from", "-", "."), ("updater", "run-once")],
    ids=lambda command: command[1],
)
def test_commands_that_hold_numbers_leave_no_core(
    tmp_path: Path, nothing: int, command: tuple[str, ...]
) -> None:
    """Before they read a byte: the command line itself sees to it, so every command has it."""
    process = _start((*PYTHON, *command), tmp_path / "here", nothing, None)
    _until(lambda: process.limits() == (0, 0), "it may dump core")
    ended = process.crash(signal.SIGSEGV)
    assert (ended.dumped, ended.files) == (False, ())


def test_the_process_that_opens_messages_leaves_no_core(tmp_path: Path, nothing: int) -> None:
    """It limits its own time and memory, and either limit ends it by a signal that dumps core."""
    # It waits for its keys, which come on a descriptor: its standard input, here.
    command = (sys.executable, "-I", "-B", str(unsealing_process.__file__), "0", "signed")
    process = _start(command, tmp_path / "here", nothing, None)
    _until(lambda: process.limits() == (0, 0), "it may dump core")
    _until(lambda: not can_be_looked_into(process.pid), "it can be looked into")
    ended = process.crash(signal.SIGXCPU)
    assert (ended.signal, ended.dumped, ended.files) == (signal.SIGXCPU, False, ())


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_workers_and_their_supervisor_leave_no_core(
    tmp_path: Path, postgres: PostgresServer, transport: str
) -> None:
    async with shared_site(tmp_path, postgres, **{TRANSPORT: transport}) as site:
        supervisor = supervised(site, WORKERS)
        workers = await started(site, supervisor, WORKERS)
        processes = [supervisor.pid, *workers]
        assert [is_envoy(pid) for pid in workers] == [transport == "envoy"] * WORKERS
        assert unsafe(processes) == []
        # Where a core would be put; where they go to a program, the flag alone can tell.
        places = [working_directory(pid) for pid in processes]
        kill(supervisor.pid, signal.SIGABRT)
        kill(workers[0], signal.SIGSEGV)
        kill(workers[1], signal.SIGABRT)
        assert await supervisor.ended() == -signal.SIGABRT
        for pid in workers:
            await until_gone(pid)
        assert cores_at(*places) == []


async def test_envoy_leaves_no_core(tmp_path: Path, nothing: int) -> None:
    with envoy_site() as site:
        process = _start((*PYTHON, "vault", "serve"), tmp_path / "here", nothing, site)
        until = time.monotonic() + _PATIENCE
        while not await is_ready(site.addresses[OPS]):
            assert time.monotonic() < until
        assert is_envoy(process.pid)
        assert unsafe([process.pid, *children_of(process.pid)]) == []
        ended = process.crash(signal.SIGSEGV)
        assert (ended.signal, ended.dumped, ended.files) == (signal.SIGSEGV, False, ())
