"""kill -9, over and over, in every phase of a flush, under load; then every promise is checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.deadly import ALL_PHASES
from tests.e2e.kills.checker import violations
from tests.e2e.kills.evidence import Evidence, add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.lives import Lives, planned
from tests.e2e.kills.load import load
from tests.e2e.kills.planting import PLANTS
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.e2e.processes import Site

CLIENTS: Final = 16


@pytest.mark.slow
async def test_fifty_kills_break_no_promise(
    tmp_path: Path, kill_seed: int, record_property: Callable[[str, object], None]
) -> None:
    history, lives, began = History(), Lives(), time.perf_counter()
    # Bytecode is kept for the run, as an installation has it: without, each start compiles it all.
    settings = {"PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    async with Site.temporary(tmp_path, settings) as site, Stubs.to(site) as stubs:
        async with load([stubs], history, kill_seed, CLIENTS):
            await lives.live_through(site, planned(kill_seed))
            await lives.start(site, site.vault)
        evidence = await survey(stubs, history)
        listed = evidence.records
        assert await site.vault.stop() == 0
        database, events = site.data / "vault.db", site.data / "events.jsonl"
        add_files(evidence, database, events)
        record_property("said", _summary(history, lives, evidence, kill_seed, began))

        assert sorted(listed) == sorted(evidence.records), "the API's audit is not the file's"
        found = violations(history, evidence)
        assert not found, "\n".join(map(str, found[:20]))
        public = str(site.data / "audit-public.pem")
        verify = ("-m", "vault", "audit", "verify", "--public-key", public, "--database")
        assert b"audit intact" in site.run(*verify, str(database)).stdout

        for plant in PLANTS:  # the checker is not blind: the same run, with one thing gone
            spoilt = plant.into(history, evidence, database, events, tmp_path / "spoilt")
            breaches = {violation.breach for violation in violations(history, spoilt)}
            assert plant.breach in breaches, plant.name
    assert min(lives.kills[phase] for phase in ALL_PHASES) >= 8
    assert lives.kills.total() >= 50
    assert history.acknowledged() > 1_000


def _summary(history: History, lives: Lives, evidence: Evidence, seed: int, began: float) -> str:
    delivered = len(evidence.events) - len({(e.token, e.revision) for e in evidence.events})
    return (
        f"kill -9, seed {seed}: {lives}; {CLIENTS} clients: {history.acknowledged()} calls answered"
        f" ({history.retried()} changes only when retried), {history.in_doubt()} in doubt for"
        f" good; {len(evidence.cards)} cards, {len(evidence.records)} audit records,"
        f" {len(evidence.events)} events ({delivered} delivered twice);"
        f" {time.perf_counter() - began:.0f} s"
    )
