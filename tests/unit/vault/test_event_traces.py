"""An event's Trace Context in its bytes: put there when there is one, found without parsing all."""

from __future__ import annotations

from typing import Any

import pytest
from cardvault.vault.v1.event_pb2 import CardEvent as CardEventMessage

from tests.contract.ledger_rows import a_card
from tests.doubles.traces import CALLER, TRACE
from vault.domain.events import CardEvent, EventType, OutboxRow
from vault.rpc import events_out
from vault.rpc.events_out import EVENTS, encode_event, traceparent_in

NAMED = f"00-{TRACE}-{CALLER}-01"


def row(traceparent: str, **card: Any) -> OutboxRow:
    event = CardEvent(
        EventType.STORED,
        a_card("tok_1", **card),
        "",
        "",
        "",
        "",
        1,
        "spiffe://demo/app",
        "",
        traceparent,
    )
    return encode_event(event)


def test_a_traced_calls_event_names_it() -> None:
    found = row(NAMED)
    assert CardEventMessage.FromString(found.payload).traceparent == NAMED
    assert EVENTS.traceparent(found) == NAMED
    assert EVENTS.attributes(found)["traceparent"] == NAMED


def test_all_other_events_have_none_and_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    found, traced = row(""), row(NAMED)
    assert CardEventMessage.FromString(found.payload).traceparent == ""

    class Unparsed:
        @staticmethod
        def FromString(_payload: bytes) -> None:  # noqa: N802 - protobuf's name
            raise AssertionError("parsed")

    monkeypatch.setattr(events_out, "CardEventMessage", Unparsed)
    assert "traceparent" not in EVENTS.attributes(found)
    with pytest.raises(AssertionError, match="parsed"):
        traceparent_in(traced.payload)


def test_what_only_looks_like_one_is_none() -> None:
    lookalike = bytes((12 << 3 | 2, 55)).decode() + NAMED
    found = row("", customer=lookalike)
    assert lookalike.encode() in found.payload
    assert EVENTS.traceparent(found) == ""
