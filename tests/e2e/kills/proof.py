"""kill -9 at volume: on SQLite and PostgreSQL, through grpcio and Envoy; every promise is checked.

Trials of some fifty kills, one after the other, so that a restart is as quick as the machine lets
it be; `trial.py` is one of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Final

from tests.e2e.kills.lives import planned
from tests.e2e.kills.trial import GROUNDS, Ground, Trial, run_trial
from tests.parts.servers.postgres import PostgresServer, postgres_server
from tests.proof.ended import ended_by
from tests.proof.parts import Say
from tests.proof.report import Row, with_shortfall

KILLS_A_TRIAL: Final = 48
CALLS_A_KILL: Final = 500
"""Calls that have to be acknowledged for each kill that was asked for, on all grounds together."""
CLIENTS: Final = 16
_FLUSHES: Final = (3, 180)  # long enough lives for some 500 answers each
_RESTART_S: Final = 3.0


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Kill `volume` vaults, a quarter of them on each ground; more until there were enough calls.

    For a machine on which lives are short of calls: half as many kills again, at most.
    """
    rounds = max(1, ceil(volume / KILLS_A_TRIAL / len(GROUNDS)))
    trials: list[Trial] = []
    with postgres_server() as postgres:
        for turn in range(rounds + ceil(rounds / 2)):
            if turn >= rounds and _acknowledged(trials) >= CALLS_A_KILL * volume:
                break
            for ground in GROUNDS:
                trial = _one(ground, f"{seed}/{ground.name}/{turn}", scratch, postgres, say)
                say(f"{ground.name} {turn + 1}/{rounds}: {trial}")
                trials.append(trial)
                if trial.broken:
                    return rows_of(trials, volume)
    return rows_of(trials, volume)


def _one(ground: Ground, seed: str, scratch: Path, postgres: PostgresServer, say: Say) -> Trial:
    """Run a trial; one that does not come to its end does not take along what the others found."""
    place = scratch / seed.replace("/", "-").replace(" ", "-").replace(",", "")
    plan = planned(seed, ground.phases, KILLS_A_TRIAL, _FLUSHES)[:KILLS_A_TRIAL]

    async def trial() -> Trial:
        place.mkdir()
        database = await postgres.database() if ground.postgres else ""
        return await run_trial(ground, seed, place, plan, CLIENTS, database)

    try:
        return asyncio.run(trial())
    except Exception as error:  # noqa: BLE001 - a vault that does not come back is a finding, too
        ended = ended_by(error)
        say(ended.trace)
        return Trial(ground, seed, ended=ended.said)


def _acknowledged(trials: Sequence[Trial]) -> int:
    return sum(trial.history.acknowledged() for trial in trials)


def rows_of(trials: Sequence[Trial], volume: int) -> list[Row]:
    """Return a row for each ground, and that of all: `volume` kills and 500 calls for each."""
    by_ground = {
        ground: [trial for trial in trials if trial.ground is ground] for ground in GROUNDS
    }
    rows = [_row(ground, of) for ground, of in by_ground.items() if of]
    found = [each for row in rows for each in row.violations]
    kills = sum(row.counts["kills"] for row in rows)
    if found:
        return rows
    calls = (_acknowledged(trials), CALLS_A_KILL * volume, "acknowledged calls on all grounds")
    short = with_shortfall((), (kills, volume, "kills on all grounds"), calls)
    return [*rows[:-1], replace(rows[-1], violations=short)]


def _row(ground: Ground, trials: Sequence[Trial]) -> Row:
    kills: Counter[str] = sum((trial.lives.kills for trial in trials), Counter())
    unseen = sum(len(trial.lives.unseen) for trial in trials)
    starts = sorted(took for trial in trials for took in trial.lives.starts)
    p50, p99 = (starts[ceil(at * len(starts)) - 1] if starts else 0.0 for at in (0.5, 0.99))
    broken = [f"seed {trial.seed}: {each}" for trial in trials for each in trial.broken]
    if p99 > _RESTART_S:
        broken.append(f"restart to serving took {p99:.2f} s at p99")
    spread = ", ".join(f"{count} {phase}" for phase, count in sorted(kills.items()))
    return Row(
        fault=f"kill -9 of the vault, {ground.name}",
        done=f"under {CLIENTS} clients; the vault killed itself in a phase of a flush: {spread}",
        counts={
            "kills": kills.total(),
            "acknowledged calls": _acknowledged(trials),
            "in doubt for good": sum(trial.history.in_doubt() for trial in trials),
        },
        holds="nothing acknowledged is lost or done twice, nothing is revealed unrecorded, events"
        " are whole and in order, the audit verifies; restart to serving p99 ≤ 3 s",
        found=f"restart to serving p50 {p50:.2f} s, p99 {p99:.2f} s;"
        f" {unseen} of {len(starts)} were dead before they were seen to serve, and count until"
        " their death",
        violations=with_shortfall(broken),
    )
