"""A connection that breaks while it is made costs its callers a moment, not a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from cardvault import channel_options, service_config
from cardvault.vault.v1.vault_service_pb2 import GetCardRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from tests.contract.client.moody import Moody, serving

TOKEN = "tok_1"


@asynccontextmanager
async def resetting(port: int, first: int) -> AsyncIterator[int]:
    """Yield a port that breaks its `first` connections, and passes the others on to `port`."""
    left = first
    links: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        if left:
            left -= 1
            writer.transport.abort()
            return
        there, beyond = await asyncio.open_connection("127.0.0.1", port)
        for source, sink in ((reader, beyond), (there, writer)):
            links.add(asyncio.create_task(_pass_on(source, sink)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for link in links:
        link.cancel()
    await asyncio.gather(*links, return_exceptions=True)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
    finally:
        sink.transport.abort()


async def _asked(options: tuple[tuple[str, str | int], ...], broken: int) -> str:
    stand_in = Moody()
    stand_in.held.set()
    async with (
        serving(stand_in) as port,
        resetting(port, broken) as way,
        grpc.aio.insecure_channel(f"127.0.0.1:{way}", options) as channel,
    ):
        answer = await VaultServiceStub(channel).GetCard(GetCardRequest(token=TOKEN), timeout=10)
        return str(answer.card.token)


@pytest.mark.parametrize("broken", [1, 2])
async def test_connections_that_break_cost_no_call(broken: int) -> None:
    assert await _asked(channel_options(), broken) == TOKEN


async def test_grpcs_own_second_would_cost_it() -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
        await _asked((("grpc.service_config", service_config()),), 2)
