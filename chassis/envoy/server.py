"""The transport: guarded routes, health and reflection behind one gate, drained at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from chassis.envoy.admin import Admin
from chassis.envoy.bootstrap import DRAIN_S
from chassis.envoy.call import EnvoyCall
from chassis.envoy.extras import health_methods, reflection_method
from chassis.envoy.gate import Gate, Method
from chassis.envoy.secrets import keep_secrets
from chassis.grpc_transport import serving_health
from chassis.guard import Guarded
from chassis.health import Health, PlainHealth
from chassis.tls import ServerCertificates
from chassis.traced_calls import traced
from chassis.tracing.open import Tracing
from chassis.transport import GrpcOptions, Server, Unguarded

_LOOK_S: Final = 0.02
_LAST_BYTES_S: Final = 1.0


class Inside(Protocol):
    """What the transport needs of the Envoy it is in."""

    @property
    def directory(self) -> Path:
        """Return the private directory that is shared with Envoy."""

    def attach(self, gate: Gate) -> None:
        """Have calls answered by this gate."""

    async def listening(self) -> int:
        """Have Envoy listen; return the port. Raises OSError."""


class EnvoyServer(Server):
    """Control a running server."""

    def __init__(
        self, gate: Gate, admin: Admin, port: int, health: Health, plain: PlainHealth | None
    ) -> None:
        super().__init__(port, health, plain)
        self._gate: Final = gate
        self._admin: Final = admin

    async def _end(self, grace: timedelta) -> None:
        with contextlib.suppress(OSError):
            await self._admin.drain()
        await self._quiet(grace.total_seconds())
        self._gate.close()
        await _until(lambda: self._gate.in_flight == 0, _LAST_BYTES_S)
        with contextlib.suppress(OSError):
            await self._flushed()

    async def _quiet(self, within: float) -> None:
        """Wait until nobody is connected, or nobody has called for as long as it takes to go."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        busy = loop.time()
        while loop.time() < until and await self._connected():
            if self._gate.in_flight:
                busy = loop.time()
            elif loop.time() - busy > DRAIN_S:
                return
            await asyncio.sleep(_LOOK_S)

    async def _connected(self) -> bool:
        """Tell whether anybody may still call; yes, where Envoy doesn't say."""
        try:
            return await self._admin.active_connections() > 0
        except OSError:
            return True

    async def _flushed(self) -> None:
        """Wait until Envoy has sent what it was given."""
        for _attempt in range(int(_LAST_BYTES_S / _LOOK_S)):
            if await self._admin.active_requests() == 0:
                return
            await asyncio.sleep(_LOOK_S)


class EnvoyTransport:
    """Serve from inside Envoy (a `Transport`). Where it listens was said when Envoy was started."""

    def __init__(self, inside: Inside) -> None:
        self._inside: Final = inside

    @asynccontextmanager
    async def __call__(
        self,
        routes: Iterable[Guarded],
        certificates: ServerCertificates,
        options: GrpcOptions,
        *,
        on_unknown_method: Callable[[], object] = lambda: None,
        unguarded: Unguarded | None = None,
        tracing: Tracing | None = None,
    ) -> AsyncIterator[EnvoyServer]:
        """Serve until the block is left, then drain for `options.drain`."""
        guarded = [item if tracing is None else traced(item, tracing.call_span) for item in routes]
        services = sorted({item.route.service for item in guarded})
        health = Health(services)
        methods = {item.route.path: _method(item) for item in guarded} | health_methods(health)
        if options.reflection:
            methods |= reflection_method(services)
        find = methods.get if unguarded is None else _open(unguarded, methods)
        gate = Gate(find, options.limits, on_unknown_method)
        self._inside.attach(gate)
        async with AsyncExitStack() as stack:
            plain = None
            if options.health_listen is not None:
                plain = await stack.enter_async_context(serving_health(health, options))
            port = await self._inside.listening()
            directory = self._inside.directory
            running = EnvoyServer(gate, Admin(directory), port, health, plain)
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(gate.absent.run()),
                    tasks.create_task(keep_secrets(directory, certificates)),
                ]
                try:
                    yield running
                finally:
                    await running.stop(options.drain)
                    for task in beside:
                        task.cancel()


def _method(item: Guarded) -> Method:
    return Method(unary=item.unary, stream=item.stream)


def _open(unguarded: Unguarded, methods: dict[str, Method]) -> Callable[[str], Method | None]:
    """Find what passes no guard first; each is wrapped once."""

    def find(path: str) -> Method | None:
        found = methods.get(path)
        if found is None and (answer := unguarded(path)) is not None:

            async def unary(request: bytes, _call: EnvoyCall) -> bytes:
                return await answer(request)

            found = methods[path] = Method(unary=unary)
        return found

    return find


async def _until(done: Callable[[], bool], within: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while not done() and loop.time() < until:  # noqa: ASYNC110 - Envoy tells nobody
        await asyncio.sleep(_LOOK_S)
