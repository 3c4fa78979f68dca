"""Methods of each kind to put behind a gate, which fail as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from chassis.envoy.call import EnvoyCall
from chassis.envoy.frames import framed
from chassis.envoy.gate import Gate, Method
from chassis.transport import GrpcLimits

REQUEST = framed(b"hello")


class Methods:
    """Methods of each kind; `opened` counts the streams that are still open."""

    def __init__(self) -> None:
        self.opened = 0
        self.error: Callable[[], BaseException] | None = None

    @contextmanager
    def _open(self) -> Iterator[None]:
        self.opened += 1
        try:
            yield
        finally:
            self.opened -= 1

    async def unary(self, request: bytes, _call: EnvoyCall) -> bytes:
        with self._open():
            await asyncio.sleep(0)
            if self.error is not None:
                raise self.error()
            return request

    async def adorned(self, request: bytes, call: EnvoyCall) -> bytes:
        call.headers, call.trailers = [(b"x-head", b"h")], [(b"x-trail", b"t")]
        return await self.unary(request, call)

    async def empty(self, _request: bytes, _call: EnvoyCall) -> AsyncGenerator[bytes]:
        with self._open():
            if self.error is not None:
                raise self.error()
            nothing: tuple[bytes, ...] = ()
            for each in nothing:
                yield each

    async def stream(self, request: bytes, _call: EnvoyCall) -> AsyncGenerator[bytes]:
        with self._open():
            yield request
            await asyncio.sleep(0)
            yield request
            if self.error is not None:
                raise self.error()

    async def duplex(
        self, requests: AsyncIterator[bytes], _call: EnvoyCall
    ) -> AsyncGenerator[bytes]:
        with self._open():
            async for request in requests:
                yield request
                if self.error is not None:
                    raise self.error()

    def named(self) -> dict[str, Method]:
        return {
            "unary": Method(unary=self.unary),
            "adorned": Method(unary=self.adorned),
            "empty": Method(stream=self.empty),
            "stream": Method(stream=self.stream),
            "duplex": Method(duplex=self.duplex),
        }


KINDS = tuple(Methods().named())


def gate_of(method: Method | None) -> Gate:
    return Gate(lambda _path: method, GrpcLimits(), lambda: None)


def settled(gate: Gate, methods: Methods) -> bool:
    """Tell whether a call left nothing behind."""
    return gate.in_flight == 0 and methods.opened == 0 and not gate.absent._waiting
