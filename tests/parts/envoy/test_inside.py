"""What is inside Envoy: what children inherit, what is written down, what a fault shows."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.luhn import luhn_valid
from chassis.channel import open_channel
from chassis.pki import Leaf, ensure_pki
from tests.doubles.chassis_certs import client_files
from tests.doubles.chassis_service import SECRET, SERVICE
from tests.doubles.chassis_wires import make_certificates
from tests.parts.envoy.running import (
    DEADLINE_S,
    Others,
    envoy_site,
    refusal_of,
    shown,
    stored,
    tokenize,
)
from tests.parts.envoy.telling import FAULTS, STATUS, STREAM
from tests.parts.envoy.wire import Wire, context_of
from tools.running.ports import free_ports
from tools.running.process import Process
from tools.running.site import Site


@pytest.fixture
async def telling(tmp_path: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run the guest that tells; it is to be stopped by its test."""
    with envoy_site() as site:
        make_certificates(tmp_path)
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        process = site.process("telling", "-m", "tests.parts.envoy.telling", str(tmp_path), address)
        process.start()
        async with asyncio.timeout(DEADLINE_S):
            while b"serving" not in process.log.read_bytes():
                assert process.running, process.log.read_text()
                await asyncio.sleep(0.05)
        yield process, address
        assert await process.stop() == STATUS


async def test_children_inherit_nothing_of_ours(telling: tuple[Process, str]) -> None:
    process, _address = telling
    said = json.loads(process.log.read_text().splitlines()[0])
    assert "TMPDIR" in said["child"]
    assert not {"LD_PRELOAD", "CARDVAULT_HANDOVER"} & set(said["child"])
    assert said["core"] == [0, 0]
    assert said["dumpable"] == 0
    assert said["directory"] == "0o700"
    assert {"server.json", "clients.json"} <= set(said["files"])


async def test_no_fault_shows_what_it_was_about(
    telling: tuple[Process, str], tmp_path: Path
) -> None:
    process, address = telling
    failed: list[grpc.StatusCode] = []
    told = ""
    async with open_channel(address, client_files(tmp_path, "app")) as channel:
        paths = [*FAULTS, *(f"/{SERVICE}/{name}" for name in ("Crash", "Bare", "Stray", "Nothing"))]
        for path in paths:
            call: Any = channel.unary_unary(path, bytes, bytes)(b"", timeout=DEADLINE_S)
            failed.append(await refusal_of(call))
            told += str(await call.details())
        stream: Any = channel.unary_stream(STREAM, bytes, bytes)(b"", timeout=DEADLINE_S)
        assert await refusal_of(_all(stream)) is grpc.StatusCode.INTERNAL
        told += str(await stream.details())
        # What isn't even protobuf, with the number in it, to each of them.
        for path in paths:
            await refusal_of(channel.unary_unary(path, bytes, bytes)(SECRET.encode(), timeout=20))
    assert set(failed) == {grpc.StatusCode.INTERNAL}
    assert await process.stop() == STATUS
    log = process.log.read_bytes()
    assert log.count(b"unexpected error") >= len(paths)
    leaked = SECRET.encode() in log or SECRET in told
    assert not leaked


async def _all(stream: Any) -> None:
    async for _each in stream:
        pass


@pytest.fixture(scope="module")
def traced() -> Iterator[Site]:
    """Serve with gRPC told to trace all it carries, and Envoy's own tracing variables."""
    with envoy_site(GRPC_TRACE="all", GRPC_VERBOSITY="DEBUG", CARDVAULT_LOG_LEVEL="DEBUG") as site:
        asyncio.run(site.start_vault(within=60))
        yield site


async def test_no_output_holds_a_card_number(traced: Site) -> None:
    async with traced.channel("app") as app, traced.channel("psp") as psp:
        tokens = [await stored(app, number) for number in range(10)]
        for token in tokens:
            await shown(psp, token)
        stub: Any = VaultServiceStub(app)
        number = tokenize(3).card.number
        # In every place where it doesn't belong: refused, and what is refused is not repeated.
        bad: tuple[Any, ...] = (
            stub.GetCard(pb.GetCardRequest(token=number), timeout=DEADLINE_S),
            stub.Tokenize(
                tokenize(3), timeout=DEADLINE_S, metadata=(("cardvault-tenant", number),)
            ),
            stub.Tokenize(tokenize(3), timeout=DEADLINE_S, metadata=(("x-note", number * 900),)),
            app.unary_unary(f"/{number}/{number}", bytes, bytes)(number.encode(), timeout=20),
            app.unary_unary("/cardvault.vault.v1.VaultService/Tokenize", bytes, bytes)(
                number.encode() * 10, timeout=20
            ),
        )
        for call in bad:
            assert await refusal_of(call) is not grpc.StatusCode.OK
    with Wire(traced.vault_address, context_of(traced.tls("app"))).open() as wire:
        wire.flood(number.encode() * 4_000, 1)
        wire.hung_up(5)
    environment, limits = _told_of(traced.vault.pid)
    assert b"LD_PRELOAD" in environment  # it is Envoy's that is looked at
    assert b"GRPC_TRACE" not in environment
    assert b"GRPC_VERBOSITY" not in environment
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert await traced.vault.stop() == 0
    log = traced.vault.log.read_text()
    assert '"serving"' in log
    found = [run for run in re.findall(r"\d{12,19}", log) if luhn_valid(run)]
    leaked = number in log or bool(found)
    assert not leaked


def _told_of(pid: int) -> tuple[bytes, str]:
    process = Path(f"/proc/{pid}")
    return (process / "environ").read_bytes(), (process / "limits").read_text()


def served(site: Site) -> bytes:
    """Return the certificate that a new connection is shown."""
    with Wire(site.vault_address, context_of(site.tls("app"))) as wire:
        return wire.certificate()


async def until_served(site: Site, other_than: bytes, within: float) -> bytes:
    async with asyncio.timeout(within):
        while True:
            found = await asyncio.to_thread(served, site)
            if found != other_than:
                return found
            await asyncio.sleep(0.1)


def renew(pki: Path) -> None:
    (pki / "server.key").unlink()
    ensure_pki(pki, (Leaf("server", server=True),), trust_domain="demo", now=datetime.now(UTC))


def renew_in_place(pki: Path) -> None:
    """Write over the files, as some tools do: Envoy itself sees only what is moved there."""
    old = {name: (pki / name).read_bytes() for name in ("server.key", "server.pem")}
    new = pki.parent / "renewed"
    shutil.copytree(pki, new)
    renew(new)
    for name, before in old.items():
        content = (new / name).read_bytes()
        assert content != before
        (pki / name).write_bytes(content)


async def test_a_renewed_certificate_is_served_and_no_connection_is_lost() -> None:
    with envoy_site() as site:
        await site.start_vault(within=60)
        pki = site.data / "pki"
        async with site.channel("app") as channel:
            token = await stored(channel, 1)
        others = Others(site, token)
        calling = asyncio.ensure_future(others.run())
        with Wire(site.vault_address, context_of(site.tls("app"))) as kept:
            kept.open()
            first = await asyncio.to_thread(served, site)
            renew(pki)
            second = await until_served(site, first, within=3)
            bad = (pki / "server.pem").read_text()
            (pki / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
            await asyncio.sleep(2.5)
            assert await asyncio.to_thread(served, site) == second
            (pki / "server.pem").write_text(bad)  # a key that isn't the certificate's
            good_key = (pki / "server.key").read_bytes()
            (pki / "server.key").write_bytes((pki / "app.key").read_bytes())
            await asyncio.sleep(2.5)
            assert await asyncio.to_thread(served, site) == second
            (pki / "server.key").write_bytes(good_key)
            renew_in_place(pki)
            third = await until_served(site, second, within=4)
            renew(pki)
            await until_served(site, third, within=4)
            assert not kept.hung_up(within=0.5)
        calling.cancel()
        assert others.failures == []
        assert others.calls > 20
        assert await site.vault.stop() == 0
