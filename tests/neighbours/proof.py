"""Redis, the key service and Kafka in trouble: what callers are told, and how soon all is well.

One trial each, side by side, each in a process of its own: faults are mostly waiting.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Final, cast

import structlog

from tests.neighbours.judge import RECOVERY_S
from tests.neighbours.watch import Trial
from tests.proof.ended import Ended, ended_by, result_or_end
from tests.proof.parts import Say
from tests.proof.report import Row, with_shortfall
from tools.running.guardian import end_with

_SAY_S: Final = 60.0
_UNEXPECTED: Final = "unexpected error"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Name a neighbour, the module with its `run_trial`, and what must hold."""

    name: str
    module: str
    holds: str


NEIGHBOURS: Final = (
    Neighbour(
        "Redis",
        "tests.neighbours.redis",
        "masked reads, reveals, tokenizations and updates succeed, all of them; with security codes"
        " the right one, UNAVAILABLE with RetryInfo, or what is documented for one that was lost;"
        " no forged or older entry shows; no code is given twice",
    ),
    Neighbour(
        "the key service",
        "tests.neighbours.kms",
        "who has keys of less than an hour notices nothing; who has none is told UNAVAILABLE with"
        " RetryInfo; masked reads always succeed; at most 1.2 calls arrive for each to be made",
    ),
    Neighbour(
        "Kafka",
        "tests.neighbours.kafka",
        "no call fails; every committed change's event is delivered, in order per token, none is"
        " made up; what waited is gone in time, 1 s for 2,000 events added",
    ),
)


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Do `volume` faults of each neighbour."""
    trials = run_trials(seed, volume, scratch, say)
    return [row_of(each, trials[each.name], volume) for each in NEIGHBOURS]


def run_trials(seed: int, volume: int, scratch: Path, say: Say) -> dict[str, Trial]:
    """Run all trials and wait for them; return each by its neighbour's name.

    One that does not come to its end takes no other along; that it didn't is what it found.
    """
    # Not forked: this process may have threads and an event loop.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        len(NEIGHBOURS), mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        running: dict[str, Future[Trial | Ended]] = {}
        for number, each in enumerate(NEIGHBOURS):
            place = scratch / str(number)
            place.mkdir(parents=True)
            running[each.name] = pool.submit(_one, each, f"{seed}/{number}", volume, place)
        _tell(running, scratch, say)
        came = {name: result_or_end(future) for name, future in running.items()}
    for name, trial in came.items():
        if isinstance(trial, Ended):
            say(f"{name}: {trial.trace}")
    return {
        name: trial if isinstance(trial, Trial) else Trial(f"{seed}", found=[trial.said])
        for name, trial in came.items()
    }


def _tell(running: Mapping[str, Future[Trial | Ended]], scratch: Path, say: Say) -> None:
    """Say about once a minute how far each is, until all are done."""
    left = set(running.values())
    while left:
        _done, left = wait(left, _SAY_S, FIRST_COMPLETED)
        files = [scratch / str(number) / "progress" for number in range(len(running))]
        pairs = zip(running, files, strict=True)
        say("; ".join(f"{name}: {file.read_text()}" for name, file in pairs if file.exists()))


def _one(neighbour: Neighbour, seed: str, volume: int, place: Path) -> Trial | Ended:
    """Run one neighbour's trial, in a process of its own."""
    try:
        return _run(neighbour, seed, volume, place)
    except Exception as error:  # noqa: BLE001 - told here: not every exception can be sent
        return ended_by(error)


def _run(neighbour: Neighbour, seed: str, volume: int, place: Path) -> Trial:
    progress, began = place / "progress", time.monotonic()

    def tell(text: str) -> None:
        progress.write_text(f"{text} in {time.monotonic() - began:.0f} s")

    run_trial = import_module(neighbour.module).run_trial
    with (place / "log").open("w") as log:  # of a vault in this process
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
        trial = cast("Trial", run_trial(seed, volume, place, tell))
    logs = [place / "log", *place.glob("logs/vault-*.log")]
    if any(_UNEXPECTED in each.read_text() for each in logs):
        trial.found.append("the vault's log tells of an unexpected error")
    return trial


def row_of(neighbour: Neighbour, trial: Trial, volume: int) -> Row:
    """Return what the page says of `volume` of a neighbour's faults."""
    times = [took for each in trial.recoveries.values() for took in each]
    kinds = Counter({name: len(took) for name, took in trial.recoveries.items()})
    refused: Counter[str] = Counter()
    for what, count in trial.said.items():
        refused[what.rpartition(": ")[2]] += count
    spread = ", ".join(f"{count} {name}" for name, count in refused.most_common())
    found = [
        f"healed to all well p50 {median(times or [0.0]):.1f} s, max {max(times, default=0):.1f} s",
        f"refused meanwhile: {spread or 'nothing'}",
        *trial.measured,
    ]
    return Row(
        fault=f"{neighbour.name} in trouble",
        done="under callers without pause: "
        + "; ".join(f"{count} of: {name}" for name, count in sorted(kinds.items())),
        counts={"faults": trial.faults, "calls answered": trial.answered, **trial.counts},
        holds=f"{neighbour.holds}; {RECOVERY_S:.0f} s after it is back all works",
        found="; ".join(found),
        violations=with_shortfall(
            [f"seed {trial.seed}: {each}" for each in trial.found],
            (trial.faults, volume, "faults"),
        ),
    )
