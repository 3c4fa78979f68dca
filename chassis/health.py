"""Answer gRPC health checks (grpc.health.v1), and let a drain end those who watch.

The library's servicer keeps watchers until the server's grace period is over, so that every
shutdown with a watching client would take all of it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

MAX_WATCHERS: Final = 64
_LAST_PROBES_S: Final = 1.0

_Context: TypeAlias = (  # quoted: only the type stubs are generic
    "grpc.aio.ServicerContext[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]"
)


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # the library is untyped
    """Hold one verdict for the server and each service named; NOT_SERVING until told."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services: Final = frozenset({"", *services})
        self._serving = False
        self._closing = False
        self._watchers = 0
        self._changed: Final = asyncio.Condition()

    @property
    def serving(self) -> bool:
        """Say whether the server takes traffic."""
        return self._serving

    async def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - the verdict itself
        """Announce whether the server takes traffic."""
        async with self._changed:
            self._serving = serving and not self._closing
            self._changed.notify_all()

    async def close(self) -> None:
        """Announce NOT_SERVING for good and end every watch."""
        self._closing = True
        await self.set_serving(serving=False)

    async def Check(  # noqa: N802 - the RPC's name
        self, request: health_pb2.HealthCheckRequest, context: _Context
    ) -> health_pb2.HealthCheckResponse:
        """Answer once; NOT_FOUND for a service nobody serves."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return self._answer(request.service)

    async def Watch(  # noqa: N802 - the RPC's name
        self, request: health_pb2.HealthCheckRequest, context: _Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Answer now and at every change, until the server drains; at most 64 watch at once."""
        if self._watchers >= MAX_WATCHERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watchers")
        self._watchers += 1
        last = None
        try:
            while True:
                answer = self._answer(request.service)
                if answer.status != last:
                    last = answer.status
                    yield answer  # the condition isn't held: a slow reader stops nobody
                async with self._changed:
                    if self._answer(request.service).status == last:
                        if self._closing:
                            return
                        await self._changed.wait()
        finally:
            self._watchers -= 1

    def _answer(self, service: str) -> health_pb2.HealthCheckResponse:
        if service not in self._services:
            status = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        elif self._serving:
            status = health_pb2.HealthCheckResponse.SERVING
        else:
            status = health_pb2.HealthCheckResponse.NOT_SERVING
        return health_pb2.HealthCheckResponse(status=status)


class PlainHealth:
    """Control the port of the probes: gRPC health without TLS, and nothing else."""

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        self._server: Final = server
        self.port: Final = port

    async def stop(self) -> None:
        """End it: whoever watched has heard that the service is closed."""
        await self._server.stop(_LAST_PROBES_S)
