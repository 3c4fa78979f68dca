"""Health and reflection on the API's own port: the same servicers that grpcio serves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from chassis.envoy.call import EnvoyCall
from chassis.envoy.gate import Method
from chassis.envoy.statuses import TransportStatus
from chassis.health import Health
from chassis.status import Code

HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class _Context:
    """What the servicers ask of gRPC's context: to end the call."""

    async def abort(self, code: grpc.StatusCode, details: str = "") -> NoReturn:
        """End the call with a status."""
        raise TransportStatus(Code(code.value[0]), details)


def health_methods(health: Health) -> dict[str, Method]:
    """Return the methods of grpc.health.v1 by path."""
    context: Any = _Context()

    async def check(request: bytes, _call: EnvoyCall) -> bytes:
        answer = await health.Check(_asked(request), context)
        serialized: bytes = answer.SerializeToString()
        return serialized

    async def watch(request: bytes, _call: EnvoyCall) -> AsyncGenerator[bytes]:
        async for answer in health.Watch(_asked(request), context):
            yield answer.SerializeToString()

    return {f"/{HEALTH}/Check": Method(unary=check), f"/{HEALTH}/Watch": Method(stream=watch)}


def _no_message() -> TransportStatus:
    return TransportStatus(Code.INVALID_ARGUMENT, "the bytes are not a message")


def _asked(request: bytes) -> health_pb2.HealthCheckRequest:
    try:
        return health_pb2.HealthCheckRequest.FromString(request)
    except DecodeError:
        raise _no_message() from None


def reflection_method(services: Iterable[str]) -> dict[str, Method]:
    """Return server reflection of these services, by path."""
    servicer = ReflectionServicer((*services, HEALTH, reflection.SERVICE_NAME))
    context: Any = _Context()

    async def info(requests: AsyncIterator[bytes], _call: EnvoyCall) -> AsyncGenerator[bytes]:
        async def asked() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
            async for request in requests:
                try:
                    yield reflection_pb2.ServerReflectionRequest.FromString(request)
                except DecodeError:
                    raise _no_message() from None

        async for answer in servicer.ServerReflectionInfo(asked(), context):
            yield answer.SerializeToString()

    return {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": Method(duplex=info)}
