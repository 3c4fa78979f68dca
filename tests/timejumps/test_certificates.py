"""A certificate whose time is not now, as the product's own clients and servers see it.

What a certificate is too late, or too early, by an hour, a day or a year is what it is by a clock
that was set so far; the proof sets such clocks of real processes (`faked*.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from cardvault import client
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub
from cryptography import x509

from chassis.channel import open_channel
from chassis.pki import ensure_pki
from chassis.tls import ServerCertificates, TlsFiles
from tests.doubles.chassis_certs import issue
from updater.adapters.vault_client import VaultClient
from updater.domain.errors import VaultRefused, VaultUnavailable

HERE: Final = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.UniformResourceIdentifier("spiffe://demo/vault"),
)
WHO: Final = (x509.UniformResourceIdentifier("spiffe://demo/updater"),)
AWAY: Final = {
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "a year": timedelta(days=365),
}
LIFE: Final = timedelta(days=400)
TIMES: Final = {
    "right": (-LIFE, LIFE),
    **{f"{name} too late": (-LIFE, -away) for name, away in AWAY.items()},
    **{f"{name} too early": (away, LIFE) for name, away in AWAY.items()},
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a CA, and for each time a certificate of a server and one of a client."""
    directory = tmp_path_factory.mktemp("pki")
    ensure_pki(directory, (), now=datetime.now(UTC))
    for name, (starts, lasts) in TIMES.items():
        issue(directory, f"server {name}", HERE, starts=starts, lasts=lasts)
        issue(directory, f"client {name}", WHO, starts=starts, lasts=lasts)
    return directory


def files(pki: Path, name: str) -> TlsFiles:
    return TlsFiles(pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key")


@asynccontextmanager
async def served(certificate: TlsFiles) -> AsyncIterator[str]:
    """Serve nothing, with the product's own credentials: who gets in is told UNIMPLEMENTED."""
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", ServerCertificates(certificate).credentials())
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def got_in(server: TlsFiles, own: TlsFiles) -> list[bool]:
    """Return for each of the product's clients whether it spoke to a server."""
    async with served(server) as address:
        plain = client.open_channel(address, ca=own.ca, certificate=own.certificate, key=own.key)
        async with open_channel(address, own) as channel, plain:
            return list(
                await asyncio.gather(listed(channel), listed(plain), updated(VaultClient(channel)))
            )


async def listed(channel: grpc.aio.Channel) -> bool:
    vault: Any = VaultServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await vault.ListCards(pb.ListCardsRequest(), timeout=10.0)
    assert error.value.code() in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE}
    return error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def updated(vault: VaultClient) -> bool:
    """Return whether the updater's own adapter reached a vault; else it tries again later."""
    with pytest.raises((VaultRefused, VaultUnavailable)) as error:
        await vault.reveal("demo", ["tok"])
    return isinstance(error.value, VaultRefused)


async def test_no_client_speaks_to_a_server_whose_time_is_not_now(pki: Path) -> None:
    own = files(pki, "client right")
    found = await asyncio.gather(*(got_in(files(pki, f"server {name}"), own) for name in TIMES))
    expected = {name: [name == "right"] * 3 for name in TIMES}
    assert dict(zip(TIMES, found, strict=True)) == expected


async def test_no_server_lets_a_client_in_whose_time_is_not_now(pki: Path) -> None:
    server = files(pki, "server right")
    found = await asyncio.gather(*(got_in(server, files(pki, f"client {name}")) for name in TIMES))
    expected = {name: [name == "right"] * 3 for name in TIMES}
    assert dict(zip(TIMES, found, strict=True)) == expected
