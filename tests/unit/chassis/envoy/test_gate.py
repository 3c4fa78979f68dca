"""Nothing leaves the gate, and whoever can be answered is, once, whatever happens at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from chassis.envoy.call import EnvoyCall
from chassis.envoy.gate import Gate, Method
from chassis.envoy.statuses import TransportStatus
from chassis.status import Code, StatusError
from tests.doubles.chassis_service import SECRET, Unusual
from tests.unit.chassis.envoy.line import Broken, Line
from tests.unit.chassis.envoy.methods import KINDS, REQUEST, Methods, gate_of, settled

ERRORS: tuple[tuple[Callable[[], BaseException], Code], ...] = (
    (lambda: StatusError(Code.ABORTED, "ERROR_REASON_TEST", "first"), Code.ABORTED),
    (lambda: TransportStatus(Code.UNIMPLEMENTED, "none"), Code.UNIMPLEMENTED),
    (lambda: ValueError(SECRET), Code.INTERNAL),
    (lambda: OSError(SECRET), Code.INTERNAL),
    (lambda: ConnectionResetError(SECRET), Code.INTERNAL),
    (lambda: RuntimeError(SECRET), Code.INTERNAL),
    (lambda: StopAsyncIteration(SECRET), Code.INTERNAL),
    (lambda: ExceptionGroup(SECRET, [ValueError(SECRET)]), Code.INTERNAL),
    (lambda: BaseExceptionGroup(SECRET, [Unusual(SECRET)]), Code.INTERNAL),
    (lambda: RecursionError(SECRET), Code.INTERNAL),
    (MemoryError, Code.INTERNAL),
    (lambda: BaseException(SECRET), Code.INTERNAL),
    (lambda: Unusual(SECRET), Code.INTERNAL),
    (lambda: GeneratorExit(SECRET), Code.INTERNAL),
    (lambda: SystemExit(3), Code.INTERNAL),
    (lambda: KeyboardInterrupt(SECRET), Code.INTERNAL),
    (lambda: asyncio.CancelledError(SECRET), Code.UNAVAILABLE),
    (lambda: UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET), Code.INTERNAL),
    (lambda: TransportStatus(Code.ABORTED, "\ud800"), Code.INTERNAL),
)
NAMES = [type(make()).__name__ for make, _code in ERRORS]
NAMES[-1] += "-unspeakable"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("make", "code"), ERRORS, ids=NAMES)
async def test_whatever_a_handler_raises_is_a_status(
    kind: str, make: Callable[[], BaseException], code: Code
) -> None:
    methods = Methods()
    methods.error = make
    gate, line = gate_of(methods.named()[kind]), Line([REQUEST])
    with capture_logs() as logs:
        await line.called(gate)
    # What can't even be spelled is told as nothing, and Envoy resets the call: an error, too.
    unspeakable = isinstance(make(), TransportStatus) and code is Code.INTERNAL
    if not unspeakable:
        expected = Code.INTERNAL if _wrapped(kind, make()) else code
        assert line.statuses() == [expected]
        assert line.whole
    else:
        assert 0 not in line.statuses()
    leaked = SECRET in repr(logs) or SECRET in repr(line.events)
    assert not leaked
    assert settled(gate, methods)


def _wrapped(kind: str, error: BaseException) -> bool:
    """Tell whether Python makes another error of it: a generator can't raise a StopIteration."""
    return kind not in {"unary", "adorned"} and isinstance(error, StopAsyncIteration)


def _hang_up(line: Line) -> None:
    line.gone = True


def _fail(line: Line) -> None:
    line.down = OSError(SECRET)


def _break(line: Line) -> None:
    line.down = Broken(SECRET)


def _break_bare(line: Line) -> None:
    line.down = Unusual(SECRET)


def _cancel(line: Line) -> None:
    assert line.task is not None
    line.task.cancel()


DEAF = (_hang_up, _fail, _break, _break_bare)  # nobody can be told any more
DISTURBANCES: tuple[Callable[[Line], None], ...] = (*DEAF, _cancel)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "disturb", [*DISTURBANCES, None], ids=lambda each: getattr(each, "__name__", "close")
)
@pytest.mark.parametrize("failing", [False, True], ids=["fine", "failing"])
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_happens_when(
    kind: str, failing: bool, disturb: Callable[[Line], None] | None, after: bool
) -> None:
    """At every event of a call: it ends, in order, with at most one status, and nothing is left."""
    position = 0
    while True:
        methods = Methods()
        methods.error = (lambda: ValueError(SECRET)) if failing else None
        gate = gate_of(methods.named()[kind])

        def at_it(line: Line, gate: Gate = gate) -> None:
            gate.close() if disturb is None else disturb(line)

        line = Line([REQUEST[:3], REQUEST[3:]], position, at_it, after=after)
        with capture_logs() as logs:
            await line.called(gate)
        told = line.statuses()
        if disturb not in DEAF:
            assert len(told) == 1, "a caller who listens was not answered"
            assert line.whole
        leaked = SECRET in repr(logs) or SECRET in repr(line.events)
        assert not leaked
        assert settled(gate, methods)
        if not line.disturbed:
            break
        position += 1
    assert position >= 4  # two pieces of the request; headers, body and trailers of the answer


@pytest.mark.parametrize("kind", KINDS)
async def test_a_gate_that_closed_answers_unavailable(kind: str) -> None:
    methods = Methods()
    gate = gate_of(methods.named()[kind])
    gate.close()
    line = Line([REQUEST])
    await line.called(gate)
    assert line.statuses() == [Code.UNAVAILABLE]


async def test_calls_in_flight_are_told_when_it_closes() -> None:
    waiting = asyncio.Event()

    async def forever(_request: bytes, _call: EnvoyCall) -> bytes:
        waiting.set()
        await asyncio.Event().wait()
        return b""

    gate, line = gate_of(Method(unary=forever)), Line([REQUEST])
    calling = asyncio.ensure_future(line.called(gate))
    await asyncio.wait_for(waiting.wait(), 5)
    assert gate.in_flight == 1
    gate.close()
    await asyncio.wait_for(calling, 5)
    assert line.statuses() == [Code.UNAVAILABLE]
    assert gate.in_flight == 0
