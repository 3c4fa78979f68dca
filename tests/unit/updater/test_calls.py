"""What handlers share: marks that tell requests apart, deadlines, and the line about a decision."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Final

import pytest
from cardvault.updater.v1 import feed_service_pb2 as f

from chassis.call import Call
from chassis.clock import SystemClock
from chassis.identity import Identity
from chassis.status import StatusError
from tests.doubles.logged import logged
from updater.adapters.marks import HmacMarks
from updater.rpc.calls import LOGGED, Calls, decided

CALLS: Final = Calls(HmacMarks(bytes(32)), SystemClock())
ID: Final = "0d0e0f00-0000-4000-8000-00000000000a"


def call(principal: str = "operator", within: float | None = None) -> Call:
    identity = Identity(principal, ("demo",), frozenset(), frozenset())
    deadline = None if within is None else SystemClock().monotonic() + within
    return Call("FeedService/RevertFeedFile", identity, "demo", "", deadline, {})


def request(**fields: object) -> f.RevertFeedFileRequest:
    values = {"request_id": ID, "feed_file_id": "feed_1", "reason": "wrong"}
    return f.RevertFeedFileRequest(**{**values, **fields})  # type: ignore[arg-type]


def test_a_mark_is_of_everything_but_the_id_and_the_id_has_one_spelling() -> None:
    first = CALLS.mark(request(), call())
    assert CALLS.mark(request(request_id=ID.upper()), call()) == first
    for other in (request(dry_run=True), request(reason="other"), request(feed_file_id="feed_2")):
        changed = CALLS.mark(other, call())
        assert changed.request_id == first.request_id
        assert changed.digest != first.digest
    assert CALLS.mark(request(), call("another")).principal == "another"


async def test_work_ends_with_its_deadline() -> None:
    with pytest.raises(StatusError) as late:
        await CALLS.within(call(within=0.01), asyncio.sleep(60))
    assert late.value.reason == "ERROR_REASON_DEADLINE_EXCEEDED"
    assert await CALLS.within(call(), asyncio.sleep(0, "done")) == "done"


def test_who_decided_what_and_why_is_logged() -> None:
    with logged("updater", fields=LOGGED) as stream:
        decided(call("spiffe://demo/operator"), "feed_1", "wrong file")
    line = json.loads(stream.getvalue())
    assert datetime.fromisoformat(line["timestamp"]) <= datetime.now(UTC)
    told = {name: line[name] for name in ("event", "method", "tenant", "principal")}
    assert told == {
        "event": "decided",
        "method": "FeedService/RevertFeedFile",
        "tenant": "demo",
        "principal": "spiffe://demo/operator",
    }
    assert (line["subject"], line["why"]) == ("feed_1", "wrong file")
    assert "dropped" not in line
