"""The port behind which transports stand in the contract suite, and two of them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import grpc
from cryptography import x509
from google.rpc import status_pb2

from chassis.channel import open_channel
from chassis.grpc_transport import serving
from chassis.guard import Guarded
from chassis.pki import Leaf, ensure_pki
from chassis.status import Code, StatusError
from chassis.tls import ServerCertificates
from chassis.tracing.open import Tracing
from chassis.transport import GrpcOptions, Server, Transport
from tests.doubles.chassis_certs import client_files, issue
from tests.doubles.chassis_service import spiffe

KNOWN = ("app", "many", "weak", "homeless", "stranger")
NAMELESS = "nameless"  # a certificate of our CA without a URI name
Metadata = tuple[tuple[str, str], ...]


class CallFailed(Exception):
    """What a caller sees of a call that failed."""

    def __init__(self, code: Code, message: str, details: bytes | None) -> None:
        super().__init__(code.name)
        self.code = code
        self.message = message
        self.status = None if details is None else status_pb2.Status.FromString(details)


class Wire(Protocol):
    """Call a served method as some client; raises CallFailed."""

    async def unary(
        self,
        path: str,
        request: bytes,
        *,
        who: str = "app",
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - the caller's deadline, not ours
    ) -> bytes: ...

    def stream(
        self, path: str, request: bytes, *, who: str = "app", metadata: Metadata = ()
    ) -> AsyncIterator[bytes]: ...


@dataclass
class FakeRawCall:
    """A transport's facts, as a test likes them."""

    sans: Sequence[str] = (spiffe("app"),)
    pairs: Metadata = ()
    remaining: float | None = None
    metadata_reads: int = field(default=0)

    def peer_sans(self) -> Sequence[str]:
        return self.sans

    def metadata(self) -> Mapping[str, str]:
        self.metadata_reads += 1
        found: dict[str, str] = {}
        for key, value in self.pairs:
            found[key] = f"{found[key]},{value}" if key in found else value
        return found

    def time_remaining(self) -> float | None:
        return self.remaining

    def origin(self) -> str:
        return "memory:"


class MemoryWire:
    """Call the guarded functions directly."""

    def __init__(self, routes: Sequence[Guarded]) -> None:
        self._routes = {item.route.path: item for item in routes}

    async def unary(
        self,
        path: str,
        request: bytes,
        *,
        who: str = "app",
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - the caller's deadline, not ours
    ) -> bytes:
        unary = self._routes[path].unary
        assert unary is not None
        try:
            return await unary(request, FakeRawCall(_sans(who), metadata, timeout))
        except StatusError as error:
            raise _failed(error) from None

    async def stream(
        self, path: str, request: bytes, *, who: str = "app", metadata: Metadata = ()
    ) -> AsyncIterator[bytes]:
        stream = self._routes[path].stream
        assert stream is not None
        try:
            async with aclosing(stream(request, FakeRawCall(_sans(who), metadata))) as replies:
                async for reply in replies:
                    yield reply
        except StatusError as error:
            raise _failed(error) from None


def _sans(who: str) -> Sequence[str]:
    return () if who == NAMELESS else (spiffe(who),)


def _failed(error: StatusError) -> CallFailed:
    return CallFailed(error.code, error.message, error.details())


class GrpcWire:
    """Call a real grpc.aio server over mTLS."""

    def __init__(self, server: Server, channels: Mapping[str, grpc.aio.Channel]) -> None:
        self.server = server
        self.channels = channels

    async def unary(
        self,
        path: str,
        request: bytes,
        *,
        who: str = "app",
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - the caller's deadline, not ours
    ) -> bytes:
        call = self.channels[who].unary_unary(path, bytes, bytes)
        try:
            return await call(request, metadata=metadata, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise seen_failure(error) from None

    async def stream(
        self, path: str, request: bytes, *, who: str = "app", metadata: Metadata = ()
    ) -> AsyncIterator[bytes]:
        call = self.channels[who].unary_stream(path, bytes, bytes)(request, metadata=metadata)
        try:
            async for reply in call:
                yield reply
        except grpc.aio.AioRpcError as error:
            raise seen_failure(error) from None
        finally:
            call.cancel()


def seen_failure(error: grpc.aio.AioRpcError) -> CallFailed:
    trailers = dict(error.trailing_metadata() or ())
    details = trailers.get("grpc-status-details-bin")
    assert details is None or isinstance(details, bytes)
    number: int = error.code().value[0]
    return CallFailed(Code(number), error.details() or "", details)


def make_certificates(directory: Path) -> ServerCertificates:
    """Make a CA, a server certificate and one for each caller."""
    leaves = (Leaf("server", server=True), *(Leaf(name) for name in KNOWN))
    ensure_pki(directory, leaves, now=datetime.now(UTC))
    # The name is there, but as a DNS name and an e-mail address, which anybody may be given.
    issue(directory, NAMELESS, [x509.DNSName("demo"), x509.RFC822Name(spiffe("app"))])
    return ServerCertificates(client_files(directory, "server"))


@asynccontextmanager
async def grpc_wire(
    routes: Sequence[Guarded],
    directory: Path,
    options: GrpcOptions | None = None,
    tracing: Tracing | None = None,
    transport: Transport = serving,
) -> AsyncIterator[GrpcWire]:
    """Serve the routes over mTLS on a free port, with a channel for each caller."""
    chosen = options or GrpcOptions("127.0.0.1:0", drain=timedelta(seconds=1))
    certificates = make_certificates(directory)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            transport(routes, certificates, chosen, tracing=tracing)
        )
        channels = {}
        for who in (*KNOWN, NAMELESS):
            channel = open_channel(f"localhost:{server.port}", client_files(directory, who))
            channels[who] = await stack.enter_async_context(channel)
        yield GrpcWire(server, channels)
