"""Failovers at volume, as a part of the proof: what `tests/parts/failover` does and judges."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from tests.parts.failover.trial import CLIENTS
from tests.parts.failover.trials import Trials, run_trials
from tests.proof.parts import Say
from tests.proof.report import Row, with_shortfall


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Meet clusters, three at a time, with `volume` faults."""
    trials = run_trials(scratch, volume, seed, say)
    say(str(trials))
    for each in trials.ended:
        say(each.trace)
    return [row_of(trials, volume)]


def row_of(trials: Trials, volume: int) -> Row:
    """Return what the page says of `volume` faults."""
    lost = [
        took
        for fault, times in trials.first_reveals().items()
        if fault.takes_the_leader
        for took in times
    ]
    met = ", ".join(f"{count} of: {fault}" for fault, count in trials.faults.items())
    return Row(
        fault="PostgreSQL fails over (Patroni, three nodes, a synchronous standby)",
        done=f"under {CLIENTS} clients each, on {len(trials.trials)} clusters: {met}",
        counts={
            "faults": trials.faults.total(),
            "acknowledged calls": trials.acknowledged,
            "records only on an old side, acknowledged to nobody": trials.lost_unacknowledged,
        },
        holds="nothing acknowledged is lost, also not to a side that is cut off; nothing but"
        " UNAVAILABLE with RetryInfo, and deadlines, meanwhile; the vault is never restarted",
        found=f"fault to first reveal where the primary was lost: p50 {median(lost or [0]):.1f} s,"
        f" max {max(lost, default=0):.1f} s",
        violations=with_shortfall(trials.found, (trials.faults.total(), volume, "faults")),
    )
