"""Health and reflection behind the gate: bytes that are no message are the caller's mistake."""

from __future__ import annotations

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from structlog.testing import capture_logs

from chassis.envoy.extras import health_methods, reflection_method
from chassis.envoy.frames import PREFIX, framed
from chassis.envoy.gate import Gate
from chassis.health import Health
from chassis.status import Code
from chassis.transport import GrpcLimits
from tests.unit.chassis.envoy.line import Line

SERVICE = "test.v1.Probe"
HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
Serving = health_pb2.HealthCheckResponse.ServingStatus


async def asked(path: str, *requests: bytes, health: Health | None = None) -> Line:
    """Call a method with these messages; nothing may be logged as an error."""
    methods = health_methods(health or Health([SERVICE])) | reflection_method([SERVICE])
    gate = Gate(methods.get, GrpcLimits(), lambda: None)
    line = Line([b"".join(map(framed, requests))])
    with capture_logs() as logs:
        await line.called(gate, path=path)
    assert logs == []
    return line


def answers(line: Line) -> list[bytes]:
    return [event["body"][PREFIX.size :] for event in line.events if event.get("body")]


@pytest.mark.parametrize("path", [HEALTH + "Check", HEALTH + "Watch", REFLECTION])
@pytest.mark.parametrize(
    "bad", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x01\xff"], ids=["x", "cut", "utf"]
)
async def test_malformed_bytes_are_the_callers_mistake(path: str, bad: bytes) -> None:
    assert (await asked(path, bad)).statuses() == [Code.INVALID_ARGUMENT]


async def test_health_answers_and_knows_its_services() -> None:
    health = Health([SERVICE])
    for name, code in (("", Code.OK), (SERVICE, Code.OK), ("other", Code.NOT_FOUND)):
        request = health_pb2.HealthCheckRequest(service=name).SerializeToString()
        line = await asked(HEALTH + "Check", request, health=health)
        assert line.statuses() == [code]
        for answer in answers(line):
            found = health_pb2.HealthCheckResponse.FromString(answer)
            assert found.status == Serving.NOT_SERVING


async def test_a_watch_ends_when_the_server_drains() -> None:
    health = Health([SERVICE])
    await health.close()
    line = await asked(HEALTH + "Watch", b"", health=health)
    assert line.statuses() == [Code.OK]
    assert len(answers(line)) == 1


async def test_reflection_lists_what_is_served() -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    line = await asked(REFLECTION, request, request)
    assert line.statuses() == [Code.OK]
    for answer in answers(line):
        listed = reflection_pb2.ServerReflectionResponse.FromString(answer).list_services_response
        assert {SERVICE, "grpc.health.v1.Health"} <= {each.name for each in listed.service}
    assert len(answers(line)) == 2
