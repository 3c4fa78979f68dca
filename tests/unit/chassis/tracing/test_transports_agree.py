"""The same spans on every transport: one table of calls, each made on all of them.

grpcio's are the library's; on the gate that Envoy calls, and in memory, they are ours
(`chassis.traced_calls`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from structlog.testing import capture_logs

from chassis import spans
from chassis.call import Call
from chassis.limits import CallLimits
from chassis.traced_calls import traced
from chassis.tracing.open import Tracing
from tests.doubles.chassis_service import SECRET, SERVICE, Service
from tests.doubles.chassis_wires import CallFailed, MemoryWire, Metadata, Wire, grpc_wire
from tests.doubles.envoy_bridge import BridgedTransport
from tests.doubles.gate_wire import gate_wire
from tests.doubles.otlp_receiver import SpanSeen, otlp_receiver
from tests.doubles.traces import ASKED, CALLER, DECLINED, TRACE, opened

Seen = list[tuple[object, ...]]
WIRES: Final = ("grpc", "gate", "memory")


def path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def text(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


@asynccontextmanager
async def wired(
    kind: str, service: Service, tracing: Tracing, directory: Path
) -> AsyncIterator[Wire]:
    """Yield a traced wire."""
    routes = service.routes()
    ours = [traced(item, tracing.call_span) for item in routes]
    if kind == "memory":
        yield MemoryWire(ours)
    elif kind == "gate":  # what Envoy calls
        async with gate_wire(ours) as wire:
            yield wire
    elif kind == "envoy":  # tests/parts/envoy
        transport = BridgedTransport(directory)
        async with grpc_wire(routes, directory, tracing=tracing, transport=transport) as wire:
            yield wire
    else:
        async with grpc_wire(routes, directory, tracing=tracing) as wire:
            yield wire


def shape(span: SpanSeen) -> tuple[object, ...]:
    """Return all of a span that must not differ between transports."""
    attributes = tuple(sorted(span.attributes.items()))
    status = (span.proto.status.code, span.proto.status.message)
    kin = (span.trace == TRACE, span.parent == CALLER, len(span.links), len(span.proto.events))
    return (span.name, span.proto.kind, attributes, status, kin)


async def spans_of(
    kind: str,
    directory: Path,
    call: Callable[[Wire, Service], Awaitable[None]],
    service: Service | None = None,
) -> Seen:
    """Make a call on a transport; return what was seen of it."""
    service = service or Service()
    with otlp_receiver() as receiver:
        async with (
            opened(receiver) as tracing,
            wired(kind, service, tracing, directory) as wire,
        ):
            with capture_logs():
                await call(wire, service)
        return [shape(span) for span in receiver.spans]


def unary(method: str, request: bytes = b"", **more: Any) -> Callable[..., Awaitable[None]]:
    async def call(wire: Wire, _service: Service) -> None:
        with suppress(CallFailed):
            await wire.unary(path(method), request, metadata=ASKED, **more)

    return call


def stream(method: str, count: int) -> Callable[..., Awaitable[None]]:
    async def call(wire: Wire, _service: Service) -> None:
        request = Int32Value(value=count).SerializeToString()
        with suppress(CallFailed):
            async for _part in wire.stream(path(method), request, metadata=ASKED):
                pass

    return call


async def _given_up(wire: Wire, service: Service) -> None:
    async def wait() -> None:
        await wire.unary(path("Write"), text("x"), metadata=ASKED)

    task = asyncio.create_task(wait())
    await service.waiting.acquire()
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0.2)  # until the server has heard


async def _stream_given_up(wire: Wire, _service: Service) -> None:
    request = Int32Value(value=1).SerializeToString()
    parts: Any = wire.stream(path("Hang"), request, metadata=ASKED)
    async with aclosing(parts):
        await anext(parts)
    await asyncio.sleep(0.2)  # until the server has heard


async def _shed(wire: Wire, service: Service) -> None:
    async def wait() -> None:
        await wire.unary(path("Write"), text("x"))  # not traced

    task = asyncio.create_task(wait())
    await service.waiting.acquire()
    await unary("Echo")(wire, service)
    service.gate.set()
    await task


CALLS: Final[dict[str, tuple[int, int, Callable[..., Awaitable[None]]]]] = {
    # what happens: the status's number, 2 where it is the server's fault, the call
    "answered": (0, 0, unary("Echo", text("x"))),
    "refused by the handler": (10, 0, unary("Refuse")),
    "a domain error": (5, 0, unary("Domain")),
    "a crash": (13, 2, unary("Crash", text(SECRET))),
    "an exception out of the ordinary": (13, 2, unary("Bare")),
    "a stray cancellation": (13, 2, unary("Stray")),
    "malformed": (3, 0, unary("Echo", b"\xff")),
    "not allowed": (7, 0, unary("Echo", who="weak")),
    "a stranger": (16, 0, unary("Echo", who="stranger")),
    "given up": (1, 0, _given_up),
    "shed": (8, 0, _shed),
    "a stream": (0, 0, stream("Count", 3)),
    "a stream that breaks": (13, 2, stream("Break", 3)),
    "a stream given up": (1, 0, _stream_given_up),
}


@pytest.mark.parametrize("what", CALLS)
async def test_spans_are_the_same_on_all(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, fault, call = CALLS[what]
    found: dict[str, Seen] = {}
    for kind in WIRES:
        limits = CallLimits(in_flight=1) if what == "shed" else CallLimits()
        found[kind] = await spans_of(kind, tmp_path, call, Service(limits=limits))
    assert found["grpc"] == found["gate"] == found["memory"]
    ((name, span_kind, attributes, status, kin),) = found["grpc"]
    assert isinstance(name, str)
    service, _, method = name.removeprefix("/").partition("/")
    assert attributes == (
        ("rpc.grpc.status_code", code),
        ("rpc.method", method),
        ("rpc.service", service),
        ("rpc.system", "grpc"),
    )
    assert (service, span_kind) == (SERVICE, 2)  # a server's
    assert (status, kin) == ((fault, ""), (True, True, 0, 0))
    assert [each for each in caplog.records if each.name.startswith("opentelemetry")] == []


@pytest.mark.parametrize("kind", WIRES)
async def test_a_call_that_is_not_sampled_leaves_nothing(kind: str, tmp_path: Path) -> None:
    async def call(wire: Wire, _service: Service) -> None:
        unlike: tuple[Metadata, ...] = ((), DECLINED, (("traceparent", "nonsense1"),))
        for metadata in unlike:
            assert await wire.unary(path("Echo"), text("x"), metadata=metadata) == text("x")
            parts = [
                part
                async for part in wire.stream(
                    path("Count"), Int32Value(value=2).SerializeToString(), metadata=metadata
                )
            ]
            assert len(parts) == 2

    assert await spans_of(kind, tmp_path, call) == []


@pytest.mark.parametrize("kind", WIRES)
async def test_what_is_done_in_a_call_is_its_child(kind: str, tmp_path: Path) -> None:
    class Stepping(Service):
        async def _echo(self, request: StringValue, call: Call) -> Any:
            with spans.step("work", "client", {"db.system.name": "test"}):
                seen.append(spans.traceparent())
            return request

    seen: list[str] = []
    with otlp_receiver() as receiver:
        async with (
            opened(receiver) as tracing,
            wired(kind, Stepping(), tracing, tmp_path) as wire,
        ):
            await wire.unary(path("Echo"), text("x"), metadata=ASKED)
            await wire.unary(path("Echo"), text("x"))
            assert spans.current() is None
        call, work = receiver.one(path("Echo")), receiver.one("work")
    assert (work.parent, work.trace, work.proto.kind) == (call.id, TRACE, 3)
    assert work.attributes == {"db.system.name": "test"}
    assert seen == [f"00-{TRACE}-{work.id}-01", ""]


async def test_methods_that_nobody_serves_are_not_traced(tmp_path: Path) -> None:
    async def call(wire: Wire, _service: Service) -> None:
        for lost in (path(SECRET), "/grpc.health.v1.Health/Check"):
            with suppress(CallFailed):
                await wire.unary(lost, b"", metadata=ASKED)

    assert await spans_of("grpc", tmp_path, call) == []


@pytest.mark.parametrize("kind", WIRES)
async def test_a_share_of_calls_begins_traces(kind: str, tmp_path: Path) -> None:
    with otlp_receiver() as receiver:
        async with (
            opened(receiver, ratio=1.0) as tracing,
            wired(kind, Service(), tracing, tmp_path) as wire,
        ):
            await wire.unary(path("Echo"), text("x"))
            await wire.unary(path("Echo"), text("x"))
        first, second = receiver.named(path("Echo"))
    assert (first.parent, second.parent) == ("", "")
    assert first.trace != second.trace
