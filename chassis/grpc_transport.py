"""Serve guarded routes with grpc.aio: the reference transport.

No serialisers, and no interceptor but the one that traces (which costs unsampled calls its filter):
bytes go to the guard as they come. This is the only module that aborts a call.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Final, Never, TypeAlias

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis.guard import Guarded, StreamCall, UnaryCall
from chassis.health import Health, PlainHealth
from chassis.status import StatusError
from chassis.tls import ServerCertificates
from chassis.tracing.open import Tracing
from chassis.transport import GrpcOptions, Server, Unguarded

# Quoted: only the type stubs are generic.
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Method: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
_CODES: Final[Mapping[int, grpc.StatusCode]] = {
    code.value[0]: code  # each is (number, name)
    for code in grpc.StatusCode
}
_HEALTH_NAME: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class GrpcCall:
    """Read a call's facts from gRPC's context (a `RawCall`)."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context: Final = context

    def peer_sans(self) -> Sequence[str]:
        """Return the URI SANs alone: a DNS or e-mail SAN must not pass for a SPIFFE ID.

        None of a certificate that has expired: gRPC takes a resumed session without another look.
        """
        facts = self._context.auth_context()
        found = facts.get("peer_uri")
        if found is None or _not_after(*facts["x509_pem_cert"]) <= time.time():
            return ()
        return [san.decode("utf-8", "replace") for san in found]

    def metadata(self) -> Mapping[str, str]:
        """Return text metadata; repeated keys joined by a comma, binary ones left out."""
        found: dict[str, str] = {}
        for key, value in self._context.invocation_metadata() or ():
            if isinstance(value, str):
                found[key] = f"{found[key]},{value}" if key in found else value
        return found

    def time_remaining(self) -> float | None:
        """Return the seconds left; None without a deadline."""
        return self._context.time_remaining()

    def origin(self) -> str:
        """Return the peer as gRPC spells it, such as ipv4:127.0.0.1:40000."""
        return self._context.peer()


class GrpcServer(Server):
    """Control a running server."""

    def __init__(
        self, api: grpc.aio.Server, port: int, health: Health, plain: PlainHealth | None
    ) -> None:
        super().__init__(port, health, plain)
        self._api: Final = api

    async def _end(self, grace: timedelta) -> None:
        await self._api.stop(grace.total_seconds())  # with a GOAWAY to everybody


@asynccontextmanager
async def serving(
    routes: Iterable[Guarded],
    certificates: ServerCertificates,
    options: GrpcOptions,
    *,
    on_unknown_method: Callable[[], object] = lambda: None,
    unguarded: Unguarded | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[GrpcServer]:
    """Serve until the block is left, then drain for `options.drain`: a `Transport`."""
    guarded = tuple(routes)
    services = sorted({item.route.service for item in guarded})
    health = Health(services)
    paths = [item.route.path for item in guarded]
    api = grpc.aio.server(
        interceptors=None if tracing is None else tracing.server_interceptors(paths),
        options=_arguments(options, options.limits.streams),
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, api)
    if options.reflection:
        names = (*services, _HEALTH_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, api)
    # The router last: it counts misses.
    router = _Router(guarded, on_unknown_method)
    api.add_generic_rpc_handlers((router,) if unguarded is None else (_Open(unguarded), router))
    credentials = certificates.credentials()
    port = _bind(lambda: api.add_secure_port(options.listen, credentials))
    async with AsyncExitStack() as stack:
        plain = None
        if options.health_listen is not None:
            plain = await stack.enter_async_context(serving_health(health, options))
        running = GrpcServer(api, port, health, plain)
        try:
            await api.start()
            yield running
        finally:
            await running.stop(options.drain)


@asynccontextmanager
async def serving_health(health: Health, options: GrpcOptions) -> AsyncIterator[PlainHealth]:
    """Serve the probes on `options.health_listen`. Raises OSError."""
    address = options.health_listen
    assert address is not None  # noqa: S101 - the caller has looked
    server = grpc.aio.server(options=_arguments(options, streams=16))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    running = PlainHealth(server, _bind(lambda: server.add_insecure_port(address)))
    await server.start()
    try:
        yield running
    finally:
        await running.stop()


class _Router(grpc.GenericRpcHandler):
    """Find the handler of a path: one lookup for all services."""

    def __init__(self, guarded: Iterable[Guarded], on_unknown: Callable[[], object]) -> None:
        self._handlers: Final = {item.route.path: _method(item) for item in guarded}
        self._on_unknown: Final = on_unknown

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Method | None":
        """Return the handler, or None: gRPC then answers UNIMPLEMENTED itself."""
        found = self._handlers.get(handler_call_details.method)
        if found is None:
            self._on_unknown()
        return found


class _Open(grpc.GenericRpcHandler):
    """Find what passes no guard; each is wrapped once."""

    def __init__(self, unguarded: Unguarded) -> None:
        self._find: Final = unguarded
        self._found: Final[dict[str, Method]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Method | None":
        """Return the handler, or None: it is the router's then."""
        path = handler_call_details.method
        if path not in self._found:
            answer = self._find(path)
            if answer is None:
                return None

            async def behave(request: bytes, _context: Context) -> bytes:
                return await answer(request)

            self._found[path] = grpc.unary_unary_rpc_method_handler(behave)
        return self._found[path]


def _method(item: Guarded) -> Method:
    if item.unary is not None:
        return grpc.unary_unary_rpc_method_handler(_unary(item.unary))
    if item.stream is not None:
        return grpc.unary_stream_rpc_method_handler(_stream(item.stream))
    raise ValueError("a guarded route has a unary or a stream side")


def _unary(guarded: UnaryCall) -> Callable[[bytes, Context], object]:
    async def behave(request: bytes, context: Context) -> bytes:
        try:
            return await guarded(request, GrpcCall(context))
        except StatusError as error:
            status = error
        return await _abort(context, status)

    return behave


def _stream(guarded: StreamCall) -> Callable[[bytes, Context], object]:
    async def behave(request: bytes, context: Context) -> AsyncGenerator[bytes]:
        try:
            async with aclosing(guarded(request, GrpcCall(context))) as replies:
                async for reply in replies:
                    yield reply
        except StatusError as error:
            status = error
        else:
            return
        await _abort(context, status)

    return behave


async def _abort(context: Context, status: StatusError) -> Never:
    await context.abort(
        _CODES[status.code],
        status.message,
        (("grpc-status-details-bin", status.details()),),
    )


@lru_cache(maxsize=1024)
def _not_after(pem: bytes) -> float:
    """Return when a certificate expires, in seconds since 1970."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()


def _bind(add_port: Callable[[], int]) -> int:
    try:
        port = add_port()
    except RuntimeError:
        port = 0
    if not port:
        raise OSError("the address can't be bound: is another server using it?")
    return port


_MOST_PENDING: Final = 2_000
"""Calls of all connections that Python has not taken up yet. Further ones are cancelled: who comes
by the thousand without waiting is not served first."""


def _arguments(options: GrpcOptions, streams: int) -> list[tuple[str, int]]:
    limits = options.limits

    def millis(span: timedelta) -> int:
        return span // timedelta(milliseconds=1)

    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        # Equal: between the two gRPC refuses at random, which nobody could test or explain.
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
        ("grpc.max_concurrent_streams", streams),
        # With it a call counts until its object is gone, some time after its caller has the answer:
        # whoever keeps a connection's streams filled is then refused again and again (ADR 0025).
        ("grpc.http.overload_protection", 0),
        # Equal: between the two gRPC refuses at random.
        ("grpc.server.max_pending_requests", _MOST_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", _MOST_PENDING),
        ("grpc.max_connection_age_ms", millis(limits.connection_age)),
        ("grpc.max_connection_age_grace_ms", millis(limits.connection_age_grace)),
        ("grpc.keepalive_time_ms", millis(limits.keepalive)),
        ("grpc.keepalive_timeout_ms", millis(limits.keepalive_timeout)),
        ("grpc.so_reuseport", int(options.reuse_port)),
    ]
