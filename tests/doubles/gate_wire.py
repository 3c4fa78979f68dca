"""Call the gate as pyvoy does: ASGI's events, in its order and with its oddities; no Envoy.

pyvoy answers `receive` at once when the request is complete, with no more body, and says that the
caller has gone only afterwards; `send` fails once nobody listens.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote

from chassis.envoy.call import CERTIFICATE
from chassis.envoy.frames import PREFIX, framed
from chassis.envoy.gate import Gate, Method
from chassis.guard import Guarded
from chassis.status import Code
from chassis.transport import GrpcLimits
from tests.doubles.chassis_service import spiffe
from tests.doubles.chassis_wires import NAMELESS, CallFailed, Metadata

Headers = list[tuple[bytes, bytes]]


class Exchange:
    """One request and what came back. `parts` are the body's pieces, each an event."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = list(parts)
        self.gone = False
        self.status = 0
        self.headers: Headers = []
        self.trailers: Headers = []
        self.body: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.gone:
            return {"type": "http.disconnect"}
        body = self._parts.pop(0) if self._parts else b""
        return {"type": "http.request", "body": body, "more_body": bool(self._parts)}

    async def send(self, event: dict[str, Any]) -> None:
        if self.gone:
            raise OSError("the caller has gone")
        match event["type"]:
            case "http.response.start":
                self.status = event["status"]
                self.headers = list(event["headers"])
            case "http.response.body":
                if event.get("body"):
                    self.body.put_nowait(event["body"])
                if event.get("more_body"):
                    await asyncio.sleep(0)
            case "http.response.trailers":
                self.trailers = list(event["headers"])

    def failure(self) -> CallFailed | None:
        """Return what a gRPC client makes of the answer; None for OK."""
        found = dict(self.trailers or self.headers)
        number = int(found[b"grpc-status"])
        if number == 0:
            return None
        details = found.get(b"grpc-status-details-bin")
        if details is not None:
            details = base64.b64decode(details + b"=" * (-len(details) % 4))
        message = unquote(found.get(b"grpc-message", b"").decode("ascii"))
        return CallFailed(Code(number), message, details)


def scope_of(path: str, headers: Headers) -> dict[str, Any]:
    """Return a request's scope, as Envoy and pyvoy make it."""
    always = [(b"te", b"trailers"), (b"content-type", b"application/grpc")]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": always + headers,
        "client": ("127.0.0.1", 40_000),
    }


class GateWire:
    """Call guarded routes through a gate (a `Wire`)."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def unary(
        self,
        path: str,
        request: bytes,
        *,
        who: str = "app",
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - the caller's deadline, not ours
    ) -> bytes:
        exchange = Exchange([framed(request)])
        await self.gate(
            scope_of(path, _headers(who, metadata, timeout)), exchange.receive, exchange.send
        )
        failed = exchange.failure()
        if failed is not None:
            raise failed
        return exchange.body.get_nowait()[PREFIX.size :]  # type: ignore[index]

    async def stream(
        self, path: str, request: bytes, *, who: str = "app", metadata: Metadata = ()
    ) -> AsyncIterator[bytes]:
        exchange = Exchange([framed(request)])

        async def answered() -> None:
            scope = scope_of(path, _headers(who, metadata, None))
            await self.gate(scope, exchange.receive, exchange.send)
            exchange.body.put_nowait(None)

        task = asyncio.ensure_future(answered())
        try:
            while (reply := await exchange.body.get()) is not None:
                yield reply[PREFIX.size :]
            failed = exchange.failure()
            if failed is not None:
                raise failed
        finally:
            exchange.gone = True
            await task


def _headers(who: str, metadata: Metadata, timeout: float | None) -> Headers:
    found: Headers = []
    if who != NAMELESS:
        found.append((CERTIFICATE, b"Hash=00;URI=" + spiffe(who).encode()))
    if timeout is not None:
        found.append((b"grpc-timeout", b"%dm" % (timeout * 1_000)))
    return found + [(name.encode(), value.encode()) for name, value in metadata]


@asynccontextmanager
async def gate_wire(routes: Sequence[Guarded]) -> AsyncIterator[GateWire]:
    """Serve routes through a gate until the block is left."""
    methods = {item.route.path: Method(unary=item.unary, stream=item.stream) for item in routes}
    gate = Gate(methods.get, GrpcLimits(), lambda: None)
    looking = asyncio.ensure_future(gate.absent.run())
    try:
        yield GateWire(gate)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
