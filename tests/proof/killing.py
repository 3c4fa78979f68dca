"""kill -9 at volume: on SQLite and PostgreSQL, through grpcio and Envoy; every promise is checked.

Trials of some fifty kills, one after the other, so that a restart is as quick as the machine lets
it be; `tests/proof/killing_trial.py` is one of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Final

from tests.e2e.kills.lives import planned
from tests.parts.servers.postgres import PostgresServer, postgres_server
from tests.proof.killing_trial import GROUNDS, Ground, Trial, run_trial
from tests.proof.parts import Say
from tests.proof.report import Row

KILLS_A_TRIAL: Final = 48
CLIENTS: Final = 16
_FLUSHES: Final = (3, 180)  # long enough lives for some 500 answers each
_RESTART_S: Final = 3.0
_MOST_VIOLATIONS: Final = 20


def prove(seed: int, volume: int, scratch: Path, say: Say) -> list[Row]:
    """Kill `volume` vaults, a quarter of them on each ground."""
    rounds = max(1, ceil(volume / KILLS_A_TRIAL / len(GROUNDS)))
    trials: list[Trial] = []
    with postgres_server() as postgres:
        for turn in range(rounds):
            for ground in GROUNDS:
                trial = _one(ground, f"{seed}/{ground.name}/{turn}", scratch, postgres)
                say(f"{ground.name} {turn + 1}/{rounds}: {trial}")
                trials.append(trial)
                if trial.found:
                    return _rows(trials)
    return _rows(trials)


def _one(ground: Ground, seed: str, scratch: Path, postgres: PostgresServer) -> Trial:
    place = scratch / seed.replace("/", "-").replace(" ", "-").replace(",", "")
    place.mkdir()
    plan = planned(seed, ground.phases, KILLS_A_TRIAL, _FLUSHES)[:KILLS_A_TRIAL]

    async def trial() -> Trial:
        database = await postgres.database() if ground.postgres else ""
        return await run_trial(ground, seed, place, plan, CLIENTS, database)

    return asyncio.run(trial())


def _rows(trials: Sequence[Trial]) -> list[Row]:
    return [
        _row(ground, [trial for trial in trials if trial.ground is ground])
        for ground in GROUNDS
        if any(trial.ground is ground for trial in trials)
    ]


def _row(ground: Ground, trials: Sequence[Trial]) -> Row:
    kills: Counter[str] = sum((trial.lives.kills for trial in trials), Counter())
    restarts = sorted(took for trial in trials for took in trial.lives.restarts)
    p99 = restarts[ceil(0.99 * len(restarts)) - 1]
    broken = [f"seed {trial.seed}: {each}" for trial in trials for each in trial.found]
    if p99 > _RESTART_S:
        broken.append(f"restart to serving took {p99:.2f} s at p99")
    spread = ", ".join(f"{count} {phase}" for phase, count in sorted(kills.items()))
    return Row(
        fault=f"kill -9 of the vault, {ground.name}",
        done=f"under {CLIENTS} clients; the vault killed itself in a phase of a flush: {spread}",
        counts={
            "kills": kills.total(),
            "acknowledged calls": sum(trial.history.acknowledged() for trial in trials),
            "in doubt for good": sum(trial.history.in_doubt() for trial in trials),
        },
        holds="nothing acknowledged is lost or done twice, nothing is revealed unrecorded, events"
        " are whole and in order, the audit verifies; restart to serving p99 ≤ 3 s",
        found=f"restart to serving p50 {restarts[len(restarts) // 2]:.2f} s, p99 {p99:.2f} s",
        violations=tuple(broken[:_MOST_VIOLATIONS]),
    )
