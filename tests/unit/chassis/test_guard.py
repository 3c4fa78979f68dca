"""What the guard promises that no transport can show."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from structlog.testing import capture_logs

from chassis.guard import StreamCall, Translate, UnaryCall
from chassis.limits import CallLimits, InFlight
from chassis.routes import Kind, Route
from chassis.status import CHASSIS_REASONS, Code, StatusError
from tests.doubles.chassis_service import SECRET, SERVICE, OutOfStock, Service
from tests.doubles.chassis_wires import FakeRawCall
from tests.doubles.clocks import FakeClock


def unary(service: Service, method: str) -> UnaryCall:
    found = {g.route.path: g.unary for g in service.routes()}[f"/{SERVICE}/{method}"]
    assert found is not None
    return found


def stream(service: Service, method: str) -> StreamCall:
    found = {g.route.path: g.stream for g in service.routes()}[f"/{SERVICE}/{method}"]
    assert found is not None
    return found


def in_flight(service: Service) -> float:
    found = service.metrics.registry.get_sample_value("rpc_server_in_flight")
    assert found is not None
    return found


def count(service: Service, method: str, code: Code) -> float | None:
    labels = {"rpc_method": f"{SERVICE}/{method}", "rpc_response_status_code": code.name}
    name = "rpc_server_call_duration_seconds_count"
    return service.metrics.registry.get_sample_value(name, labels)


@pytest.mark.parametrize("left", [0.0, -1.0], ids=["now", "past"])
async def test_a_call_past_its_deadline_is_not_even_parsed(left: float) -> None:
    with pytest.raises(StatusError) as caught:
        await unary(Service(), "Echo")(b"\xff", FakeRawCall(remaining=left))
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_deadlines_are_on_the_services_clock() -> None:
    service = Service(clock=FakeClock())
    await unary(service, "Echo")(b"", FakeRawCall(remaining=2.5))
    await unary(service, "Echo")(b"", FakeRawCall())
    starts = service.clock.monotonic()
    assert [call.deadline for call in service.calls] == [starts + 2.5, starts + 10]


async def test_metadata_is_read_once() -> None:
    raw = FakeRawCall()
    await unary(Service(), "Echo")(b"", raw)
    assert raw.metadata_reads == 1


async def test_a_status_does_not_carry_the_exception_that_caused_it() -> None:
    for method in ("Crash", "Domain", "Stray"):
        with pytest.raises(StatusError) as caught, capture_logs():
            await unary(Service(), method)(b"", FakeRawCall())
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


async def test_a_real_cancellation_goes_through_and_frees_the_place() -> None:
    service = Service(limits=CallLimits(in_flight=1))
    guard = service.guard()
    (write,) = [
        guard.wrap(r).unary for r in service.plain_routes() if r.path == f"/{SERVICE}/Write"
    ]
    assert write is not None
    for _ in range(3):
        task = asyncio.ensure_future(write(b"", FakeRawCall()))
        await service.waiting.acquire()
        assert guard.in_flight.now == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert guard.in_flight.now == 0
    assert count(service, "Write", Code.CANCELLED) == 3


async def test_a_stream_given_up_counts_as_cancelled() -> None:
    service = Service()
    replies: Any = stream(service, "Hang")(b"", FakeRawCall())
    await anext(replies)
    await replies.aclose()
    assert count(service, "Hang", Code.CANCELLED) == 1


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
async def test_the_end_of_the_process_is_not_an_answer(ending: type[BaseException]) -> None:
    service = Service()

    async def end(_request: StringValue, _call: object) -> StringValue:
        raise ending

    route = Route(f"/{SERVICE}/End", StringValue, StringValue, Kind.UNARY, None, end)
    guarded = service.guard().wrap(route).unary
    assert guarded is not None
    coroutine: Any = guarded(b"", FakeRawCall())
    with pytest.raises(ending):
        coroutine.send(None)


async def test_streams_take_places_too() -> None:
    service = Service(limits=CallLimits(in_flight=1))
    guard = service.guard()
    by_path = {r.path: guard.wrap(r) for r in service.plain_routes()}
    hang, echo = by_path[f"/{SERVICE}/Hang"].stream, by_path[f"/{SERVICE}/Echo"].unary
    assert hang is not None
    assert echo is not None
    replies: Any = hang(b"", FakeRawCall())
    await anext(replies)
    with pytest.raises(StatusError) as caught:
        await echo(b"", FakeRawCall())
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    second: Any = hang(b"", FakeRawCall())
    with pytest.raises(StatusError):
        await anext(second)
    await replies.aclose()
    await echo(b"", FakeRawCall())


def test_the_in_flight_gauge_is_read_when_scraped() -> None:
    service = Service()
    flying = service.guard().in_flight
    assert in_flight(service) == 0
    flying.enter()
    assert in_flight(service) == 1
    flying.leave()
    assert in_flight(service) == 0


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        InFlight(0)


def test_the_translation_is_asked_about_exceptions_only() -> None:
    translate: Translate = Service()._translate
    found = translate(OutOfStock(SECRET))
    assert found is not None
    assert found.code is Code.NOT_FOUND
    assert translate(ValueError()) is None


@pytest.mark.parametrize("path", ["Echo", "/Echo", "//Echo", "/a/b/c", "/a/", ""], ids=str)
def test_a_route_must_have_a_whole_path(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Route(path, StringValue, StringValue, Kind.UNARY, None, Service()._echo)


@pytest.mark.parametrize("permission", ["", (), ("",)], ids=["text", "none", "list"])
def test_a_route_cannot_have_an_empty_permission(permission: str | tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="nobody"):
        Route("/a/b", StringValue, StringValue, Kind.UNARY, permission, Service()._echo)


def test_reasons_are_full_enum_names() -> None:
    assert all(reason.startswith("ERROR_REASON_") for reason in CHASSIS_REASONS)


def test_limits_have_sane_defaults() -> None:
    limits = CallLimits()
    assert limits.deadline < limits.stream_deadline
    assert timedelta(0) < limits.retry_after < timedelta(seconds=5)
