"""CPU time from /proc, read from texts with every trap proc(5) has."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tests.bench.machine import cpu_model
from tests.bench.proc import Cpu, cpu_seconds, read_cpu

REST = "S 1 2 2 0 -1 4194560 10 0 0 0 {utime} {stime} 5 6 20 0 3 0 100 1 1"


@pytest.mark.parametrize("name", ["python", "a b", "a) R 9 (b", ")", "((("])
def test_the_command_may_be_named_anything(name: str) -> None:
    text = f"42 ({name}) " + REST.format(utime=250, stime=50)
    assert cpu_seconds(text, ticks=100) == 3.0


@pytest.mark.parametrize("text", ["", "42 (python", "42 (python) S 1 2", "no numbers at all"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="stat"):
        cpu_seconds(text)


def test_this_process_is_seen_to_work() -> None:
    threads = {"me": threading.get_native_id()}
    before = read_cpu(os.getpid(), threads)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    used = read_cpu(os.getpid(), threads).since(before)
    # Other threads may add to the process; the clock has steps of 10 ms.
    assert 0.15 <= used.threads["me"] <= used.process + 0.05


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises(OSError, match="stat"):
        read_cpu(2**30, {})


def test_since_subtracts_process_and_threads() -> None:
    assert Cpu(5.0, {"loop": 3.0}).since(Cpu(2.0, {"loop": 1.0})) == Cpu(3.0, {"loop": 2.0})


def test_the_cpu_is_named() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU: fast\n") == "Some CPU: fast"
    assert cpu_model("processor\t: 0\n") == "unknown"
