"""Several trials side by side, each in a process of its own: failovers are mostly waiting."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.parts.failover.faults import Fault, planned
from tests.parts.failover.trial import CLIENTS, Trial, run_trial
from tests.proof.ended import Ended, ended_by, result_or_end
from tools.running.guardian import end_with

SIDE_BY_SIDE: Final = 3
FAULTS_A_CLUSTER: Final = 20  # at most: one that does not come back costs the proof no more


@dataclass(frozen=True)
class Trials:
    """What came of all of them; `ended` are those that did not come to their end."""

    seed: int
    trials: tuple[Trial, ...]
    ended: tuple[Ended, ...] = ()

    @property
    def found(self) -> list[str]:
        """Return every broken promise, and what ended a trial: a cluster that did not come back."""
        broken = [str(each) for trial in self.trials for each in trial.found]
        return [*(f"a trial was {each.said}" for each in self.ended), *broken]

    @property
    def faults(self) -> Counter[Fault]:
        """Count the faults of each kind."""
        return Counter({fault: len(took) for fault, took in self.first_reveals().items()})

    def first_reveals(self) -> dict[Fault, list[float]]:
        """Return the seconds from each fault to the first reveal behind it."""
        all_of = {
            fault: [took for trial in self.trials for took in trial.first_reveals.get(fault, ())]
            for fault in Fault
        }
        return {fault: took for fault, took in all_of.items() if took}

    @property
    def acknowledged(self) -> int:
        """Count the calls that got an answer."""
        return sum(trial.history.acknowledged() for trial in self.trials)

    @property
    def lost_unacknowledged(self) -> int:
        """Count what was committed on an old side and acknowledged to nobody."""
        return sum(trial.lost_unacknowledged for trial in self.trials)

    def __str__(self) -> str:
        spread = "; ".join(
            f"{fault} ({len(took)}): p50 {median(took):.1f} s, max {max(took):.1f} s"
            for fault, took in self.first_reveals().items()
        )
        lost = [
            took
            for fault, times in self.first_reveals().items()
            if fault.takes_the_leader
            for took in times
        ]
        said: Counter[str] = sum((trial.said for trial in self.trials), Counter())
        return (
            f"failover, seed {self.seed}: {self.faults.total()} faults; kill to first reveal:"
            f" p50 {median(lost or [0]):.1f} s, max {max(lost or [0]):.1f} s where the primary was"
            f" lost; {spread}; {CLIENTS} clients each: {self.acknowledged} calls answered,"
            f" {sum(trial.history.in_doubt() for trial in self.trials)} in doubt for good"
            f" ({', '.join(f'{count} {code}' for code, count in sorted(said.items()))});"
            f" {self.lost_unacknowledged} records only on an old side, acknowledged to nobody;"
            f" {len(self.found)} promises broken;"
            f" {max((trial.seconds for trial in self.trials), default=0):.0f} s"
        )


def run_trials(
    directory: Path, faults: int, seed: int, say: Callable[[str], None] = lambda _text: None
) -> Trials:
    """Deal the faults out, run all trials and wait; one that fails takes no other along."""
    plan = planned(faults, seed)
    clusters = max(SIDE_BY_SIDE, -(-faults // FAULTS_A_CLUSTER))
    hands = [plan[at::clusters] for at in range(clusters)]
    # Not forked: this process may have threads and an event loop.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        SIDE_BY_SIDE, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        running = [
            pool.submit(_one, directory / str(at), hand, f"{seed}/{at}")
            for at, hand in enumerate(hands)
            if hand
        ]
        for done, _each in enumerate(as_completed(running), 1):
            say(f"{done} of {len(running)} clusters have met their faults")
        came = [result_or_end(each) for each in running]
    trials = tuple(each for each in came if isinstance(each, Trial))
    return Trials(seed, trials, tuple(each for each in came if isinstance(each, Ended)))


def _one(directory: Path, plan: Sequence[Fault], seed: str) -> Trial | Ended:
    try:
        directory.mkdir(parents=True)
        return asyncio.run(run_trial(directory, plan, seed))
    except Exception as error:  # noqa: BLE001 - told here: not every exception can be sent
        return ended_by(error)
