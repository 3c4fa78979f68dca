"""kill -9 of a vault in Envoy, once in every phase of a flush; then every promise is checked."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

from tests.e2e.deadly import ALL_PHASES
from tests.e2e.kills.checker import violations
from tests.e2e.kills.evidence import add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.lives import planned
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.parts.envoy.running import OPS, envoy_site
from tools.running.process import ProcessFailed
from tools.running.site import Site

CLIENTS: Final = 8


def _plan(seed: int) -> list[tuple[str, int]]:
    """Return each phase once, when the seed says."""
    return list(dict(planned(seed)).items())


async def _killed(site: Site, place: int, phase: str, times: int) -> None:
    """Let a vault live until it kills itself in this phase."""
    limit = ("--die", f"{phase}:{times}")
    vault = site.process(f"killable-{place}", "-m", "tests.parts.envoy.killable", *limit)
    vault.start()
    try:
        await vault.ready(site.addresses[OPS], within=60)
    except ProcessFailed:
        if vault.running:  # the clients are waiting: it may die before anyone sees it ready
            raise
    assert await vault.ended(60) == -signal.SIGKILL


async def test_kills_break_no_promise(
    kill_seed: int, record_property: Callable[[str, object], None]
) -> None:
    history = History()
    with envoy_site() as site:
        async with Stubs.to(site) as stubs:
            async with load([stubs], history, kill_seed, CLIENTS):
                plan = _plan(kill_seed)
                assert {phase for phase, _times in plan} == set(ALL_PHASES)
                for place, (phase, times) in enumerate(plan):
                    await _killed(site, place, phase, times)
                await site.start_vault(within=60)
            evidence = await survey(stubs, history)
        assert await site.vault.stop() == 0
        add_files(evidence, site.data / "vault.db", site.data / "events.jsonl")
        found = violations(history, evidence)
    record_property(
        "said",
        f"kill -9 on Envoy, seed {kill_seed}: {len(plan)} kills, {history.acknowledged()} calls"
        f" answered, {history.in_doubt()} in doubt for good, {len(found)} violations",
    )
    assert not found, "\n".join(map(str, found[:20]))
    assert history.acknowledged() > 200
