"""The checker is itself checked: a small whole run passes, and each thing done to it is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from tests.e2e.kills.checker import Breach, Violation, violations
from tests.e2e.kills.evidence import Event, Evidence, Record, SeenCard, StoredRow
from tests.e2e.kills.history import Change, End, History, Kind, Read, Reveal

# One card stored, given another number, closed, deleted and brought back; one reveal of each sort.
_STEPS: Final[tuple[tuple[Kind, dict[str, str | int], str, str], ...]] = (
    (Kind.TOKENIZE, {"number": 5, "tag": "n5", "expiry_year": 2029}, "stored", "ACTIVE"),
    (Kind.UPDATE, {"number": 6}, "updated", "ACTIVE"),
    (Kind.SET_STATUS, {"status": "CLOSED"}, "status_changed", "CLOSED"),
    (Kind.DELETE, {}, "deleted", "DELETED"),
    (Kind.UNDELETE, {}, "undeleted", "CLOSED"),
    (Kind.UPDATE, {"tag": "t7"}, "updated", "CLOSED"),
)
_LAST: Final = len(_STEPS)


def _history() -> History:
    changes = [
        Change(0, kind, f"id-{step}", "tok", wants, 1, End.DONE, step)
        for step, (kind, wants, _type, _status) in enumerate(_STEPS, 1)
    ]
    again = Change(1, Kind.TOKENIZE, "id-again", "tok", {"number": 6}, 2, End.DONE, _LAST)
    refused = Change(1, Kind.UPDATE, "id-refused", "tok", {"tag": "t8"}, 1, End.REFUSED)
    open_one = Change(1, Kind.UPDATE, "id-open", "tok", {"tag": "t9"}, 1)
    return History(
        [*changes, again, refused, open_one],
        [Reveal(0, "tok", "id-reveal", 6, End.DONE, 6), Reveal(0, "tok", "", 6, End.DONE, 6)],
        [Read("tok", 2, 2)],
    )


def _evidence() -> Evidence:
    changed = [
        Record(kind, "ok", "tok", f"id-{step}", step)
        for step, (kind, _wants, _type, _status) in enumerate(_STEPS, 1)
    ]
    others = [
        Record(Kind.TOKENIZE, "ok", "tok", "id-again", 0),
        Record(Kind.UPDATE, "refused", "tok", "id-refused", 0),
        Record("card.reveal", "ok", "tok", "id-reveal", 0),
        Record("card.reveal", "ok", "tok", "", 0),
    ]
    return Evidence(
        cards={"tok": SeenCard(_LAST, 2, "CLOSED", 6, "t7", 2029, "cus", 2)},
        rows={"tok": StoredRow(_LAST, 2, "cus", "fp")},
        old_versions={"tok": [1]},
        records=changed + others,
        requests={f"id-{step}": "tok" for step in range(1, _LAST + 1)} | {"id-again": "tok"},
        events=[
            Event("tok", step, f"cardvault.card.{type_}", step, status, bytes([step]))
            for step, (_kind, _wants, type_, status) in enumerate(_STEPS, 1)
        ],
    )


def _found(history: History, evidence: Evidence) -> set[Breach]:
    return {violation.breach for violation in violations(history, evidence)}


def test_a_whole_run_passes() -> None:
    assert violations(_history(), _evidence()) == []


def test_events_may_come_twice() -> None:
    evidence = _evidence()
    evidence.events += evidence.events[2:]
    assert violations(_history(), evidence) == []


def test_what_is_in_doubt_may_have_happened_whole() -> None:
    evidence = _evidence()
    evidence.records.append(Record(Kind.UPDATE, "ok", "tok", "id-open", _LAST + 1))
    evidence.requests["id-open"] = "tok"
    card, row = evidence.cards["tok"], evidence.rows["tok"]
    evidence.cards["tok"] = card._replace(revision=_LAST + 1, tag="t9")
    evidence.rows["tok"] = row._replace(revision=_LAST + 1)
    evidence.events.append(
        Event("tok", _LAST + 1, "cardvault.card.updated", _LAST + 1, "CLOSED", b"last")
    )
    assert violations(_history(), evidence) == []


def _without(evidence: Evidence, request_id: str) -> None:
    evidence.records = [each for each in evidence.records if each.request_id != request_id]


def _card(evidence: Evidence, **fields: str | int) -> None:
    evidence.cards["tok"] = evidence.cards["tok"]._replace(**fields)  # type: ignore[arg-type]


def _row(evidence: Evidence, **fields: str | int) -> None:
    evidence.rows["tok"] = evidence.rows["tok"]._replace(**fields)  # type: ignore[arg-type]


def _answered(history: History, place: int, **fields: str | int) -> None:
    history.changes[place] = replace(history.changes[place], **fields)  # type: ignore[arg-type]


def _event(evidence: Evidence, place: int, **fields: str | int | bytes) -> None:
    evidence.events[place] = evidence.events[place]._replace(**fields)  # type: ignore[arg-type]


def _second_card(evidence: Evidence) -> None:
    evidence.rows["tok2"] = evidence.rows["tok"]


Spoil = Callable[[History, Evidence], object]

SPOILT: Final[tuple[tuple[Breach, str, Spoil], ...]] = (
    (Breach.LOST_WRITE, "record gone", lambda _h, e: _without(e, "id-6")),
    (Breach.LOST_WRITE, "existing's record gone", lambda _h, e: _without(e, "id-again")),
    (Breach.LOST_WRITE, "request forgotten", lambda _h, e: e.requests.pop("id-2")),
    (Breach.LOST_WRITE, "other token", lambda h, _e: _answered(h, 6, token="tok9")),
    (Breach.LOST_WRITE, "other revision", lambda h, _e: _answered(h, 1, revision=5)),
    (Breach.LOST_WRITE, "row gone", lambda _h, e: e.rows.clear()),
    (Breach.LOST_WRITE, "card not shown", lambda _h, e: e.cards.clear()),
    (Breach.LOST_WRITE, "row of before", lambda _h, e: _row(e, revision=5)),
    (Breach.LOST_WRITE, "card of before", lambda _h, e: _card(e, revision=5)),
    (Breach.LOST_WRITE, "version gone", lambda _h, e: e.old_versions.clear()),
    (Breach.LOST_WRITE, "version not listed", lambda _h, e: _card(e, versions=1)),
    (Breach.DOUBLE_EFFECT, "recorded twice", lambda _h, e: e.records.append(e.records[5])),
    (
        Breach.DOUBLE_EFFECT,
        "one revision, two makers",
        lambda _h, e: e.records.append(e.records[5]._replace(request_id="id-open")),
    ),
    (Breach.DOUBLE_EFFECT, "a number stored twice", lambda _h, e: _second_card(e)),
    (
        Breach.UNASKED_EFFECT,
        "nobody's record",
        lambda _h, e: e.records.append(Record(Kind.UPDATE, "ok", "tok", "id-who", 7)),
    ),
    (Breach.UNASKED_EFFECT, "nobody's request", lambda _h, e: e.requests.update(who="tok")),
    (Breach.UNASKED_EFFECT, "a revision too many", lambda _h, e: _row(e, revision=7)),
    (
        Breach.UNASKED_EFFECT,
        "nobody's reveal",
        lambda _h, e: e.records.append(Record("card.reveal", "ok", "tok", "", 0)),
    ),
    (Breach.REFUSED_YET_DONE, "refused", lambda h, _e: _answered(h, 4, end=End.REFUSED)),  # type: ignore[arg-type]
    (Breach.HALF_DONE, "half of it", lambda _h, e: e.requests.update({"id-open": "tok"})),
    (Breach.UNRECORDED_REVEAL, "record gone", lambda _h, e: _without(e, "id-reveal")),
    (Breach.UNRECORDED_REVEAL, "batch's gone", lambda _h, e: _without(e, "")),
    (
        Breach.UNRECORDED_REVEAL,
        "only refused",
        lambda _h, e: e.records.__setitem__(8, e.records[8]._replace(result="refused")),
    ),
    (Breach.WRONG_NUMBER, "other", lambda h, _e: setattr(h.reveals[0], "seen", 5)),
    (Breach.WRONG_NUMBER, "in a batch", lambda h, _e: setattr(h.reveals[1], "seen", -1)),
    (Breach.STALE_READ, "older", lambda h, _e: h.reads.append(Read("tok", 3, 2))),
    (Breach.REVISION_GAP, "in the middle", lambda _h, e: _without(e, "id-3")),
    (Breach.REVISION_GAP, "at the start", lambda _h, e: _without(e, "id-1")),
    (Breach.WRONG_STATE, "status", lambda _h, e: _card(e, status="ACTIVE")),
    (Breach.WRONG_STATE, "number", lambda _h, e: _card(e, number=5)),
    (Breach.WRONG_STATE, "tag", lambda _h, e: _card(e, tag="n5")),
    (Breach.WRONG_STATE, "expiry", lambda _h, e: _card(e, expiry_year=2030)),
    (Breach.WRONG_STATE, "versions", lambda _h, e: _card(e, credential_version=1)),
    (Breach.MISSING_EVENT, "first", lambda _h, e: e.events.pop(0)),
    (Breach.MISSING_EVENT, "last", lambda _h, e: e.events.pop()),
    (Breach.UNASKED_EVENT, "one more", lambda _h, e: e.events.append(_next_event(e))),
    (Breach.EVENT_DIFFERS, "type", lambda _h, e: _event(e, 3, type="cardvault.card.erased")),
    (Breach.EVENT_DIFFERS, "inside", lambda _h, e: _event(e, 3, told_revision=2)),
    (Breach.EVENT_DIFFERS, "status", lambda _h, e: _event(e, 3, told_status="ACTIVE")),
    (
        Breach.EVENT_DIFFERS,
        "repeated otherwise",
        lambda _h, e: e.events.append(e.events[2]._replace(digest=b"other")),
    ),
    (Breach.EVENTS_OUT_OF_ORDER, "swapped", lambda _h, e: e.events.reverse()),
    (Breach.DAMAGED_FILE, "damaged", lambda _h, e: setattr(e, "integrity", "row missing")),
    (Breach.UNEXPECTED_STATUS, "status", lambda h, _e: h.unexpected.append("INTERNAL to Tokenize")),
)


def _next_event(evidence: Evidence) -> Event:
    return evidence.events[-1]._replace(revision=_LAST + 1, told_revision=_LAST + 1)


@pytest.mark.parametrize(
    ("breach", "spoil"),
    [(breach, spoil) for breach, _name, spoil in SPOILT],
    ids=[f"{breach.name}-{name}" for breach, name, _spoil in SPOILT],
)
def test_a_spoilt_run_is_named(breach: Breach, spoil: Spoil) -> None:
    history, evidence = _history(), _evidence()
    spoil(history, evidence)
    assert breach in _found(history, evidence)


def test_every_breach_can_be_found() -> None:
    assert {breach for breach, _name, _spoil in SPOILT} == set(Breach)


def test_a_violation_says_what_and_where() -> None:
    assert str(Violation(Breach.REVISION_GAP, "tok")) == "a card's revisions have a gap: tok"
