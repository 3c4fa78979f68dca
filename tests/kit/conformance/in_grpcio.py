"""The suite's service on grpc.aio, with the product's certificates and options."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final

import grpc

from chassis.grpc_transport import Context, GrpcCall, _abort, _arguments
from chassis.status import StatusError
from chassis.tls import ServerCertificates
from tests.kit.conformance.handlers import Handlers, Header
from tests.kit.conformance.messages import SERVICE, Messages
from tests.kit.conformance.place import Place
from tests.kit.conformance.serving import served

Generator = AsyncGenerator[bytes]


class _Call(GrpcCall):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._told: Final = context
        self.headers: Sequence[Header] = ()
        self.trailers: Sequence[Header] = ()

    async def begin(self) -> None:
        await self._told.send_initial_metadata(_metadata(self.headers))
        self._told.set_trailing_metadata(_metadata(self.trailers))

    async def fail(self, error: StatusError) -> None:
        """End the call as the product does, with the trailers before the status's own."""
        await _abort(_Ending(self._told, _metadata(self.trailers)), error)  # type: ignore[arg-type]


class _Ending:
    """What `_abort` needs of a context."""

    def __init__(self, context: Context, trailers: tuple[tuple[str, str], ...]) -> None:
        self._context: Final = context
        self._trailers: Final = trailers

    async def abort(self, code: grpc.StatusCode, message: str, details: Any) -> None:
        await self._context.abort(code, message, (*self._trailers, *details))


def _metadata(headers: Sequence[Header]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode().lower(), value.decode()) for name, value in headers)


async def serve(place: Place, messages: Messages) -> None:
    """Serve until the suite ends this process."""
    server = grpc.aio.server(options=_options(place))
    server.add_generic_rpc_handlers((_service(Handlers(messages)),))
    port = server.add_secure_port(
        place.options.listen, ServerCertificates(place.server).credentials()
    )
    await server.start()
    try:
        await served(place, messages, port, asyncio.get_running_loop().add_signal_handler)
    finally:
        await server.stop(0)


def _options(place: Place) -> list[tuple[str, int]]:
    """Return the product's, without a limit to what is sent: the suite limits what is received,
    and wants all of that back, with more around it.
    """
    options = _arguments(place.options, place.options.limits.streams)
    return [each for each in options if each[0] != "grpc.max_send_message_length"]


def _service(handlers: Handlers) -> grpc.GenericRpcHandler:
    async def unary(request: bytes, context: Context) -> bytes:
        call = _Call(context)
        try:
            reply = await handlers.unary(request, call)
        except StatusError as error:
            failure = error
        else:
            await call.begin()
            return reply
        await call.begin()
        await call.fail(failure)
        raise AssertionError("abort returns")

    async def stream(request: bytes, context: Context) -> Generator:
        call = _Call(context)
        async for reply in _replies(call, handlers.stream(request, call)):
            yield reply

    async def client_stream(requests: AsyncIterator[bytes], context: Context) -> bytes:
        call = _Call(context)
        [reply] = [each async for each in _replies(call, handlers.client_stream(requests, call))]
        return reply

    async def bidi(requests: AsyncIterator[bytes], context: Context) -> Generator:
        call = _Call(context)
        async for reply in _replies(call, handlers.bidi(requests, call)):
            yield reply

    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "BidiStream": grpc.stream_stream_rpc_method_handler(bidi),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


async def _replies(call: _Call, replies: Generator) -> Generator:
    """Pass replies on, with what comes before the first and after the last."""
    begun = False
    failure: StatusError | None = None
    try:
        async for reply in replies:
            if not begun:
                begun = True
                await call.begin()
            yield reply
    except StatusError as error:
        failure = error
    if not begun:
        await call.begin()
    if failure is not None:
        await call.fail(failure)
