"""What a reviewer found: sessions, the current directory, strange paths, lost files, odd keys."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from google.protobuf.wrappers_pb2 import StringValue

from chassis.envoy import secrets
from chassis.tls import ServerCertificates
from tests.contract.transport_server_suite import OPTIONS
from tests.doubles.chassis_certs import client_files
from tests.doubles.chassis_service import SERVICE, Service
from tests.doubles.chassis_wires import GrpcWire, grpc_wire, make_certificates
from tests.doubles.envoy_bridge import BridgedTransport, bridged
from tests.parts.envoy.running import OPS, envoy_site, refusal_of, stored
from tests.parts.envoy.wire import context_of
from tools.running.site import Site


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed(site: Site, version: ssl.TLSVersion) -> None:
    """A resumed one would be taken after its certificate has expired."""
    context = context_of(site.tls("app"))
    context.minimum_version = context.maximum_version = version
    session: ssl.SSLSession | None = None
    for turn in range(2):
        host, port = site.vault_address.rsplit(":", 1)
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            secure.settimeout(0.3)
            with suppress(OSError):
                secure.recv(1)  # tickets of TLS 1.3 come with the first bytes
            assert not secure.session_reused
            session = secure.session
        if turn == 0:
            assert session is None or not session.has_ticket


STRANGE = ("/%FF", "/a%2Fb", "/cardvault.vault.v1.VaultService/%47etCard", "/x?y")


@pytest.mark.parametrize("path", STRANGE)
async def test_a_path_that_is_not_plain_is_no_method(site: Site, path: str) -> None:
    """Decoded, one would be a method's name, and one no text: it was never answered."""
    async with site.channel("app") as channel:
        code = await refusal_of(channel.unary_unary(path, bytes, bytes)(b"", timeout=10))
    assert code is grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def own() -> Iterator[Site]:
    with envoy_site() as found:
        yield found


async def test_modules_in_the_current_directory_are_not_ours(own: Site) -> None:
    (own.data / "apsw.py").write_text("raise SystemExit(99)\n")
    (own.data / "pyvoy.py").write_text("raise SystemExit(99)\n")
    vault = own.process("safe", "-P", "-m", "vault", "serve")
    vault.start()
    await vault.ready(own.env[OPS], within=60)
    async with own.channel("app") as channel:
        await stored(channel, 1)
    assert await vault.stop() == 0


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [("CARDVAULT_LISTEN", "localhost:1", b"not on a name"), ("TMPDIR", "", b"set TMPDIR")],
    ids=["name", "path"],
)
async def test_what_envoy_could_only_complain_of_is_a_sentence(
    own: Site, setting: str, value: str, why: bytes
) -> None:
    deep = own.data.parent / ("d" * 100)
    deep.mkdir()
    own.env[setting] = value or str(deep)
    done = await asyncio.to_thread(lambda: own.run("-m", "vault", "serve", accept=(1,)))
    assert why in done.stderr
    assert done.stderr.count(b"Error: ") == 1
    assert list(deep.iterdir()) == []


class Failures:
    """Hears of failed renewals."""

    def __init__(self, directory: Path) -> None:
        make_certificates(directory)
        self.told: list[str] = []
        files = client_files(directory, "server")
        self.certificates = ServerCertificates(files, on_failure=self.told.append)

    async def until_told(self, within: float) -> str:
        async with asyncio.timeout(within):
            while not self.told:  # noqa: ASYNC110 - it is told by a function
                await asyncio.sleep(0.05)
        return self.told[-1]


def weaken(directory: Path) -> None:
    """Renew the server's certificate with a key that Envoy does not take."""
    ca = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
    ca_key = load_pem_private_key((directory / "ca.key").read_bytes(), password=None)
    old = x509.load_pem_x509_certificate((directory / "server.pem").read_bytes())
    key = rsa.generate_private_key(public_exponent=65_537, key_size=1024)  # noqa: S505 - the point
    builder = x509.CertificateBuilder(
        issuer_name=ca.subject,
        subject_name=old.subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=old.not_valid_before_utc,
        not_valid_after=old.not_valid_after_utc,
    )
    for extension in old.extensions:
        if extension.oid == x509.SubjectAlternativeName.oid:
            builder = builder.add_extension(extension.value, critical=False)
    certificate = builder.sign(ca_key, hashes.SHA256())  # type: ignore[arg-type]
    (directory / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (directory / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


async def test_a_renewal_that_envoy_refuses_is_a_failure(tmp_path: Path) -> None:
    failures = Failures(tmp_path)
    async with (
        bridged(OPTIONS, failures.certificates.files, tmp_path) as bridge,
        asyncio.TaskGroup() as tasks,
    ):
        bridge.attach(None)  # type: ignore[arg-type] # nobody calls
        await bridge.listening()
        keeping = tasks.create_task(secrets.keep_secrets(bridge.directory, failures.certificates))
        await asyncio.sleep(1.2)
        weaken(tmp_path)
        assert "doesn't take" in await failures.until_told(within=10)
        keeping.cancel()


async def test_a_lost_directory_is_a_failed_renewal_and_no_end(tmp_path: Path) -> None:
    failures = Failures(tmp_path)
    lost = tmp_path / "lost"
    keeping = asyncio.ensure_future(secrets.keep_secrets(lost, failures.certificates))
    await asyncio.sleep(1.2)
    weaken(tmp_path)
    assert "can't be told" in await failures.until_told(within=10)
    assert not keeping.done()
    keeping.cancel()


async def test_a_drain_waits_for_calls_though_envoy_says_nothing(tmp_path: Path) -> None:
    service = Service()
    transport = BridgedTransport(tmp_path)
    wire: GrpcWire
    async with grpc_wire(service.routes(), tmp_path, OPTIONS, transport=transport) as wire:
        request = StringValue(value="kept").SerializeToString()
        writing = asyncio.ensure_future(wire.unary(f"/{SERVICE}/Write", request))
        await asyncio.wait_for(service.waiting.acquire(), 10)
        inside = wire.server._admin._path  # type: ignore[attr-defined]
        shutil.move(inside, inside.with_suffix(".gone"))
        stopping = asyncio.ensure_future(wire.server.stop(timedelta(seconds=8)))
        await asyncio.sleep(3)
        assert not writing.done()
        service.gate.set()
        assert StringValue.FromString(await writing).value == "kept"
        await stopping
