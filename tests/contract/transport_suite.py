"""What every transport must do with guarded routes: one suite, each transport in turn.

Who imports it gives the fixture `connect`, a `Connect`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from google.rpc import error_details_pb2
from structlog.testing import capture_logs

from chassis.limits import CallLimits
from chassis.status import Code
from tests.doubles.chassis_service import PROBE, SECRET, SERVICE, Service, spiffe
from tests.doubles.chassis_wires import NAMELESS, CallFailed, Wire

Connect = Callable[[Service], Any]  # an awaitable Wire, closed with the test


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def wire(connect: Connect, service: Service) -> Wire:
    made: Wire = await connect(service)
    return made


def path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def text(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


def info_of(failed: CallFailed) -> error_details_pb2.ErrorInfo:
    assert failed.status is not None
    info = error_details_pb2.ErrorInfo()
    assert failed.status.details[0].Unpack(info)
    assert failed.status.code == int(failed.code)
    assert failed.status.message == failed.message
    assert info.domain == "cardvault"
    return info


async def drain(replies: AsyncIterator[bytes], into: list[bytes]) -> None:
    async for reply in replies:
        into.append(reply)  # noqa: PERF401 - what came before a failure must be kept


async def refusal(wire: Wire, method: str, request: bytes, **more: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await wire.unary(path(method), request, **more)
    return caught.value


async def test_bytes_go_in_and_bytes_come_out(wire: Wire, service: Service) -> None:
    reply = await wire.unary(path("Echo"), text("hello"), metadata=(("x-note", "n"),), timeout=30)
    assert StringValue.FromString(reply).value == "hello"
    (call,) = service.calls
    assert call.identity.principal == spiffe("app")
    assert (call.tenant, call.method) == ("demo", f"{SERVICE}/Echo")
    assert call.metadata["x-note"] == "n"
    assert call.origin
    assert call.deadline is not None
    assert 20 < call.deadline - service.clock.monotonic() <= 30.5


async def test_a_call_without_a_deadline_gets_the_servers(wire: Wire, service: Service) -> None:
    await wire.unary(path("Echo"), text("hello"))
    deadline = service.calls[0].deadline
    assert deadline is not None
    assert 8 < deadline - service.clock.monotonic() <= 10


async def test_an_empty_message_is_a_message(wire: Wire) -> None:
    assert await wire.unary(path("Echo"), b"") == b""


@pytest.mark.parametrize("who", ["stranger", NAMELESS])
async def test_a_certificate_the_policy_does_not_know_is_nobody(
    wire: Wire, service: Service, who: str
) -> None:
    failed = await refusal(wire, "Echo", text("hello"), who=who)
    assert failed.code is Code.UNAUTHENTICATED
    assert info_of(failed).reason == "ERROR_REASON_UNAUTHENTICATED"
    assert service.refused == [(None, f"{SERVICE}/Echo", "", "ERROR_REASON_UNAUTHENTICATED")]
    assert not service.calls


async def test_a_missing_permission_is_denied_and_told(wire: Wire, service: Service) -> None:
    failed = await refusal(wire, "Echo", b"\xff\xff", who="weak")  # before anything is parsed
    assert failed.code is Code.PERMISSION_DENIED
    assert info_of(failed).reason == "ERROR_REASON_PERMISSION_DENIED"
    assert service.refused == [
        (spiffe("weak"), f"{SERVICE}/Echo", "demo", "ERROR_REASON_PERMISSION_DENIED")
    ]


async def test_a_refusal_stays_one_when_it_cannot_be_recorded(connect: Connect) -> None:
    service = Service(audit_broken=True)
    wire = await connect(service)
    with capture_logs() as logs:
        failed = await refusal(wire, "Echo", text("hello"), who="weak")
    assert failed.code is Code.PERMISSION_DENIED
    assert [line["error_type"] for line in logs] == ["OSError"]
    leaked = SECRET in repr(logs)
    assert not leaked


async def test_several_tenants_need_a_name(wire: Wire, service: Service) -> None:
    failed = await refusal(wire, "Echo", text("hello"), who="many")
    assert failed.code is Code.INVALID_ARGUMENT
    assert info_of(failed).reason == "ERROR_REASON_TENANT_REQUIRED"
    named = (("cardvault-tenant", "two"),)
    await wire.unary(path("Echo"), text("hello"), who="many", metadata=named)
    assert [call.tenant for call in service.calls] == ["two"]


@pytest.mark.parametrize("who", ["app", "many", "homeless"])
@pytest.mark.parametrize("named", [("three",), ("one", "two"), ("",)], ids=["other", "both", "no"])
async def test_a_tenant_not_on_the_list_is_denied(
    wire: Wire, service: Service, who: str, named: tuple[str, ...]
) -> None:
    metadata = tuple(("cardvault-tenant", name) for name in named)
    failed = await refusal(wire, "Echo", text("hello"), who=who, metadata=metadata)
    assert failed.code is Code.PERMISSION_DENIED
    assert info_of(failed).reason == "ERROR_REASON_TENANT_DENIED"
    assert service.refused[0][2] == ",".join(named)
    assert not service.calls


async def test_an_identity_without_tenants_gets_no_tenants_method(
    wire: Wire, service: Service
) -> None:
    failed = await refusal(wire, "Echo", text("hello"), who="homeless")
    assert info_of(failed).reason == "ERROR_REASON_TENANT_DENIED"
    await wire.unary(path("Whoami"), text("hello"), who="homeless")
    await wire.unary(path("Whoami"), text("hello"), who="weak")
    assert [call.tenant for call in service.calls] == ["", "demo"]


async def test_malformed_bytes_are_invalid_and_not_internal(wire: Wire) -> None:
    failed = await refusal(wire, "Echo", b"\xff\xff\xff")
    assert failed.code is Code.INVALID_ARGUMENT
    assert info_of(failed).reason == "ERROR_REASON_MALFORMED_MESSAGE"


async def test_an_invalid_field_is_named_without_its_value(wire: Wire) -> None:
    probe: Any = PROBE
    bad: Message = probe(
        text=SECRET,
        items=[probe(text="fine"), probe(text=SECRET)],
        labels={SECRET: probe(text=SECRET)},
    )
    failed = await refusal(wire, "Checked", bad.SerializeToString())
    assert failed.code is Code.INVALID_ARGUMENT
    assert info_of(failed).reason == "ERROR_REASON_INVALID_FIELD"
    assert failed.status is not None
    found = error_details_pb2.BadRequest()
    assert failed.status.details[1].Unpack(found)
    assert {(v.field, v.description) for v in found.field_violations} == {
        ("text", "string.max_len"),
        ("items[1].text", "string.max_len"),
        ("labels[*].text", "string.max_len"),
    }
    leaked = SECRET.encode() in failed.status.SerializeToString()
    assert not leaked


async def test_a_batch_of_bad_items_still_fits_the_trailers(wire: Wire) -> None:
    probe: Any = PROBE
    bad: Message = probe(items=[probe(text="far too long")] * 1000)
    failed = await refusal(wire, "Checked", bad.SerializeToString())
    assert info_of(failed).reason == "ERROR_REASON_INVALID_FIELD"
    assert failed.status is not None
    found = error_details_pb2.BadRequest()
    assert failed.status.details[1].Unpack(found)
    assert len(found.field_violations) == 20


async def test_a_refusal_of_the_handler_arrives_whole(wire: Wire) -> None:
    failed = await refusal(wire, "Refuse", text("hello"))
    assert (failed.code, failed.message) == (Code.ABORTED, "somebody else was first")
    assert info_of(failed).reason == "ERROR_REASON_TEST"
    assert failed.status is not None
    bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    assert failed.status.details[1].Unpack(bad)
    assert failed.status.details[2].Unpack(retry)
    assert bad.field_violations[0].field == "card.number"
    assert retry.retry_delay.ToTimedelta() == timedelta(seconds=1.5)


async def test_a_domain_error_is_translated(wire: Wire) -> None:
    failed = await refusal(wire, "Domain", text("hello"))
    assert failed.code is Code.NOT_FOUND
    assert info_of(failed).reason == "ERROR_REASON_OUT_OF_STOCK"


async def code_of(wire: Wire, method: str) -> Code:
    try:
        await wire.unary(path(method), b"")
    except CallFailed as failed:
        return failed.code
    return Code.OK


CRASHES = {"Crash": "ValueError", "Nothing": "AttributeError", "Stray": "CancelledError"}
CRASHES |= {"Bare": "Unusual", "SlowInside": "TimeoutError"}


@pytest.mark.parametrize("method", CRASHES)
async def test_any_other_exception_is_internal_without_its_text(wire: Wire, method: str) -> None:
    with capture_logs() as logs:
        failed = await refusal(wire, method, text(SECRET), timeout=20)
    assert (failed.code, failed.message) == (Code.INTERNAL, "internal error")
    assert info_of(failed).reason == "ERROR_REASON_INTERNAL"
    assert failed.status is not None
    assert len(failed.status.details) == 1
    (line,) = [line for line in logs if line["event"] == "unexpected error"]
    assert line["method"] == f"{SERVICE}/{method}"
    assert line["error_type"] == CRASHES[method]
    assert line["frames"]
    leaked = SECRET in repr(logs) or SECRET.encode() in failed.status.SerializeToString()
    assert not leaked


async def test_a_broken_translation_is_internal_too(connect: Connect) -> None:
    wire = await connect(Service(table_broken=True))
    with capture_logs() as logs:
        failed = await refusal(wire, "Domain", text("hello"))
    assert failed.code is Code.INTERNAL
    leaked = SECRET in repr(logs)
    assert not leaked


async def test_calls_over_the_limit_are_shed_before_they_are_parsed(connect: Connect) -> None:
    service = Service(limits=CallLimits(in_flight=2))
    wire = await connect(service)
    async with asyncio.TaskGroup() as group:
        for name in ("a", "b"):
            group.create_task(wire.unary(path("Write"), text(name)))
            await asyncio.wait_for(service.waiting.acquire(), 10)
        failed = await refusal(wire, "Echo", b"\xff")
        service.gate.set()
    assert failed.code is Code.RESOURCE_EXHAUSTED
    assert info_of(failed).reason == "ERROR_REASON_OVERLOADED"
    assert failed.status is not None
    retry = error_details_pb2.RetryInfo()
    assert failed.status.details[1].Unpack(retry)
    assert retry.retry_delay.ToTimedelta() > timedelta(0)
    assert sorted(service.finished) == ["a", "b"]
    await wire.unary(path("Echo"), text("room again"))
    assert service.metrics.registry.get_sample_value("rpc_server_shed_total") == 1


async def test_a_read_is_cut_off_at_the_servers_deadline(connect: Connect) -> None:
    wire = await connect(Service(limits=CallLimits(deadline=timedelta(milliseconds=50))))
    failed = await refusal(wire, "Read", text("slow"))
    assert failed.code is Code.DEADLINE_EXCEEDED
    assert info_of(failed).reason == "ERROR_REASON_DEADLINE_EXCEEDED"


async def test_a_write_is_not_cut_off_by_the_guard(connect: Connect) -> None:
    service = Service(limits=CallLimits(deadline=timedelta(milliseconds=20)))
    wire = await connect(service)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(wire.unary(path("Write"), text("kept")))
        await asyncio.wait_for(service.waiting.acquire(), 10)
        await asyncio.sleep(0.1)
        service.gate.set()
    assert StringValue.FromString(writing.result()).value == "kept"


async def test_a_stream_sends_its_messages_in_order(wire: Wire) -> None:
    request = Int32Value(value=50).SerializeToString()
    replies = [r async for r in wire.stream(path("Count"), request)]
    assert [Int32Value.FromString(r).value for r in replies] == list(range(50))


async def test_a_stream_that_breaks_says_so_after_what_it_sent(wire: Wire) -> None:
    seen: list[bytes] = []
    with capture_logs() as logs, pytest.raises(CallFailed) as caught:
        await drain(wire.stream(path("Break"), Int32Value(value=7).SerializeToString()), seen)
    assert len(seen) == 1
    assert caught.value.code is Code.INTERNAL
    leaked = SECRET in repr(logs) or SECRET in caught.value.message
    assert not leaked


async def test_a_stream_is_refused_like_any_call(wire: Wire) -> None:
    with pytest.raises(CallFailed) as caught:
        await drain(wire.stream(path("Count"), b"", who="weak"), [])
    assert caught.value.code is Code.PERMISSION_DENIED
    with pytest.raises(CallFailed) as caught:
        await drain(wire.stream(path("Count"), b"\xff"), [])
    assert info_of(caught.value).reason == "ERROR_REASON_MALFORMED_MESSAGE"


async def test_a_stream_ends_at_the_servers_deadline(connect: Connect) -> None:
    service = Service(limits=CallLimits(stream_deadline=timedelta(milliseconds=50)))
    wire = await connect(service)
    with pytest.raises(CallFailed) as caught:
        await drain(wire.stream(path("Hang"), b""), [])
    assert info_of(caught.value).reason == "ERROR_REASON_DEADLINE_EXCEEDED"
    assert service.finished == ["hang"]


async def test_a_stream_left_early_frees_its_place(connect: Connect) -> None:
    service = Service(limits=CallLimits(in_flight=1))
    wire = await connect(service)
    stream: Any = wire.stream(path("Hang"), b"")
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(10):
        while await code_of(wire, "Echo") is not Code.OK:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def test_calls_are_counted_by_method_and_code(wire: Wire, service: Service) -> None:
    await wire.unary(path("Echo"), text("hello"))
    await refusal(wire, "Echo", b"\xff")
    [_ async for _ in wire.stream(path("Count"), b"")]

    def count(method: str, code: str) -> float | None:
        labels = {"rpc_method": f"{SERVICE}/{method}", "rpc_response_status_code": code}
        name = "rpc_server_call_duration_seconds_count"
        return service.metrics.registry.get_sample_value(name, labels)

    assert count("Echo", "OK") == 1
    assert count("Echo", "INVALID_ARGUMENT") == 1
    assert count("Count", "OK") == 1
