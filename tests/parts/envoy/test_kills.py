"""kill -9 of a vault in Envoy, once in every phase of a flush; then every promise is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.e2e.deadly import ALL_PHASES
from tests.e2e.kills.lives import planned
from tests.e2e.kills.trial import ENVOY_ON_SQLITE, run_trial

CLIENTS: Final = 8


async def test_kills_break_no_promise(
    tmp_path: Path, kill_seed: int, record_property: Callable[[str, object], None]
) -> None:
    plan = planned(kill_seed, each=1)
    trial = await run_trial(ENVOY_ON_SQLITE, str(kill_seed), tmp_path, plan, CLIENTS)
    record_property("said", f"kill -9 on Envoy, seed {kill_seed}: {trial}")
    assert not trial.found, "\n".join(map(str, trial.found[:20]))
    assert set(trial.lives.kills) == set(ALL_PHASES)
    assert trial.history.acknowledged() > 200
