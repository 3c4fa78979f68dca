"""kill -9 of a vault in Envoy, once in every phase of a flush; then every promise is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.e2e.deadly import ALL_PHASES
from tests.e2e.kills.checker import violations
from tests.e2e.kills.evidence import add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.lives import Lives, planned
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.parts.envoy.running import envoy_site, killable_envoy

CLIENTS: Final = 8


async def test_kills_break_no_promise(
    kill_seed: int, record_property: Callable[[str, object], None]
) -> None:
    history, lives = History(), Lives(killable=killable_envoy)
    with envoy_site() as site:
        async with Stubs.to(site) as stubs:
            async with load([stubs], history, kill_seed, CLIENTS):
                await lives.live_through(site, planned(kill_seed, each=1))
                await site.start_vault(within=60)
            evidence = await survey(stubs, history)
        assert await site.vault.stop() == 0
        add_files(evidence, site.data / "vault.db", site.data / "events.jsonl")
        found = violations(history, evidence)
    record_property(
        "said",
        f"kill -9 on Envoy, seed {kill_seed}: {lives}, {history.acknowledged()} calls"
        f" answered, {history.in_doubt()} in doubt for good, {len(found)} violations",
    )
    assert not found, "\n".join(map(str, found[:20]))
    assert set(lives.kills) == set(ALL_PHASES)
    assert history.acknowledged() > 200
