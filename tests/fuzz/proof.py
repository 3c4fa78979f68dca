"""Fuzzing at volume: every target for its share, two side by side, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from tests.fuzz.harness import Told
from tests.fuzz.registry import CALLS, SHARES
from tests.proof.parts import Say
from tests.proof.report import Row
from tools.running.guardian import mind

SIDE_BY_SIDE: Final = 2
MOST_GROWTH: Final = 0.05
_JUDGED_FROM: Final = 20_000
"""Executions from which on memory is judged: fewer are all warm-up."""
_MOST_VIOLATIONS: Final = 20
_PIECE: Final = 250_000
"""Executions of one process at most: what is dear to run is then shared by both cores."""
_MOST_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Piece:
    """What one process does: a target, so often, by this seed."""

    target: str
    runs: int
    seed: int


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a piece; `told` is None where the process left nothing."""

    piece: Piece
    told: Told | None
    code: int


def planned(seed: int, volume: int, shares: Mapping[str, int] = SHARES) -> list[Piece]:
    """Return the pieces, together at least `volume` executions, the dear ones first."""
    whole = sum(shares.values())
    found = []
    for name, share in sorted(shares.items(), key=lambda each: (each[0] not in CALLS, each[0])):
        runs = ceil(volume * share / whole)
        several = ceil(runs / _PIECE)
        found += [Piece(name, ceil(runs / several), seed + at) for at in range(several)]
    return found


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Feed all targets `volume` inputs together, by coverage."""
    return rows(fed(planned(seed, volume), scratch, say, engine="coverage"))


def fed(pieces: Sequence[Piece], scratch: Path, say: Say, *, engine: str) -> list[Done]:
    """Run the pieces, two at a time; end early where one finds something."""
    found: list[Done] = []
    told = time.monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        work = [
            pool.submit(_one, piece, scratch / f"{at:03}", engine, stop)
            for at, piece in enumerate(pieces)
        ]
        for each in as_completed(work):
            found.append(each.result())
            if any(_breaches(found[-1])):
                stop.set()
            if time.monotonic() - told > 60 or len(found) == len(pieces):
                told = time.monotonic()
                say(f"{len(found)}/{len(pieces)} pieces, {_total(found):,} executions")
    return [done for done in found if done.code != _SKIPPED]


_SKIPPED: Final = -1_000


def _one(piece: Piece, place: Path, engine: str, stop: threading.Event) -> Done:
    if stop.is_set():
        return Done(piece, None, _SKIPPED)
    place.mkdir(parents=True)
    report = place / "told.json"
    command = [sys.executable, "-m", "tests.fuzz", piece.target, "--engine", engine]
    command += ["--runs", str(piece.runs), "--seed", str(piece.seed), "--report", str(report)]
    command += ["--keep", str(place.parent / "found"), "--scratch", str(place)]
    with (place / "log").open("wb") as log:
        # Its log stays in scratch: libFuzzer quotes inputs.
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        mind(process.pid)
        try:
            code = process.wait(_MOST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    return Done(piece, Told.read(report) if report.exists() else None, code)


def _total(found: Sequence[Done]) -> int:
    return sum(done.told.executions for done in found if done.told is not None)


def _breaches(done: Done) -> list[str]:
    """Return what is wrong with a piece, a sentence each."""
    piece, told = done.piece, done.told
    if done.code == _SKIPPED:
        return []
    where = f"{piece.target} (seed {piece.seed})"
    if told is None:
        return [f"{where}: the process ended with {done.code} before it told anything"]
    found = [f"{where}: {each}: {file}" for each, file in told.found.items()]
    if done.code or told.executions < piece.runs:
        found.append(
            f"{where}: the process ended with {done.code} after {told.executions:,} executions"
        )
    if told.executions >= _JUDGED_FROM and told.growth > MOST_GROWTH:
        found.append(f"{where}: memory grew by {told.growth:.1%} after the warm-up")
    return found


def rows(found: Sequence[Done]) -> list[Row]:
    """Return a row for the calls, and one for everything else that is read."""
    calls = [done for done in found if done.piece.target in CALLS]
    readers = [done for done in found if done.piece.target not in CALLS]
    groups = (
        ("calls", "every RPC of both services, through the real guard", calls),
        ("readers", "whatever else reads what others wrote", readers),
    )
    return [_row(name, what, dones) for name, what, dones in groups if dones]


def _row(name: str, what: str, found: Sequence[Done]) -> Row:
    told = [done.told for done in found if done.told is not None]
    executions: dict[str, int] = {}
    for each in told:
        executions[each.name] = executions.get(each.name, 0) + each.executions
    spread = ", ".join(f"{target} {count:,}" for target, count in sorted(executions.items()))
    outcomes = {outcome for each in told for outcome in each.outcomes}
    judged = [each.growth for each in told if each.executions >= _JUDGED_FROM]
    broken = [each for done in found for each in _breaches(done)]
    return Row(
        fault=f"Hostile bytes: {name}",
        done=f"{what}: {spread}; by coverage (atheris), half of the calls changed field by field",
        counts={
            "executions": sum(executions.values()),
            "targets": len(executions),
            "kinds of outcome": len(outcomes),
        },
        holds="every input is taken, or refused as documented: no other exception, no INTERNAL or"
        " UNKNOWN; no digits and no word of it in a status, an error's text, a log or a metric;"
        f" at most a second of a core each; memory grows by less than {MOST_GROWTH:.0%}",
        found=f"memory grew by {max(judged, default=0.0):.1%} at most",
        violations=tuple(broken[:_MOST_VIOLATIONS]),
    )
