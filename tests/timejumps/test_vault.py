"""A whole vault whose host's clock is set: what it stamped meanwhile stands behind it, too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.card_pb2 import CARD_STATUS_ACTIVE

from chassis import clock as clocks
from tests.doubles.rpc_requests import tokenize
from tests.doubles.vault_site import VaultSite, new_pan, request_id, vault_site
from tests.timejumps.clock import JumpingClock
from tests.timejumps.trial import DAY, JUMPS

_KEPT_S: Final = 0.9 * DAY


async def tokens_again(site: VaultSite, clock: JumpingClock, *, looks: bool) -> list[set[str]]:
    """Store a card at each jump; send all again within a day, when the clock is right.

    Return the tokens given out before and then. `looks`: the sweeper does while the clock is wrong.
    """
    vault: Any = (await site.client("app")).vault
    requests, before = [], []
    for seconds in JUMPS.values():
        clock.jump(seconds)
        requests.append(tokenize(new_pan()))
        before.append((await vault.Tokenize(requests[-1])).card.token)
        if looks:
            await site.running.sweeper.sweep()
        clock.correct()
        await site.running.sweeper.sweep()
    clock.advance(_KEPT_S)
    await site.running.sweeper.sweep()
    again = [(await vault.Tokenize(each)).card.token for each in requests]
    assert len(set(before)) == len(requests)
    return [set(before), set(again)]


@pytest.mark.parametrize("looks", [True, False], ids=["seen by the sweeper", "too short for it"])
async def test_what_was_stored_at_a_wrong_time_is_known_for_a_day(
    tmp_path: Path,
    looks: bool,
) -> None:
    clock = JumpingClock(time.time_ns() // 1_000)
    async with vault_site(tmp_path, clock=clock) as site:
        before, again = await tokens_again(site, clock, looks=looks)
        assert again == before


async def test_a_ledger_that_tells_nobody_what_it_stamps_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def untold(self: Any) -> int:
        return int(self._clock.now_us())

    monkeypatch.setattr(clocks.UnhurriedClock, "host_us", untold)
    clock = JumpingClock(time.time_ns() // 1_000)
    async with vault_site(tmp_path, clock=clock) as site:
        before, again = await tokens_again(site, clock, looks=False)
        assert len(again - before) == 2  # a day and a year back: of an hour back it is in time


async def test_a_vault_that_starts_at_a_wrong_time_erases_nothing_in_its_grace(
    tmp_path: Path,
) -> None:
    clock = JumpingClock(time.time_ns() // 1_000)
    async with vault_site(tmp_path, clock=clock) as site:
        token = (await (await site.client("app")).vault.Tokenize(tokenize(new_pan()))).card.token
        delete = pb.DeleteCardRequest(request_id=request_id(), token=token)
        await (await site.client("app")).vault.DeleteCard(delete)
    clock.jump(JUMPS["a year forward"])
    async with vault_site(tmp_path, clock=clock) as site:
        await site.running.sweeper.sweep()
        clock.correct()
        undelete = pb.UndeleteCardRequest(request_id=request_id(), token=token)
        back = (await (await site.client("app")).vault.UndeleteCard(undelete)).card
    assert back.status == CARD_STATUS_ACTIVE
