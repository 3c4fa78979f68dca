"""Say where a process's main thread spends its CPU time: a sampler that needs no tool.

A timer that runs with the process's CPU time raises a signal; its handler sees the Python frame
that was at work and gives it the main thread's CPU time since the last sample. Time in C (crypto,
protobuf) counts for the Python function that called it. Python tells of a signal at the next call
of a function, so the event loop's own time, gRPC's and the driver's, all in C, is seen at whatever
a task does first when it goes on: `_AFTER_WAITING` names those places. Shares are of the main
thread; other threads are counted as a whole.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

INTERVAL_S: Final = 0.001
_ROOT: Final = Path(__file__).parents[2]
_DEPTH: Final = 40
_LOOP: Final = "(event loop, gRPC, driver)"
_AFTER_WAITING: Final = frozenset(
    {
        ("chassis/runtime.py", "run"),
        ("chassis/deadlines.py", "Limit.__exit__"),
        ("chassis/grpc_transport.py", "GrpcCall.peer_sans"),
        ("chassis/postgres/sql.py", "Arguments.one"),
        ("vault/usecases/ledger/ledger.py", "GroupCommitLedger.apply"),
        ("vault/usecases/ledger/phases.py", "_NoPhases.reached"),
    }
)


class Sampler:
    """Samples between `start` and `stop`, in the thread that runs signal handlers."""

    def __init__(self) -> None:
        self._by_function: Counter[str] = Counter()
        self._by_area: Counter[str] = Counter()
        self._last = 0.0
        self._process = 0.0
        self._began = 0.0

    def start(self) -> None:
        """Begin, with empty counts."""
        self._by_function.clear()
        self._by_area.clear()
        self._process = time.process_time()
        self._began = self._last = time.thread_time()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def stop(self) -> dict[str, object]:
        """End; return seconds of main thread and process, by area and by function."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        return {
            "main": time.thread_time() - self._began,
            "process": time.process_time() - self._process,
            "areas": dict(self._by_area.most_common()),
            "functions": dict(self._by_function.most_common(60)),
        }

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        weight, self._last = now - self._last, now
        self._by_function[_name(frame)] += weight  # type: ignore[assignment]
        self._by_area[_area(frame)] += weight  # type: ignore[assignment]


def _name(frame: FrameType | None) -> str:
    """Name the function at work; one of a library with ours that called it."""
    said: list[str] = []
    for _ in range(_DEPTH):
        if frame is None:
            break
        code = frame.f_code
        ours = Path(code.co_filename).is_relative_to(_ROOT)
        if ours or not said:
            said.append(f"{_short(code.co_filename)}:{code.co_qualname}")
        if ours:
            break
        frame = frame.f_back
    return " < ".join(said) or "(event loop)"


def _short(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(_ROOT):
        return str(path.relative_to(_ROOT))
    return "/".join(path.parts[-2:])


def _area(frame: FrameType | None) -> str:
    """Name the part of the vault that was at work: the innermost frame of ours."""
    for _ in range(_DEPTH):
        if frame is None:
            break
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT) and "bench" not in path.parts:
            if (_short(str(path)), frame.f_code.co_qualname) in _AFTER_WAITING:
                return _LOOP
            parts = path.relative_to(_ROOT).parts
            deep = 3 if parts[0] == "vault" and parts[1] in {"usecases", "adapters"} else 2
            return "/".join(parts[:deep]).removesuffix(".py")
        frame = frame.f_back
    return _LOOP
