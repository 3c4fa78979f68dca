"""What a run has started ends with it, however the run ends: children, orphans, stopped ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WITHIN_S = 30.0
RUN = """
import json, os, signal, subprocess, sys, time
from tools.running.guardian import mind

def child(code, session=True):
    process = subprocess.Popen(
        [sys.executable, "-c", "import os, signal, subprocess, time\\n" + code],
        stdout=subprocess.PIPE, start_new_session=session,
    )
    return process, process.stdout.readline().strip().decode()

SAY = "print(os.getpid(), flush=True)\\n"
GRANDCHILD = "print(subprocess.Popen(['sleep', '600'], start_new_session=%s).pid, flush=True)\\n"
SLEEP = "time.sleep(600)"
minded, told = {}, {}
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
minded["deaf"], told["deaf"] = child(DEAF + SAY + SLEEP)
minded["stopped"], told["stopped"] = child(SAY + SLEEP, session=False)
minded["parent"], told["grandchild"] = child(GRANDCHILD % True + SLEEP)
told["parent"] = minded["parent"].pid
minded["gone"], told["orphan"] = child(GRANDCHILD % False + "time.sleep(1)")
WORKER = "from tools.running.guardian import end_with; end_with(os.getppid())\\n"
_worker, told["worker"] = child(WORKER + SAY + SLEEP)
_free, told["free"] = child(SAY + SLEEP)
for process in minded.values():
    mind(process.pid)
minded["gone"].wait()
minded["stopped"].send_signal(signal.SIGSTOP)
if os.fork() == 0:  # holds the guardian's pipe open
    os.setsid()
    told["free, too"] = os.getpid()
    print(json.dumps({name: int(pid) for name, pid in told.items()}), flush=True)
    time.sleep(600)
    os._exit(0)
sys.stdin.readline()
"""
FREE = ("free", "free, too")


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """Start a run; yield it with the ids of what it has started, which are gone at the end."""
    command = [sys.executable, "-c", RUN]
    pids: dict[str, int] = {}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            assert run.stdout is not None
            pids = json.loads(run.stdout.readline())
            yield run, pids
        finally:
            run.kill()
            for pid in pids.values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def living(pids: dict[str, int]) -> set[str]:
    """Return the names of those that run, zombies aside: nobody may be there to wait for them."""
    found = set()
    for name, pid in pids.items():
        with suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX":
                found.add(name)
    return found


def left(pids: dict[str, int]) -> set[str]:
    """Wait until only what nobody minds is left; return what is."""
    until = time.monotonic() + WITHIN_S
    while (found := living(pids)) != set(FREE) and time.monotonic() < until:
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_leaves_nothing(how: signal.Signals) -> None:
    with running() as (run, pids):
        assert living(pids) == set(pids)
        run.send_signal(how)
        assert run.wait(WITHIN_S) == -how
        assert left(pids) == set(FREE)


def test_a_run_that_forgets_something_leaves_nothing_either() -> None:
    with running() as (run, pids):
        assert run.stdin is not None
        run.stdin.write("end\n")
        run.stdin.flush()
        assert run.wait(2 * WITHIN_S) == 0
        assert left(pids) == set(FREE)


def test_a_kill_of_the_whole_group_does_not_reach_the_guardian() -> None:
    with running() as (run, pids):
        os.killpg(run.pid, signal.SIGKILL)
        assert left(pids) == set(FREE)
