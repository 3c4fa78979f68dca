"""The server suite on grpcio, and what is this transport's alone."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from chassis.channel import open_channel
from chassis.grpc_transport import serving
from chassis.health import Health
from chassis.transport import GrpcLimits, Transport
from tests.contract.transport_server_suite import *  # noqa: F403 - the tests
from tests.doubles.chassis_certs import client_files, issue
from tests.doubles.chassis_service import SERVICE, Service, spiffe
from tests.doubles.chassis_wires import grpc_wire, make_certificates


@pytest.fixture
def transport() -> Transport:
    return serving


async def test_a_certificate_that_has_expired_meanwhile_is_nobodys(tmp_path: Path) -> None:
    """Its connection lives on; and a resumed session is taken without a look at it."""
    service = Service()
    async with grpc_wire(service.routes(), tmp_path) as wire:
        sans = [x509.UniformResourceIdentifier(spiffe("app"))]
        files = issue(tmp_path, "short", sans, lasts=timedelta(seconds=4))
        async with open_channel(f"localhost:{wire.server.port}", files) as channel:
            call = channel.unary_unary(f"/{SERVICE}/Echo", bytes, bytes)
            await call(b"", timeout=20)
            await asyncio.sleep(4.5)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"", timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert len(service.calls) == 1


async def test_a_closed_health_stays_not_serving() -> None:
    health = Health([SERVICE])
    await health.set_serving(True)
    assert health.serving
    await health.close()
    await health.set_serving(True)
    assert not health.serving


async def test_the_channel_retries_what_is_unavailable(tmp_path: Path) -> None:
    """Four attempts for UNAVAILABLE, one for anything else: the shipped service config at work."""
    certificates = make_certificates(tmp_path)
    attempts: list[str] = []

    async def flaky(request: bytes, context: Any) -> bytes:
        attempts.append(request.decode())
        if request == b"busy" and len(attempts) == 3:
            return b"done"
        code = grpc.StatusCode.ABORTED if request == b"conflict" else grpc.StatusCode.UNAVAILABLE
        await context.abort(code, "")
        raise AssertionError("abort returns never")

    class Flaky(grpc.GenericRpcHandler):
        def service(self, _details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(flaky)

    server = grpc.aio.server(handlers=[Flaky()])
    port = server.add_secure_port("127.0.0.1:0", certificates.credentials())
    await server.start()
    try:
        async with open_channel(f"localhost:{port}", client_files(tmp_path, "app")) as channel:
            call = channel.unary_unary("/a/b", bytes, bytes)
            assert await call(b"busy", timeout=30) == b"done"
            attempts.clear()
            with pytest.raises(grpc.aio.AioRpcError):
                await call(b"conflict", timeout=30)
            assert attempts == ["conflict"]
            attempts.clear()
            with pytest.raises(grpc.aio.AioRpcError):
                await call(b"never", timeout=30)
            assert attempts == ["never"] * 4
    finally:
        await server.stop(None)


def test_the_limits_are_the_documented_ones() -> None:
    assert GrpcLimits() == GrpcLimits(
        message_bytes=4_194_304,
        metadata_bytes=8_192,
        streams=128,
        connection_age=timedelta(minutes=5),
        connection_age_grace=timedelta(seconds=30),
    )
