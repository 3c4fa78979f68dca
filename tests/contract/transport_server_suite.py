"""What is the transport's own: TLS, limits, health, drain, certificates renewed while serving.

Who imports it gives the fixture `transport`, a `Transport`.
"""

import asyncio
import dataclasses
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from google.protobuf.wrappers_pb2 import BytesValue, StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.channel import open_channel
from chassis.pki import LEAF_LIFETIME, Leaf, ensure_pki
from chassis.status import Code
from chassis.tls import TlsFiles
from chassis.transport import GrpcOptions, Transport
from tests.doubles.chassis_certs import client_files, issue
from tests.doubles.chassis_service import SERVICE, Service, spiffe
from tests.doubles.chassis_wires import (
    CallFailed,
    GrpcWire,
    grpc_wire,
    make_certificates,
    seen_failure,
)

ECHO = f"/{SERVICE}/Echo"
STREAMS = 128  # of a connection
OPTIONS = GrpcOptions("127.0.0.1:0", health_listen="127.0.0.1:0", drain=timedelta(seconds=5))
Serving = health_pb2.HealthCheckResponse


def text(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def wire(service: Service, tmp_path: Path, transport: Transport) -> AsyncIterator[GrpcWire]:
    async with grpc_wire(service.routes(), tmp_path, OPTIONS, transport=transport) as found:
        yield found


async def call_as(wire: GrpcWire, files: TlsFiles) -> Code:
    """Call Echo with these files; UNAVAILABLE is what a client sees of a failed handshake."""
    async with open_channel(f"localhost:{wire.server.port}", files) as channel:
        try:
            await channel.unary_unary(ECHO, bytes, bytes)(text("hello"), timeout=20)
        except grpc.aio.AioRpcError as error:
            return seen_failure(error).code
    return Code.OK


async def test_a_good_certificate_passes(wire: GrpcWire, tmp_path: Path, service: Service) -> None:
    files = issue(tmp_path, "good", [x509.UniformResourceIdentifier(spiffe("app"))])
    assert await call_as(wire, files) is Code.OK
    assert service.calls


async def test_a_forged_certificate_gets_no_further_than_tls(
    wire: GrpcWire, tmp_path: Path, service: Service
) -> None:
    forged = tmp_path / "forged"
    ensure_pki(forged, (Leaf("app"),), now=datetime.now(UTC))
    shutil.copy(tmp_path / "ca.pem", forged / "ca.pem")  # it trusts our server; we don't trust it
    assert await call_as(wire, client_files(forged, "app")) is Code.UNAVAILABLE
    assert not service.calls
    assert not service.refused


async def test_an_expired_certificate_gets_no_further_than_tls(
    wire: GrpcWire, tmp_path: Path, service: Service
) -> None:
    sans = [x509.UniformResourceIdentifier(spiffe("app"))]
    files = issue(tmp_path, "expired", sans, ended=True)
    assert await call_as(wire, files) is Code.UNAVAILABLE
    assert not service.calls
    assert not service.refused


async def test_no_certificate_and_no_tls_get_no_further(
    wire: GrpcWire, tmp_path: Path, service: Service
) -> None:
    ca = (tmp_path / "ca.pem").read_bytes()
    target = f"localhost:{wire.server.port}"
    for channel in (
        grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(ca)),
        grpc.aio.insecure_channel(target),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(ECHO, bytes, bytes)(text("hello"), timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await channel.close()
    assert not service.refused


async def test_old_tls_is_refused(wire: GrpcWire, tmp_path: Path) -> None:
    def handshake(version: ssl.TLSVersion) -> str | None:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context.load_cert_chain(tmp_path / "app.pem", tmp_path / "app.key")
        context.set_alpn_protocols(["h2"])
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the client would; the server must refuse
        context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", wire.server.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return secure.version()

    assert await asyncio.to_thread(handshake, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with (
        pytest.warns(DeprecationWarning, match="TLSv1"),
        pytest.raises(OSError, match=r"(?i)alert|EOF occurred"),
    ):
        await asyncio.to_thread(handshake, ssl.TLSVersion.TLSv1_1)


async def test_an_oversize_message_gets_the_transports_status(
    wire: GrpcWire, service: Service
) -> None:
    limit = OPTIONS.limits.message_bytes
    fits = BytesValue(value=b"x" * (limit - 100)).SerializeToString()
    await wire.unary(ECHO, fits)
    channel = wire.channels["app"]
    big = channel.unary_unary(ECHO, bytes, bytes)(b"x" * (limit + 1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await big
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(service.calls) == 1


async def test_an_oversize_message_from_a_client_without_limits(
    wire: GrpcWire, tmp_path: Path, service: Service
) -> None:
    files = client_files(tmp_path, "app")
    credentials = grpc.ssl_channel_credentials(
        files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
    )
    options = (("grpc.max_send_message_length", -1),)
    async with grpc.aio.secure_channel(
        f"localhost:{wire.server.port}", credentials, options
    ) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(ECHO, bytes, bytes)(
                b"x" * (OPTIONS.limits.message_bytes + 1), timeout=20
            )
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not service.calls


async def test_metadata_is_bounded(wire: GrpcWire, service: Service) -> None:
    await wire.unary(ECHO, text("hello"), metadata=(("x-note", "n" * 4_000),))
    with pytest.raises(CallFailed) as caught:
        await wire.unary(ECHO, text("hello"), metadata=(("x-note", "n" * 9_000),), timeout=20)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert len(service.calls) == 1


async def test_an_unknown_method_is_unimplemented_and_counted(
    tmp_path: Path, transport: Transport
) -> None:
    service = Service()
    unknown: list[None] = []
    certificates = make_certificates(tmp_path)
    async with (
        transport(
            service.routes(),
            certificates,
            OPTIONS,
            on_unknown_method=lambda: unknown.append(None),
        ) as server,
        open_channel(f"localhost:{server.port}", client_files(tmp_path, "app")) as channel,
    ):
        for path in (f"/{SERVICE}/Nope", "/other.Service/Echo", "/x"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(path, bytes, bytes)(b"")
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert len(unknown) == 3


async def test_the_callers_deadline_reaches_the_handler(wire: GrpcWire, service: Service) -> None:
    with pytest.raises(CallFailed) as caught:
        await wire.unary(f"/{SERVICE}/Read", text("slow"), timeout=0.2)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    await asyncio.wait_for(service.waiting.acquire(), 10)
    assert service.finished == []


async def test_binary_metadata_is_left_out(wire: GrpcWire, service: Service) -> None:
    channel = wire.channels["app"]
    await channel.unary_unary(ECHO, bytes, bytes)(b"", metadata=(("x-raw-bin", b"\x00\xff"),))
    assert "x-raw-bin" not in service.calls[0].metadata


async def test_a_channel_may_have_more_calls_than_a_connection_has_streams(
    wire: GrpcWire, service: Service
) -> None:
    """What has no place yet waits at the client; nothing is refused when places become free."""
    answers = await asyncio.gather(
        *(wire.unary(ECHO, text(str(number)), timeout=30) for number in range(3 * STREAMS))
    )
    assert len(service.calls) == len(answers) == 3 * STREAMS


async def test_a_drain_lets_a_call_in_flight_finish(wire: GrpcWire, service: Service) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        writing = group.create_task(wire.unary(f"/{SERVICE}/Write", text("kept")))
        await service.waiting.acquire()
        stopping = group.create_task(wire.server.stop(timedelta(seconds=15)))
        # The drain has begun when a new connection is refused; the call is still at work.
        while await refused(wire.server.port) is None:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        assert not stopping.done()
        service.gate.set()
    assert StringValue.FromString(writing.result()).value == "kept"
    assert service.finished == ["kept"]
    with pytest.raises(CallFailed) as caught:
        await wire.unary(ECHO, text("late"), timeout=5)
    assert caught.value.code in {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}


async def refused(port: int) -> OSError | None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        return error
    writer.close()
    return None


async def test_a_drain_ends_with_its_grace(wire: GrpcWire, service: Service) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        writing = group.create_task(failure_of(wire.unary(f"/{SERVICE}/Write", text("stuck"))))
        await service.waiting.acquire()
        await wire.server.stop(timedelta(seconds=0.2))
        await wire.server.stop(timedelta(seconds=9))  # a second stop is nothing
    assert writing.result() in {Code.UNAVAILABLE, Code.CANCELLED}
    assert service.finished == []


async def failure_of(call: Any) -> Code:
    try:
        await call
    except CallFailed as failed:
        return failed.code
    return Code.OK


async def test_a_taken_address_is_an_error(
    wire: GrpcWire, tmp_path: Path, transport: Transport
) -> None:
    certificates = make_certificates(tmp_path)
    for options in (
        dataclasses.replace(OPTIONS, listen=f"127.0.0.1:{wire.server.port}"),
        dataclasses.replace(OPTIONS, health_listen=f"127.0.0.1:{wire.server.health_port}"),
    ):
        with pytest.raises(OSError, match="can't be bound"):
            async with transport((), certificates, options):
                raise AssertionError("two servers on one port")


async def test_workers_may_share_a_port_when_told(tmp_path: Path, transport: Transport) -> None:
    shared = GrpcOptions("127.0.0.1:0", reuse_port=True)
    certificates = make_certificates(tmp_path)
    async with transport(Service().routes(), certificates, shared) as first:
        second = dataclasses.replace(shared, listen=f"127.0.0.1:{first.port}")
        async with transport(Service().routes(), certificates, second) as other:
            assert other.port == first.port


async def test_a_renewed_certificate_is_served_without_a_restart(
    tmp_path: Path, transport: Transport
) -> None:
    certificates = make_certificates(tmp_path)
    service = Service()

    def served(port: int) -> bytes:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context.load_cert_chain(tmp_path / "app.pem", tmp_path / "app.key")
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""

    async with (
        transport(service.routes(), certificates, OPTIONS) as server,
        transport(service.routes(), certificates, OPTIONS) as other,
    ):
        before = await asyncio.to_thread(served, server.port)
        later = datetime.now(UTC) + LEAF_LIFETIME * 2 / 3 - timedelta(minutes=1)
        (tmp_path / "server.key").unlink()
        ensure_pki(tmp_path, (Leaf("server", server=True),), now=later - LEAF_LIFETIME * 2 / 3)
        after = before
        for port in (server.port, other.port):
            async with asyncio.timeout(3):  # files are looked at once a second
                while (after := await asyncio.to_thread(served, port)) == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        assert await asyncio.to_thread(served, server.port) == after
    assert before
    assert before != after


Watch = Callable[[GrpcWire], AbstractAsyncContextManager[health_pb2_grpc.HealthStub]]


@asynccontextmanager
async def plain_health(wire: GrpcWire) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{wire.server.health_port}") as channel:
        yield health_pb2_grpc.HealthStub(channel)


@asynccontextmanager
async def api_health(wire: GrpcWire) -> AsyncIterator[Any]:
    yield health_pb2_grpc.HealthStub(wire.channels["stranger"])


@pytest.mark.parametrize("where", [plain_health, api_health], ids=["plain", "api"])
async def test_health_starts_as_not_serving_and_follows(wire: GrpcWire, where: Watch) -> None:
    async with where(wire) as stub:
        for name in ("", SERVICE):
            request = health_pb2.HealthCheckRequest(service=name)
            assert (await stub.Check(request)).status == Serving.NOT_SERVING
            await wire.server.set_serving(True)
            assert (await stub.Check(request)).status == Serving.SERVING
            await wire.server.set_serving(False)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="other"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_the_plain_port_serves_health_only(wire: GrpcWire) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{wire.server.health_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(ECHO, bytes, bytes)(text("hello"))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_watcher_hears_of_changes_and_does_not_hold_up_a_drain(wire: GrpcWire) -> None:
    seen: list[int] = []
    async with asyncio.timeout(20), plain_health(wire) as stub:
        watching = stub.Watch(health_pb2.HealthCheckRequest())
        seen.append((await watching.read()).status)
        await wire.server.set_serving(True)
        await wire.server.set_serving(True)  # no change, no message
        seen.append((await watching.read()).status)
        started = asyncio.get_running_loop().time()
        stopping = asyncio.ensure_future(wire.server.stop(timedelta(seconds=15)))
        seen.append((await watching.read()).status)
        assert await watching.read() is grpc.aio.EOF
        await stopping
        assert asyncio.get_running_loop().time() - started < 10
    assert seen == [Serving.NOT_SERVING, Serving.SERVING, Serving.NOT_SERVING]


async def test_watchers_of_unknown_services_are_told_so(wire: GrpcWire) -> None:
    async with plain_health(wire) as stub:
        watching = stub.Watch(health_pb2.HealthCheckRequest(service="other"))
        assert (await watching.read()).status == Serving.SERVICE_UNKNOWN
        watching.cancel()


async def test_watchers_are_bounded(monkeypatch: pytest.MonkeyPatch, wire: GrpcWire) -> None:
    monkeypatch.setattr("chassis.health.MAX_WATCHERS", 1)
    async with plain_health(wire) as stub:
        first = stub.Watch(health_pb2.HealthCheckRequest())
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Watch(health_pb2.HealthCheckRequest()).read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        first.cancel()


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
async def test_reflection_is_there_only_when_told(
    tmp_path: Path, on: bool, transport: Transport
) -> None:
    options = dataclasses.replace(OPTIONS, reflection=on)
    async with grpc_wire(Service().routes(), tmp_path, options, transport=transport) as wire:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(wire.channels["app"])
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        call = stub.ServerReflectionInfo(iter([request]))
        if not on:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            return
        reply = await call.read()
        names = {s.name for s in reply.list_services_response.service}
        assert SERVICE in names
        assert "grpc.health.v1.Health" in names
        call.cancel()
