"""The judge of the fuzzer is judged itself: each fault that it is for is planted, and named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from cardvault.vault.v1 import vault_service_pb2 as pb
from google.rpc import status_pb2
from prometheus_client import CollectorRegistry, Counter

from chassis.guard import Guarded
from chassis.routes import Kind, Route
from chassis.status import Code, StatusError
from tests.doubles.logged import logged
from tests.fuzz import harness as fed
from tests.fuzz.door import Door, Live, judge_metrics
from tests.fuzz.harness import Harness, Told
from tests.fuzz.judge import CANARY, attempted
from tests.fuzz.proof import Done, Piece, planned, rows
from tests.fuzz.target import Broken

DIGITS = "4" + "1" * 15
HOSTILE = f"x {DIGITS} {CANARY}".encode()


class Refused(Exception):
    """What a reader may raise."""


def reading(fail: Callable[[str], object]) -> Callable[[bytes], str]:
    return lambda data: attempted(data, lambda: fail(data.decode()), Refused)[1]


def quotes(text: str) -> None:
    raise Refused(f"not a number: {text}")


def quotes_digits_alone(text: str) -> None:
    raise Refused(text.split()[1])


def keeps_the_cause(text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        raise Refused("no number") from error


def forgets_to_cut_the_context(text: str) -> None:
    try:
        int(text)
    except ValueError:
        raise Refused("no number")  # noqa: B904 - the fault that is planted


def foreign(text: str) -> None:
    raise KeyError(text)


def slow(_text: str) -> None:
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass


def good(_text: str) -> None:
    raise Refused("no number")


@pytest.mark.parametrize(
    ("fail", "named"),
    [
        (quotes, "the text of Refused echoes the input"),
        (quotes_digits_alone, "the text of Refused echoes the input"),
        (keeps_the_cause, "the text of Refused echoes the input"),
        (forgets_to_cut_the_context, "the text of Refused echoes the input"),
        (foreign, "KeyError at tests/fuzz/test_judge.py"),
        (slow, "s of a core"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_reader_with_a_fault_is_found(
    fail: Callable[[str], object], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fed, "MOST_CPU_S", 0.01)
    told = after(reading(fail), tmp_path)
    [breach] = told.found
    assert named in breach
    shown = DIGITS in breach or CANARY in breach
    assert not shown
    kept = (tmp_path / told.found[breach]).read_bytes() == HOSTILE
    assert kept


def test_a_reader_without_a_fault_is_not(tmp_path: Path) -> None:
    told = after(reading(good), tmp_path)
    assert told.found == {}
    assert told.outcomes == {"refused": 3}


def after(run: Callable[[bytes], str], keep: Path) -> Told:
    """Feed the same hostile bytes three times: a breach is told once."""
    harness = Harness("planted", run, 3, keep)
    for _ in range(3):
        harness(HOSTILE)
    return harness.told


async def ok(_request: bytes, _raw: Any) -> bytes:
    return pb.BatchTokenizeResponse().SerializeToString()


async def internal(_request: bytes, _raw: Any) -> bytes:
    raise StatusError(Code.INTERNAL, "ERROR_REASON_INTERNAL", "internal error")


async def echoing(request: bytes, _raw: Any) -> bytes:
    raise StatusError(Code.INVALID_ARGUMENT, "REASON", "no", field_violations=[(str(request), "x")])


async def escaping(_request: bytes, _raw: Any) -> bytes:
    raise LookupError


async def logging(request: bytes, _raw: Any) -> bytes:
    structlog.get_logger("planted").warning("refused", reason=request.decode().split()[-1])
    return await ok(request, _raw)


async def failing_item(_request: bytes, _raw: Any) -> bytes:
    return item(status_pb2.Status(code=13, message="internal error"))


async def echoing_item(request: bytes, _raw: Any) -> bytes:
    return item(status_pb2.Status(code=3, message=request.decode()))


async def endless(_request: bytes, _raw: Any) -> bytes:
    return item(status_pb2.Status(code=3, message="x" * (5 << 20)))


def item(status: status_pb2.Status) -> bytes:
    result = pb.BatchTokenizeResult(error=status)
    return pb.BatchTokenizeResponse(results=[result]).SerializeToString()


@pytest.mark.parametrize(
    ("unary", "named"),
    [
        (internal, "answers INTERNAL"),
        (echoing, "the status of BatchTokenize echoes"),
        (logging, "the log echoes"),
        (failing_item, "an item of BatchTokenize ends with INTERNAL"),
        (echoing_item, "an item's status of BatchTokenize echoes"),
        (endless, "more than a message may have"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_service_with_a_fault_is_found(unary: Any, named: str) -> None:
    with pytest.raises(Broken, match=named):
        called(unary)


def test_a_service_without_a_fault_is_not() -> None:
    assert called(ok) == "BatchTokenize OK"
    with pytest.raises(LookupError):  # what escapes a guard is the harness's to tell
        called(escaping)


def called(unary: Any) -> str:
    path = "/cardvault.vault.v1.VaultService/BatchTokenize"
    kinds = (pb.BatchTokenizeRequest, pb.BatchTokenizeResponse)
    route = Route(path, *kinds, Kind.UNARY, None, unary)
    with asyncio.Runner() as runner, logged("vault") as log:
        door = Door(runner.get_loop(), Live([Guarded(route, unary, None)]), log)
        return door(b"\x00\xff" + HOSTILE)


def test_words_of_the_inputs_become_those_of_the_service() -> None:
    live = Live([], {b"tok_fuzz": b"tok_real"})
    assert live.understood(b"a tok_fuzz b") == b"a tok_real b"


def test_metrics_that_echo_are_found() -> None:
    registry = CollectorRegistry()
    counter = Counter("refused", "By name.", ["name"], registry=registry)
    counter.labels("shop").inc()
    judge_metrics(registry)
    counter.labels(CANARY).inc()
    with pytest.raises(Broken):
        judge_metrics(registry)


def done(code: int = 0, **told: Any) -> Done:
    values: dict[str, Any] = {"name": "pan", "wanted": 40_000, "executions": 40_000, **told}
    return Done(Piece("pan", 40_000, 7), Told(**values), code)


def test_the_proof_names_what_its_pieces_found() -> None:
    grown = [(at * 1_000, 100 + (at > 30) * 6) for at in range(1, 41)]
    found = [
        done(found={"KeyError at cards/pan.py:1 in x": "pan-1.bin"}),
        done(resident=grown),
        done(code=-9, executions=12),
        Done(Piece("pan", 5, 7), None, 1),
        done(),
    ]
    [row] = rows(found)
    assert row.violations == (
        "pan (seed 7): KeyError at cards/pan.py:1 in x: pan-1.bin",
        "pan (seed 7): memory grew by 6.0% after the warm-up",
        "pan (seed 7): the process ended with -9 after 12 executions",
        "pan (seed 7): the process ended with 1 before it told anything",
    )


def test_a_leak_is_growth_and_a_single_look_at_more_is_not() -> None:
    looks = range(1_000, 40_001, 1_000)
    steady = {at: 150_000_000 + (at % 7) * 100 for at in looks}
    peaks = {**steady, 10_000: 120_000_000, 40_000: 190_000_000}
    leak = {at: 100 * at + size for at, size in steady.items()}
    growths = [
        Told("pan", 40_000, resident=list(sizes.items())).growth for sizes in (steady, peaks, leak)
    ]
    assert growths[0] < 0.001
    assert growths[1] < 0.001
    assert 0.012 < growths[2] < 0.02  # 100 bytes an execution


def test_a_plan_has_the_whole_volume() -> None:
    pieces = planned(7, 10_000_000)
    assert 10_000_000 <= sum(each.runs for each in pieces) < 10_001_000
    assert len({(each.target, each.seed) for each in pieces}) == len(pieces)
