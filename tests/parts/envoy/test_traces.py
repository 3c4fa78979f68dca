"""The spans of calls through a real Envoy are those of every other transport."""

from pathlib import Path

import pytest

from chassis.limits import CallLimits
from tests.doubles.chassis_service import Service
from tests.unit.chassis.tracing.test_transports_agree import CALLS, spans_of


@pytest.mark.parametrize("what", ["answered", "a crash", "given up", "a stream", "shed"])
async def test_spans_are_the_same_through_envoy(what: str, tmp_path: Path) -> None:
    _code, _fault, call = CALLS[what]
    limits = CallLimits(in_flight=1) if what == "shed" else CallLimits()
    memory = await spans_of("memory", tmp_path, call, Service(limits=limits))
    envoy = await spans_of("envoy", tmp_path, call, Service(limits=limits))
    assert memory == envoy
    assert len(envoy) == 1
