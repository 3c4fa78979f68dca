"""A caller who hangs up: what is done for nobody ends soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from chassis.envoy.call import EnvoyCall
from chassis.envoy.frames import framed
from chassis.envoy.gate import Gate, Method
from chassis.transport import GrpcLimits
from tests.unit.chassis.envoy.line import Line

SOON_S = 0.3
REQUEST = framed(b"hello")


class Handler:
    """Waits for ever; notes when it began and was cancelled."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def unary(self, _request: bytes, _call: EnvoyCall) -> bytes:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        return b""

    async def stream(self, request: bytes, call: EnvoyCall) -> AsyncGenerator[bytes]:
        yield request
        await self.unary(request, call)


@asynccontextmanager
async def looking(gate: Gate) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(gate.absent.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def hung_up(line: Line) -> None:
    line.gone = True


def broken(line: Line) -> None:
    line.down = OSError("pyvoy says so")


@pytest.mark.parametrize("leave", [hung_up, broken], ids=["hung up", "broken"])
@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_hanging_up_cancels_the_handler(kind: str, leave: Callable[[Line], None]) -> None:
    handler, line = Handler(), Line([REQUEST])
    method: Any = {kind: getattr(handler, kind)}
    gate = Gate(lambda _path: Method(**method), GrpcLimits(), lambda: None)
    async with looking(gate) as task:
        calling = asyncio.ensure_future(line.called(gate))
        await asyncio.wait_for(handler.began.wait(), 5)
        await asyncio.sleep(0.25)
        assert not handler.cancelled.is_set(), "the caller is still there"
        leave(line)
        sent = len(line.events)
        await asyncio.wait_for(handler.cancelled.wait(), SOON_S)
        await asyncio.wait_for(calling, 1)
        assert len(line.events) == sent
        assert gate.in_flight == 0
        assert not task.done(), "nobody looks any more"


async def test_each_caller_is_looked_at_alone() -> None:
    first, second = Handler(), Handler()
    handlers = iter([first, second])
    gate = Gate(lambda _path: Method(unary=next(handlers).unary), GrpcLimits(), lambda: None)
    lines = [Line([REQUEST]), Line([REQUEST])]
    async with looking(gate):
        calls = [asyncio.ensure_future(line.called(gate)) for line in lines]
        await asyncio.wait_for(asyncio.gather(first.began.wait(), second.began.wait()), 5)
        lines[1].gone = True
        await asyncio.wait_for(second.cancelled.wait(), SOON_S + 0.1)  # its first 0.1 s are free
        assert not first.cancelled.is_set()
        gate.close()
        await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert lines[0].statuses() == [14]
    assert lines[1].events == []


async def test_a_call_that_was_answered_is_left_alone() -> None:
    async def quick(request: bytes, _call: EnvoyCall) -> bytes:
        return request

    gate, line = (
        Gate(lambda _path: Method(unary=quick), GrpcLimits(), lambda: None),
        Line([REQUEST]),
    )
    async with looking(gate):
        await line.called(gate)
        line.gone = True
        await asyncio.sleep(0.25)
    assert line.statuses() == [0]
