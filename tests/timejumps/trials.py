"""Many trials, each with a seed of its own, side by side where there are many."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tests.timejumps.trial import JUMPS, Trial
from tools.running.guardian import end_with

_MOST_FOUND: Final = 20


@dataclass(slots=True)
class Jumped:
    """What came of them."""

    trials: int = 0
    met: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    @property
    def jumps(self) -> int:
        """Count the times that the wall was set wrong."""
        return sum(self.met[name] for name in JUMPS)

    def add(self, other: Jumped) -> None:
        """Take over what came of others."""
        self.trials += other.trials
        self.met += other.met
        self.found += other.found


def run_trials(seed: str, trials: int) -> Jumped:
    """Run trials one after the other, until some broke a promise."""
    jumped = Jumped()
    for number in range(trials):
        trial = Trial(f"{seed}/{number}")
        asyncio.run(trial.run())
        jumped.trials += 1
        jumped.met += trial.met
        for name, count in trial.book.purged.items():
            jumped.met[f"purged {name}"] += count
        jumped.found += [f"seed {seed}/{number}: {each}" for each in trial.found]
        if len(jumped.found) >= _MOST_FOUND:
            break
    return jumped


def run_many(seed: str, trials: int) -> Jumped:
    """Run trials on both cores."""
    context = multiprocessing.get_context("spawn")  # this process may have threads
    with ProcessPoolExecutor(
        2, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        halves = [pool.submit(run_trials, f"{seed}/{half}", trials // 2) for half in range(2)]
        jumped = Jumped()
        for half in halves:
            jumped.add(half.result())
    return jumped
