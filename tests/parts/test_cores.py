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
    owner_of_memory,
    python,
)
from tools.running.process import is_ready
from tools.running.site import ROOT

_PATIENCE = 60.0
PYTHON = (sys.executable, "-m")


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
    if os.geteuid() != 0:
        assert (owner_of_memory(plain.pid), owner_of_memory(safe.pid)) == (os.geteuid(), 0)
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
            assert [core_limits(pid) for pid in pids] == [["0", "0"]] * len(pids), name
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
