"""What nobody catches, in any command, thread or destructor, is told without its text."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import updater.__main__ as updater_command
import vault.__main__ as vault_command
from chassis.envoy import guest
from chassis.workers import __main__ as supervisor
from tests.leaks.holders import CANARIES, NUMBER
from tools.running.site import IMPORTS

_LIBRARY: Final = """\
import sys
number = sys.argv.pop(1)
def broken(*_args, **_more):
    try:
        raise ValueError(f"bad value: {number}")
    except ValueError as cause:
        raise LookupError(f"the row was ({number})", number) from cause
"""
"""A library that quotes what it was given; the number comes in on the command line."""
_IMPORT: Final = """\
import vault.__main__ as command
from vault.cli import importing
importing.read_rows = broken
command.main()
"""
_ELSEWHERE: Final = """\
import asyncio, logging, threading
from chassis.uncaught import tell_without_text
tell_without_text()
if "log" in sys.argv:
    from chassis.logs import configure_logs
    configure_logs(service="test")

class Dropped:
    def __del__(self):
        broken()

async def unseen():
    async def task():
        broken()
    running = asyncio.create_task(task())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del running

Dropped()
thread = threading.Thread(target=broken)
thread.start()
thread.join()
asyncio.run(unseen())
try:
    broken()
except LookupError:
    logging.getLogger("library").exception("it failed with %s", number)
    logging.getLogger("library").error(f"its own words hold {number}")
broken()
"""


def _run(code: str, *argv: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _LIBRARY + code, NUMBER, *argv],
        cwd=cwd,
        env=IMPORTS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _leaks(text: str) -> bool:
    return CANARIES.found_in(text.encode())


def test_a_command_that_fails_says_where_and_not_with_what(tmp_path: Path) -> None:
    (tmp_path / "cards.csv").write_text(f"number\n{NUMBER}\n")
    status, said = _run(_IMPORT, "import", "--csv", "cards.csv", "--dir", ".", cwd=tmp_path)
    leaked = _leaks(said)
    assert not leaked
    assert status == 1
    assert "stopped by an unexpected error: LookupError from ValueError" in said
    assert "<string>:7 broken" in said


@pytest.mark.parametrize("command", [vault_command, updater_command], ids=["vault", "updater"])
def test_every_command_begins_with_that(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    monkeypatch.setattr(command, "forbid_core_dumps", lambda: True)  # it would hold for us, too
    monkeypatch.setattr(sys, "argv", ["command", "--help"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 0
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook, logging.lastResort)
    modules = {getattr(each, "__module__", "") for each in hooks}
    assert modules == {"chassis.uncaught"}


@pytest.mark.parametrize("module", [supervisor, guest], ids=["supervisor", "Envoy"])
def test_so_do_processes_that_are_no_command(module: ModuleType) -> None:
    """They are started in test-parts; that they call it can be read."""
    source = inspect.getsource(module)
    assert source.count("forbid_core_dumps()\n") == 1
    assert "forbid_core_dumps()\n" + _indented(source) + "tell_without_text()\n" in source


def _indented(source: str) -> str:
    line = next(each for each in source.splitlines() if each.strip() == "forbid_core_dumps()")
    return " " * (len(line) - len(line.lstrip()))


@pytest.mark.parametrize("log", ["log", "no log"])
def test_nor_do_threads_tasks_destructors_and_libraries(tmp_path: Path, log: str) -> None:
    status, said = _run(_ELSEWHERE, log, cwd=tmp_path)
    leaked = _leaks(said)
    assert not leaked
    assert status == 1
    assert said.count("LookupError") == 5
    for each in ("a thread was", "could not be raised", "never retrieved", "failed with %s"):
        assert each in said, each


def test_what_python_would_print_is_found(tmp_path: Path) -> None:
    """It is the hooks alone that keep it in."""
    for each in ("broken()", "import threading; threading.Thread(target=broken).start()"):
        assert _leaks(_run(each, cwd=tmp_path)[1])
