"""What the gate answers to good calls, bad ones, and to what is no call at all."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.envoy.frames import CallerGone
from chassis.envoy.gate import Gate, Method
from chassis.status import Code, StatusError
from chassis.transport import GrpcLimits
from tests.doubles.chassis_service import SECRET, Unusual
from tests.unit.chassis.envoy.line import Broken, Line
from tests.unit.chassis.envoy.methods import REQUEST, Methods, gate_of


async def test_a_good_call_is_answered_and_adorned() -> None:
    methods = Methods()
    for kind, count in (("unary", 1), ("adorned", 1), ("empty", 0), ("stream", 2), ("duplex", 1)):
        line = Line([REQUEST])
        await line.called(gate_of(methods.named()[kind]))
        assert line.statuses() == [Code.OK]
        sent = b"".join(event.get("body", b"") for event in line.events)
        assert sent == REQUEST * count
        assert (b"x-head", b"h") in line.events[0]["headers"] or kind != "adorned"
        assert (b"x-trail", b"t") in line.events[-1]["headers"] or kind != "adorned"


async def test_a_refusal_keeps_what_the_handler_added() -> None:
    methods = Methods()
    methods.error = lambda: StatusError(Code.ABORTED, "ERROR_REASON_TEST", "first")
    line = Line([REQUEST])
    await line.called(gate_of(methods.named()["adorned"]))
    assert line.statuses() == [Code.ABORTED]
    assert (b"x-head", b"h") in line.events[0]["headers"]
    assert (b"x-trail", b"t") in line.events[-1]["headers"]


async def _finder_that_fails(fault: BaseException) -> list[int]:
    def find(_path: str) -> Method | None:
        raise fault

    line = Line([REQUEST])
    with capture_logs():
        await line.called(Gate(find, GrpcLimits(), lambda: None))
    return line.statuses()


async def test_faults_of_our_own_are_internal() -> None:
    assert await _finder_that_fails(LookupError(SECRET)) == [Code.INTERNAL]
    assert await _finder_that_fails(Unusual(SECRET)) == [Code.INTERNAL]

    def counted() -> None:
        raise Broken(SECRET)

    line = Line([REQUEST])
    with capture_logs():
        await line.called(Gate(lambda _path: None, GrpcLimits(), counted))
    assert line.statuses() == [Code.INTERNAL]


async def _refusal(*headers: tuple[bytes, bytes], pieces: tuple[bytes, ...] = (REQUEST,)) -> Code:
    line = Line(pieces)
    await line.called(gate_of(Methods().named()["unary"]), *headers)
    (told,) = line.statuses()
    return Code(told)


async def test_bad_calls_have_their_statuses() -> None:
    assert await _refusal() is Code.OK
    assert await _refusal((b"grpc-timeout", b"soon")) is Code.INVALID_ARGUMENT
    assert await _refusal((b"grpc-encoding", b"br")) is Code.UNIMPLEMENTED
    assert await _refusal((b"grpc-encoding", b"identity")) is Code.OK
    assert await _refusal((b"x", b"y" * 8_192)) is Code.RESOURCE_EXHAUSTED
    assert await _refusal(pieces=(REQUEST, b"more")) is Code.UNIMPLEMENTED
    assert await _refusal(pieces=(REQUEST[:-1],)) is Code.INVALID_ARGUMENT
    assert await _refusal(pieces=(b"\x00\xff\xff\xff\xff",)) is Code.RESOURCE_EXHAUSTED
    assert await _refusal(pieces=()) is Code.UNIMPLEMENTED


async def test_an_unknown_method_is_counted_and_keeps_nothing() -> None:
    """An exception raised anew for each caller, or it would keep the frames of all of them."""
    unknown: list[None] = []
    gate = Gate(lambda _path: None, GrpcLimits(), lambda: unknown.append(None))
    held: list[int] = []
    for _ in range(3):
        line = Line([REQUEST])
        await line.called(gate)
        assert line.statuses() == [Code.UNIMPLEMENTED]
        held.append(_frames_kept())
    assert len(unknown) == 3
    assert held == [0, 0, 0]


def _frames_kept() -> int:
    import chassis.envoy.extras  # noqa: PLC0415
    import chassis.envoy.frames  # noqa: PLC0415
    import chassis.envoy.gate  # noqa: PLC0415

    modules = (chassis.envoy.gate, chassis.envoy.frames, chassis.envoy.extras)
    errors = [e for m in modules for e in vars(m).values() if isinstance(e, BaseException)]
    return sum(error.__traceback__ is not None for error in errors)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "post"])
async def test_only_post_is_a_call(method: str) -> None:
    line = Line([REQUEST])
    await line.called(gate_of(Methods().named()["unary"]), method=method)
    assert line.events[0]["status"] == 405
    assert (b"allow", b"POST") in line.events[0]["headers"]
    assert not line.events[1].get("more_body")


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        (b"application/grpc", True),
        (b"application/grpc+proto", True),
        (b"application/grpc;charset=x", True),
        (b"application/grpc-web", False),
        (b"application/grpcx", False),
        (b"application/json", False),
        (b"text/plain", False),
        (b"", False),
        (None, False),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else str(value),
)
async def test_only_grpc_is_a_call(kind: bytes | None, taken: bool) -> None:
    headers: Any = [(b"te", b"trailers")]
    headers += [] if kind is None else [(b"content-type", kind)]
    line = Line([REQUEST])
    await line.called(gate_of(Methods().named()["unary"]), headers=headers)
    if taken:
        assert line.statuses() == [Code.OK]
    else:
        assert line.events[0]["status"] == 415


async def test_a_callers_leaving_is_no_error_of_ours() -> None:
    methods = Methods()
    methods.error = CallerGone
    with capture_logs() as logs:
        await Line([REQUEST]).called(gate_of(methods.named()["unary"]))
    assert logs == []


async def test_who_takes_no_trailers_is_told_so() -> None:
    """Without them there would be no status at the end."""
    line = Line([REQUEST])
    kind = [(b"content-type", b"application/grpc")]
    await line.called(gate_of(Methods().named()["unary"]), headers=kind)
    assert line.statuses() == [Code.INVALID_ARGUMENT]
