"""The part "simulation" of the proof: many seeds, the same whenever they are run, and mutants.

`prove` is what CI runs at a small volume and `make proof` at 50,000 seeds, on all cores.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from tests.proof.parts import Say
from tests.proof.report import Row
from tests.seeds.mutants import MUTANTS, Mutant
from tests.seeds.planting import NotPlanted, planted
from tests.seeds.run import Outcome, quiet, run_seed
from tools.running.guardian import end_with

CALLS: Final = 80
"""Calls that clients make in a seed. With their retries, the sweepers', relays' and reapers' turns
and the faults it is some 200 operations on the store."""
SHARE: Final = 50
"""Seeds that a process runs at a time."""
MOST_VIOLATIONS: Final = 20
MUTANT_SEEDS: Final = 400
AGAIN: Final = 100
"""Of so many seeds one is run twice, to compare the traces."""


@dataclass
class Total:
    """What several seeds came to."""

    seeds: int = 0
    replayed: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, came: Outcome) -> None:
        """Count one seed in."""
        self.seeds += 1
        self.seconds += came.seconds
        tally = came.tally
        self.counts.update(
            {
                "calls": tally.calls,
                "calls sent": tally.sent,
                "acknowledged": tally.acknowledged,
                "reveals": tally.reveals,
                "answered by request id": tally.replayed,
                "attempts without an answer": tally.unheard,
                "settled afterwards": tally.resolved,
            }
        )
        for name, count in came.counts.items():
            fault = name.removeprefix("fault ")
            (self.counts if fault == name else self.faults)[fault] += count
        self.violations += [f"seed {came.seed}: {each}" for each in came.violations]

    def join(self, other: Total) -> None:
        """Count others' seeds in."""
        self.seeds += other.seeds
        self.replayed += other.replayed
        self.seconds += other.seconds
        self.counts.update(other.counts)
        self.faults.update(other.faults)
        self.violations += other.violations


class Caught(NamedTuple):
    """The first seed that finds a planted bug, and what it says."""

    mutant: Mutant
    seeds: int
    said: str
    right: bool  # it names a promise that the bug is for


def run_share(first: int, count: int, calls: int) -> Total:
    """Run seeds one after another, up to the first with a violation."""
    quiet()
    total = Total()
    gc.disable()  # a seed's leftovers are many small circles: they go together
    try:
        for seed in range(first, first + count):
            came = run_seed(seed, calls)
            total.add(came)
            if seed % AGAIN == 0:
                total.replayed += 1
                if run_seed(seed, calls).digest != came.digest:
                    total.violations.append(f"seed {seed}: two runs of it differ")
            if total.violations:
                break
    finally:
        gc.enable()
        gc.collect()
    return total


def catch(mutant: Mutant, first: int, most: int, calls: int) -> Caught:
    """Run seeds over a planted bug until one finds it."""
    quiet()
    try:
        with planted(mutant):
            for seed in range(first, first + most):
                came = run_seed(seed, calls, kinds=mutant.faults)
                if came.violations:
                    found = came.violations[0]
                    right = found.promise in mutant.promises
                    return Caught(mutant, seed - first + 1, str(found), right)
    except NotPlanted as error:
        return Caught(mutant, 0, str(error), right=False)
    return Caught(mutant, most, "", right=False)


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Run `volume` seeds from `seed` on, and every mutant; nothing is written to `scratch`."""
    del scratch
    total, caught = Total(), list[Caught]()
    began = told = monotonic()
    context = multiprocessing.get_context("spawn")
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(
        cores, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        hunts = [pool.submit(catch, each, seed, MUTANT_SEEDS, CALLS) for each in MUTANTS]
        shares = [pool.submit(run_share, *share, CALLS) for share in _shares(seed, volume)]
        for share in shares:
            total.join(share.result())
            if monotonic() - told > 60:
                told = monotonic()
                rate = total.seeds / (told - began)
                say(f"{total.seeds:,} of {volume:,} seeds, {rate:.0f} a second")
            if len(total.violations) >= MOST_VIOLATIONS:
                pool.shutdown(wait=False, cancel_futures=True)
                break
        else:
            caught = [hunt.result() for hunt in hunts]
    return [seeds_row(seed, total), mutants_row(caught)]


def _shares(first: int, volume: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + volume, SHARE):
        yield start, min(SHARE, first + volume - start)


def seeds_row(seed: int, total: Total) -> Row:
    """Return what the page says of the seeds."""
    faults = ", ".join(f"{count:,} {kind}" for kind, count in sorted(total.faults.items()))
    return Row(
        fault="Any order of events: ledger, keyring, relay, sweeper and checkpointer in simulation",
        done=(
            "One to three vault processes over one store, one KMS and one bus, all of them doubles,"
            " under a seeded scheduler and a clock of its own, with five clients that retry; "
            f"faults: {faults}. Seeds from {seed} on; `python -m tests.seeds SEED` repeats one."
        ),
        counts={"seeds": total.seeds, **total.counts, "seeds run twice": total.replayed},
        holds=(
            "Every decision is what a plain model decides in the order of commits; nothing"
            " acknowledged is lost, one effect a request id, a call in doubt ends in one answer, no"
            " reveal before its record, chains and checkpoints verify, every event arrives in its"
            " card's order, nothing is purged early or held back, no key outlives its age or a"
            " drop, no retry storm, everything settles; the same seed gives the same bytes."
        ),
        found=f"{total.seconds / 3600:,.0f} hours of the simulated clock",
        violations=tuple(total.violations[:MOST_VIOLATIONS]),
    )


def mutants_row(caught: list[Caught]) -> Row:
    """Return what the page says of the planted bugs."""
    names = "; ".join(f"{each.mutant.name} ({each.seeds})" for each in caught)
    missed = [
        f"the bug {each.mutant.name!r} was not caught as it should be: {each.said or 'not found'}"
        for each in caught
        if not each.right
    ]
    return Row(
        fault="Bugs planted in the code itself",
        done=f"Each changes a few words; in brackets, the seeds until one found it: {names}.",
        counts={"bugs": len(caught), "caught": sum(each.right for each in caught)},
        holds="The simulation finds every one, and names a promise that it breaks.",
        violations=tuple(missed[:MOST_VIOLATIONS]),
    )
