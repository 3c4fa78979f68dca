"""The file has whole lines only, private, and synced before they count."""

import base64
import json
import os
from pathlib import Path

import pytest

from chassis.events.file_sink import MAX_LINE, FileEventSink
from chassis.events.ports import EventSink, PoisonEvent, SinkUnavailable
from chassis.events.source import EventSource
from tests.doubles.vault_ports_events import row

SOURCE = EventSource("cardvault/vault", {"cardvault.card.": "cardvault.vault.v1.CardEvent"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def _events(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_an_event_is_a_line_of_cloudevents(path: Path) -> None:
    sink: EventSink = FileEventSink(path, SOURCE)
    async with sink.publisher(0) as publisher:
        await publisher.publish(
            [row("tok_a", 3, payload=b"\x00\xff")._replace(time=1_700_000_000_123_456)]
        )
    assert _events(path) == [
        {
            "specversion": "1.0",
            "id": "acme/tok_a/3",
            "source": "cardvault/vault",
            "type": "cardvault.card.updated",
            "subject": "tok_a",
            "tenant": "acme",
            "partitionkey": "tok_a",
            "time": "2023-11-14T22:13:20.123456+00:00",
            "dataschema": "proto:cardvault.vault.v1.CardEvent",
            "datacontenttype": "application/protobuf",
            "data_base64": base64.b64encode(b"\x00\xff").decode(),
        }
    ]


async def test_lines_are_appended_in_order_by_any_number_of_sinks(path: Path) -> None:
    await FileEventSink(path, SOURCE).publish([row("a", 1), row("a", 2)])
    await FileEventSink(path, SOURCE).publish([row("b", 1)])
    await FileEventSink(path, SOURCE).publish([])
    assert [event["id"] for event in _events(path)] == ["acme/a/1", "acme/a/2", "acme/b/1"]


async def test_only_the_owner_may_read_it(path: Path) -> None:
    await FileEventSink(path, SOURCE).publish([row("a", 1)])
    assert os.stat(path).st_mode & 0o777 == 0o600  # noqa: PTH116


@pytest.mark.parametrize("torn", [b'{"specversion', b"x" * 200_000], ids=["short", "long"])
@pytest.mark.parametrize("before", [0, 1], ids=["first line", "second line"])
async def test_a_line_torn_by_a_crash_goes(path: Path, torn: bytes, before: int) -> None:
    if before:
        await FileEventSink(path, SOURCE).publish([row("a", 1)])
    with open(path, "ab") as file:  # noqa: ASYNC230, PTH123
        file.write(torn)
    await FileEventSink(path, SOURCE).publish([row("a", 2)])
    assert [event["id"] for event in _events(path)] == ["acme/a/1", "acme/a/2"][1 - before :]


async def test_an_event_too_large_is_poison_and_writes_nothing(path: Path) -> None:
    with pytest.raises(PoisonEvent):
        await FileEventSink(path, SOURCE).publish(
            [row("a", 1), row("b", 1, payload=bytes(MAX_LINE))]
        )
    assert not os.path.exists(path)  # noqa: PTH110, ASYNC240


async def test_a_directory_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable):
        await FileEventSink(tmp_path / "nowhere" / "events", SOURCE).publish([row("a", 1)])


async def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", path)  # noqa: PTH211
    with pytest.raises(SinkUnavailable):
        await FileEventSink(path, SOURCE).publish([row("a", 1)])


async def test_nothing_counts_before_the_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def failing(file: int) -> None:
        seen.append(os.fstat(file).st_size)
        raise OSError

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(SinkUnavailable):
        await FileEventSink(path, SOURCE).publish([row("a", 1)])
    assert seen[0] > 0
