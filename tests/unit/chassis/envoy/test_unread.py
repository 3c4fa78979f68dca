"""A stream whose messages nobody reads ends in time, and gives its place back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.envoy.gate import Gate, Method
from chassis.status import Code
from chassis.transport import GrpcLimits
from tests.unit.chassis.envoy.line import Line
from tests.unit.chassis.envoy.methods import REQUEST, Methods, settled


class Unread(Line):
    """A caller with a full window: a message is taken over by Envoy, and never sent on."""

    async def send(self, event: dict[str, Any]) -> None:
        await super().send(event)
        if event.get("more_body"):
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    "headers", [(), ((b"grpc-timeout", b"50m"),)], ids=["ours", "the caller's"]
)
async def test_an_unread_message_ends_its_stream(
    monkeypatch: pytest.MonkeyPatch, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    monkeypatch.setattr("chassis.envoy.gate._UNREAD_S", 30.0 if headers else 0.05)
    methods = Methods()
    gate = Gate(lambda _path: Method(stream=methods.stream), GrpcLimits(), lambda: None)
    line = Unread([REQUEST])
    async with asyncio.timeout(5):
        await line.called(gate, *headers)
    assert line.statuses() == [Code.DEADLINE_EXCEEDED]
    assert settled(gate, methods)
