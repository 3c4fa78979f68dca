"""A disk that is full, and one that fails, under a whole vault."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import apsw
import grpc
import pytest
from cardvault.vault.v1 import reveal_service_pb2 as reveal
from cardvault.vault.v1 import vault_service_pb2 as api

from tests.doubles.vault_files import FileEvent, WatchedFiles
from tests.doubles.vault_site import Client, VaultSite, new_pan, request_id, vault_site
from vault.usecases.ports import StoreBroken
from vault.wiring import Seams


def _tokenize() -> api.TokenizeRequest:
    return api.TokenizeRequest(request_id=request_id(), card={"number": new_pan()})


def _full(event: FileEvent) -> Exception | None:
    return apsw.FullError("full") if event == FileEvent("write", "wal") else None


async def _refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_full_disk_refuses_writes_and_reveals_and_recovers_by_itself(
    tmp_path: Path,
) -> None:
    files = WatchedFiles()
    async with vault_site(tmp_path, seams=Seams(vfs=files.name)) as site:
        app, psp = await site.client("app"), await site.client("psp")
        card = (await app.vault.Tokenize(_tokenize())).card
        look = reveal.DetokenizeRequest(token=card.token, purpose="payment")
        files.fault = _full
        for call in (app.vault.Tokenize(_tokenize(), timeout=5), psp.reveal.Detokenize(look)):
            error = await _refused(call)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        masked = await app.vault.GetCard(api.GetCardRequest(token=card.token))
        assert masked.card == card
        files.fault = lambda _event: None
        assert (await app.vault.Tokenize(_tokenize())).created
        assert (await psp.reveal.Detokenize(look)).masked.token == card.token


@pytest.mark.parametrize("what", ["write", "sync"])
async def test_an_io_error_stops_the_vault_and_nothing_is_tried_again(
    tmp_path: Path, what: str
) -> None:
    files = WatchedFiles()
    attempts = 0

    def fault(event: FileEvent) -> Exception | None:
        nonlocal attempts
        if event == FileEvent(what, "wal"):
            attempts += 1
            return apsw.IOError("gone")
        return None

    async def until_it_stops(site: VaultSite, app: Client) -> None:
        files.fault = fault
        error = await _refused(app.vault.Tokenize(_tokenize(), timeout=5))
        assert error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        await asyncio.sleep(10)

    with pytest.raises(BaseExceptionGroup) as caught:
        async with vault_site(tmp_path, seams=Seams(vfs=files.name)) as site:
            await until_it_stops(site, await site.client("app"))
    assert caught.group_contains(StoreBroken)
    assert attempts == 1
