"""The machinery of the end-to-end tests: what it starts, it kills, restarts and takes away."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from cardvault.vault.v1.vault_service_pb2 import GetCardRequest, TokenizeRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.brands import Brand
from cards.testcards import test_pan
from tests.e2e.killable_vault import parse_limits
from tests.e2e.processes import ProcessFailed, Site, killable_vault
from tools.running.process import is_ready

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

OPS = "CARDVAULT_OPS_LISTEN"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _store_until_refused(stub: VaultServiceAsyncStub) -> int:
    for counter in range(1_000):
        try:
            await stub.Tokenize(_request(counter), timeout=5)
        except grpc.aio.AioRpcError:
            return counter
    return 1_000


def _request(counter: int) -> TokenizeRequest:
    request = TokenizeRequest(request_id=str(uuid.uuid4()), customer=f"customer-{counter}")
    request.card.number = test_pan(Brand.VISA, counter)
    return request


async def test_a_killed_vault_comes_back_with_what_it_acknowledged(tmp_path: Path) -> None:
    async with Site.temporary(tmp_path) as site:
        await site.start_vault()
        pid = site.vault.pid
        async with site.channel("app") as channel:
            stored = await VaultServiceStub(channel).Tokenize(_request(1))
            site.vault.kill()
            assert not site.vault.running
            assert not await is_ready(site.addresses[OPS])
            await site.start_vault()
            assert site.vault.pid != pid
            found = await VaultServiceStub(channel).GetCard(
                GetCardRequest(token=stored.card.token), wait_for_ready=True
            )
            assert found.card == stored.card
        assert await site.vault.stop() == 0
        await site.start_vault()
        pid = site.vault.pid
    assert not _alive(pid)


async def test_a_killable_vault_dies_at_its_phase(tmp_path: Path) -> None:
    async with Site.temporary(tmp_path) as site:
        vault = killable_vault(site, {"after_commit": 20})
        vault.start()
        await vault.ready(site.addresses[OPS])
        async with site.channel("app") as channel:
            stored = await _store_until_refused(VaultServiceStub(channel))
        assert await vault.ended() == -signal.SIGKILL
        # The start's own record is the first flush; one flush a call after it.
        assert stored < 20
        await site.start_vault()


async def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    async with Site.temporary(tmp_path, {"CARDVAULT_POLICY": str(tmp_path / "none")}) as site:
        with pytest.raises(ProcessFailed, match="vault ended before it was ready"):
            await site.start_vault()
        with pytest.raises(ProcessFailed, match="ended with 2"):
            site.run("-m", "vault", "no-such-command")


async def test_a_process_is_started_once_and_named_before(tmp_path: Path) -> None:
    async with Site.temporary(tmp_path) as site:
        with pytest.raises(ProcessFailed, match="was not started"):
            _ = site.vault.pid
        assert await site.vault.stop() == 0
        await site.start_vault()
        with pytest.raises(ProcessFailed, match="runs already"):
            site.vault.start()
        with pytest.raises(ProcessFailed, match="still runs"):
            await site.vault.ended(within=0.1)


@pytest.mark.parametrize("text", ["nowhere:1", "after_read", "after_read:0", "after_read:x"])
def test_a_bad_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--die"):
        parse_limits([text])
