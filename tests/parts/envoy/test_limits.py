"""What is too long, from an honest client: it is told so, and the server stays as it was."""

from __future__ import annotations

from typing import Any, Final

import grpc
import pytest
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from tests.parts.envoy.running import DEADLINE_S, memory_mib, refusal_of, stored
from tools.running.site import Site

MOST_MIB: Final = 96


async def test_a_long_message_of_a_real_client_is_told(site: Site, token: str) -> None:
    before = memory_mib(site.vault.pid)
    credentials = _credentials(site)
    options = (("grpc.max_send_message_length", -1),)
    async with grpc.aio.secure_channel(site.vault_address, credentials, options) as channel:
        call: Any = channel.unary_unary("/cardvault.vault.v1.VaultService/GetCard", bytes, bytes)
        for _ in range(2):
            code = await refusal_of(call(bytes(100 << 20), timeout=60))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert memory_mib(site.vault.pid) - before < MOST_MIB
    async with site.channel("app") as channel:
        stub: Any = VaultServiceStub(channel)
        await stub.GetCard(pb.GetCardRequest(token=token), timeout=DEADLINE_S)


def _credentials(site: Site) -> grpc.ChannelCredentials:
    files = site.tls("app")
    return grpc.ssl_channel_credentials(
        files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
    )


@pytest.mark.parametrize(
    ("size", "codes"),
    [
        (6_000, {grpc.StatusCode.OK}),
        (9_000, {grpc.StatusCode.RESOURCE_EXHAUSTED}),
        (40_000, {grpc.StatusCode.RESOURCE_EXHAUSTED}),
        (
            70 << 10,  # cut off by Envoy: how that looks to a client is HTTP/2's
            {
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                grpc.StatusCode.INTERNAL,
                grpc.StatusCode.UNAVAILABLE,
            },
        ),
    ],
    ids=["fits", "over", "far over", "absurd"],
)
async def test_metadata_is_bounded(site: Site, size: int, codes: set[grpc.StatusCode]) -> None:
    async with site.channel("app") as channel:
        metadata = (("x-note", "n" * size),)
        assert await refusal_of(stored(channel, 3, metadata)) in codes
        await stored(channel, 3)  # the connection, or a new one, goes on
