"""Logs: what may leave, what is cut, and that a card number never does."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from chassis.failures import MAX_FRAMES, describe
from chassis.logs import FIELDS, configure_logs
from chassis.redaction import REDACTED, redact
from tests.doubles.chassis_service import SECRET, SERVICE, Service
from tests.doubles.chassis_wires import FakeRawCall
from tests.doubles.logged import logged


@dataclass
class Lines:
    out: io.StringIO
    dropped: list[int]
    redacted: list[int]

    @property
    def raw(self) -> str:
        return self.out.getvalue()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.all[-1]

    @property
    def leaked(self) -> bool:
        return SECRET in self.raw


@pytest.fixture
def lines() -> Iterator[Lines]:
    dropped: list[int] = []
    redacted: list[int] = []
    with logged(
        fields=frozenset({"shelf"}), on_dropped=dropped.append, on_redacted=redacted.append
    ) as out:
        yield Lines(out, dropped, redacted)


def test_a_line_is_json_with_known_fields(lines: Lines) -> None:
    structlog.get_logger().info("started", port=50051, shelf="a", frames=["x:1 f"])
    line = lines.last
    assert line["event"] == "started"
    assert (line["level"], line["service"], line["port"]) == ("info", "test", 50051)
    assert line["shelf"] == "a"
    assert line["frames"] == ["x:1 f"]
    assert line["timestamp"].endswith("Z")
    assert lines.dropped == []


def test_unknown_fields_are_dropped_and_counted(lines: Lines) -> None:
    structlog.get_logger().info("started", request="anything", pan=SECRET, count=1)
    assert set(lines.last) == {"event", "level", "service", "timestamp", "count", "dropped"}
    assert lines.last["dropped"] == 2
    assert lines.dropped == [2]
    assert not lines.leaked


class Shouting(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [StringValue(value=SECRET), b"bytes", {"a": 1}, [["nested"]], Shouting("x"), ValueError("x")],
    ids=["message", "bytes", "mapping", "nested", "subclass", "exception"],
)
def test_only_plain_values_leave(lines: Lines, value: object) -> None:
    structlog.get_logger().info("started", reason=value)
    assert "reason" not in lines.last
    assert lines.last["dropped"] == 1


@pytest.mark.parametrize("kind", [str, int, float, list], ids=lambda kind: str(kind.__name__))
def test_a_card_number_in_a_known_field_is_redacted(lines: Lines, kind: type) -> None:
    value = [f"card {SECRET}"] if kind is list else kind(SECRET)
    structlog.get_logger().info("started", reason=value)
    assert not lines.leaked
    assert REDACTED in lines.raw
    assert sum(lines.redacted) == 1


def test_a_card_number_in_the_event_is_redacted(lines: Lines) -> None:
    structlog.get_logger().warning(f"odd {SECRET}")
    assert lines.last["event"] == f"odd {REDACTED}"


def test_values_are_cut(lines: Lines) -> None:
    structlog.get_logger().info("started", reason="x" * 10_000, frames=["y"] * 1_000, port=True)
    assert len(lines.last["reason"]) == 500
    assert len(lines.last["frames"]) == 32
    assert lines.last["port"] is True


def test_a_cut_does_not_leave_half_a_number(lines: Lines) -> None:
    structlog.get_logger().info("started", reason="x" * 490 + SECRET)
    logging.getLogger("library").warning("x" * 490 + SECRET)  # noqa: G003 - a library might
    leaked = SECRET[:6] in lines.raw
    assert not leaked


def test_exceptions_have_a_type_and_frames_and_no_text(lines: Lines) -> None:
    try:
        raise ValueError(SECRET) from KeyError(SECRET)
    except ValueError as error:
        structlog.get_logger().exception("failed")
        structlog.get_logger().error("failed", exc_info=error)
        logging.getLogger("library").exception("failed")
    for line in lines.all:
        assert line["error_type"] == "ValueError"
        assert line["error_causes"] == ["KeyError"]
        assert "test_exceptions_have_a_type" in line["frames"][-1]
    assert not lines.leaked


def test_an_exception_of_a_handler_is_not_logged_with_its_text(lines: Lines) -> None:
    service = Service()
    crash = {g.route.path: g.unary for g in service.routes()}[f"/{SERVICE}/Crash"]
    assert crash is not None
    coroutine: Any = crash(StringValue(value=SECRET).SerializeToString(), FakeRawCall())
    with pytest.raises(Exception, match="internal error"):
        coroutine.send(None)
    assert lines.last["event"] == "unexpected error"
    assert lines.last["logger"] == "chassis.guard"
    assert lines.last["error_type"] == "ValueError"
    assert lines.redacted == []
    assert not lines.leaked


def test_records_of_libraries_lose_arguments_and_further_lines(lines: Lines) -> None:
    library = logging.getLogger("library")
    library.warning("no arguments: %s", SECRET)
    assert lines.last["event"] == "no arguments: %s"
    library.error("Task exception was never retrieved\nfuture: <ValueError('%s')>" % SECRET)  # noqa: UP031 - asyncio does this
    assert lines.last["event"] == "Task exception was never retrieved"
    library.error(ValueError(SECRET))
    assert lines.last["event"] == "ValueError"
    assert lines.last["logger"] == "library"
    assert not lines.leaked
    assert lines.redacted == []


def test_debug_of_libraries_stays_off(lines: Lines) -> None:
    configure_logs(service="test", level="DEBUG", stream=lines.out)
    logging.getLogger("library").debug("what I carry")
    structlog.get_logger().debug("ours")
    assert [line["event"] for line in lines.all] == ["ours"]


def test_levels_are_kept(lines: Lines) -> None:
    configure_logs(service="test", level="WARNING", stream=lines.out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines.all] == ["loud"]


def test_the_allow_list_has_no_field_for_content() -> None:
    assert FIELDS.isdisjoint({"request", "response", "message", "card", "pan", "number", "data"})


def test_deep_tracebacks_are_cut_from_the_outside() -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise ValueError(SECRET)
        deep(levels - 1)

    try:
        deep(50)
    except ValueError as error:
        frames = describe(error)["frames"]
    assert isinstance(frames, list)
    assert len(frames) == MAX_FRAMES
    assert all("deep" in frame for frame in frames)


def spaced(separator: str) -> str:
    return separator.join(SECRET[i : i + 4] for i in range(0, 16, 4))


HIDDEN = {
    "bare": SECRET,
    "in text": f"x{SECRET}y",
    "spaces": spaced(" "),
    "hyphens": spaced("-"),
    "after a year": f"2024 {spaced(' ')}",
    "after a short number": f"12 {SECRET}",
    "before an expiry": f"{SECRET} 1227",
    "glued to an expiry": f"{SECRET}1227",
    "twice": f"{SECRET} {SECRET}",
    "lines": f"a\n{SECRET}\nb",
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_number_is_found_however_it_is_written(case: str) -> None:
    cleaned, hits = redact(HIDDEN[case])
    leaked = SECRET[4:] in "".join(filter(str.isdigit, cleaned))
    assert not leaked
    assert hits >= 1
    assert REDACTED in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "2026-11-21T10:18:32Z",
        "port 50051 of 65535",
        "a" * 64,
        "1" * 11,
        "123456789012",
    ],
    ids=["empty", "short", "time", "ports", "hex", "eleven", "no Luhn"],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert redact(text) == (text, 0)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_surroundings_hide_a_number(before: str, after: str) -> None:
    cleaned, _ = redact(f"{before}x{SECRET}x{after}")
    leaked = SECRET in cleaned
    assert not leaked
