"""The domain as messages: every word is in the contract, and what isn't known is absent."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

import pytest
from cardvault.updater.v1 import event_pb2
from cardvault.updater.v1 import feed_service_pb2 as f
from cardvault.updater.v1 import updater_service_pb2 as u
from cardvault.vault.v1 import card_pb2, update_pb2
from google.protobuf.message import Message

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from chassis.call import Call
from chassis.identity import Identity
from chassis.status import StatusError
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import NotAsked
from updater.domain.events import EventType, Happening
from updater.domain.feed import (
    Answer,
    Counted,
    ExceptionKind,
    FeedFile,
    FeedState,
    HoldReason,
    Incident,
    IncidentState,
)
from updater.rpc.card_numbers import without_card_numbers
from updater.rpc.events_out import encode_event
from updater.rpc.feed_messages import feed_answer, feed_file, updater_exception
from updater.rpc.messages import counts
from updater.usecases.ports_vault import MaskedCard, Undone

AT: Final = 1_800_000_000_123_456
FILE: Final = FeedFile("feed_1", "csv", "a.pgp", 9, "ab" * 32, FeedState.APPLIED, AT, tenant="demo")

WORDS: Final[tuple[tuple[type[StrEnum], Any, str, frozenset[str]], ...]] = (
    (FeedState, f.FeedFileState, "FEED_FILE_STATE_", frozenset()),
    (HoldReason, f.HoldReason, "HOLD_REASON_", frozenset()),
    (ExceptionKind, f.ExceptionKind, "EXCEPTION_KIND_", frozenset()),
    (IncidentState, f.ExceptionState, "EXCEPTION_STATE_", frozenset()),
    (Undone, f.Undone, "UNDONE_", frozenset()),
    (NotAsked, u.NotAskedReason, "NOT_ASKED_REASON_", frozenset()),
    (Outcome, update_pb2.UpdateOutcome, "UPDATE_OUTCOME_", frozenset()),
    (Disposition, update_pb2.Disposition, "DISPOSITION_", frozenset({"NOT_SENT"})),
    (Brand, card_pb2.Brand, "BRAND_", frozenset()),
)
"""Words of the domain, those of the contract, and those that stay inside."""


@pytest.mark.parametrize("row", WORDS, ids=lambda row: row[0].__name__)
def test_every_word_is_in_the_contract_and_every_one_there_is_said(
    row: tuple[type[StrEnum], Any, str, frozenset[str]],
) -> None:
    kind, enum, prefix, inside = row
    said = {f"{prefix}{each.value}" for each in kind} - {f"{prefix}{name}" for name in inside}
    assert said == set(enum.keys()) - {f"{prefix}UNSPECIFIED"}


@pytest.mark.parametrize("state", FeedState)
def test_a_files_state_says_what_else_there_is(state: FeedState) -> None:
    shown = feed_file(replace(FILE, state=state, reason="X"))
    assert shown.HasField("quarantine") == (state is FeedState.QUARANTINED)
    assert shown.HasField("hold") == (state is FeedState.HELD)
    assert not shown.HasField("revert_time")
    assert not shown.HasField("file_time")


def test_what_was_decided_about_a_file_stays_to_be_seen() -> None:
    decided = replace(FILE, reason="MANY_TO_ONE", decided_by="spiffe://op", decided_at=AT)
    hold = feed_file(decided).hold
    assert (hold.reason, hold.decided_by) == (f.HOLD_REASON_MANY_TO_ONE, "spiffe://op")
    assert hold.decide_time.nanos == 123_456_000
    rejected = replace(decided, state=FeedState.QUARANTINED, reason="REJECTED_BY_OPERATOR")
    assert feed_file(rejected).hold.reason == f.HOLD_REASON_UNSPECIFIED
    assert feed_file(rejected).quarantine.reason == "REJECTED_BY_OPERATOR"


@pytest.mark.parametrize(
    ("reason", "offset", "placed"),
    [
        ("FORM_BAD_HEADER", 0, True),
        ("ANSWER_ABOUT_ANOTHER_NUMBER", 0, True),
        ("BATCH_REUSED", 120, True),
        ("BATCH_REUSED", 0, False),
        ("WRONG_KEY", 0, False),
    ],
)
def test_a_place_is_told_where_it_is_about_one(reason: str, offset: int, placed: bool) -> None:
    file = replace(FILE, state=FeedState.QUARANTINED, reason=reason, offset=offset)
    assert feed_file(file).quarantine.HasField("offset") == placed
    incident = Incident(ExceptionKind.FILE_QUARANTINED, "feed_1", reason, offset=offset)
    assert updater_exception(incident).HasField("offset") == placed


def test_counts_are_in_order_and_tell_the_shadow_apart() -> None:
    shown = counts(
        {
            Counted(Outcome.CLOSED, Disposition.APPLIED, shadow=True): 1,
            Counted(Outcome.UNKNOWN, Disposition.NOT_SENT): 2,
            Counted(Outcome.CLOSED, Disposition.STALE): 3,
            Counted(Outcome.CLOSED, Disposition.APPLIED): 4,
        }
    )
    assert [each.count for each in shown] == [4, 3, 2, 1]
    assert [each.shadow for each in shown] == [False, False, False, True]
    assert shown[2].disposition == update_pb2.DISPOSITION_UNSPECIFIED


def test_an_answer_shows_codes_and_card() -> None:
    answer = Answer(3, "tok_1", "ref", "id", Outcome.CLOSED, "C", "", Disposition.CONFLICT)
    shown = feed_answer(replace(answer, reason="ANSWERED_TWICE", shadow=True))
    assert (shown.ordinal, shown.token, shown.raw_code, shown.reason, shown.shadow) == (
        *(3, "tok_1", "C"),
        *("ANSWERED_TWICE", True),
    )
    assert feed_answer(replace(answer, raw_reason="800")).raw_code == "C/800"


def test_an_exception_names_its_inquiry_and_its_card() -> None:
    late = Incident(ExceptionKind.INQUIRY_UNANSWERED, "batch-1", "UNANSWERED", opened_at=AT)
    assert updater_exception(late).inquiry_id == "batch-1"
    card = MaskedCard("tok_1", Brand.VISA, "411111", "1111", Expiry(2030, 2), "CLOSED")
    about = Incident(ExceptionKind.ANSWER_NOT_APPLIED, "x", "CONFLICT", outcome=Outcome.CLOSED)
    shown = updater_exception(about, card)
    assert shown.inquiry_id == ""
    assert shown.outcome == update_pb2.UPDATE_OUTCOME_CLOSED
    assert (shown.card.last4, shown.card.expiry_month, shown.card.expiry_year) == ("1111", 2, 2030)
    assert not updater_exception(about).HasField("card")


@pytest.mark.parametrize(
    ("kind", "file", "field"),
    [
        (EventType.FEED_HELD, replace(FILE, state=FeedState.HELD, reason="CLOSED_SHARE"), "hold"),
        (
            EventType.FEED_REVERTED,
            replace(FILE, state=FeedState.REVERTED, reverted_at=AT),
            "revert_time",
        ),
    ],
)
def test_events_carry_the_file_as_it_is_shown(kind: EventType, file: FeedFile, field: str) -> None:
    event = event_pb2.FeedEvent.FromString(encode_event(Happening(kind, file, 4, AT)))
    assert (event.event_type, event.tenant, event.sequence) == (kind.value, "demo", 4)
    assert event.feed_file == feed_file(file)
    assert event.feed_file.HasField(field)


CALL: Final = Call("m", Identity("p", ("demo",), frozenset(), frozenset()), "demo", "o", None, {})
LOOKS_LIKE_ONE: Final = "4111" + "1" * 12


async def _answered(_request: Any, _call: Call) -> Message:
    return f.ApproveFeedFileResponse()


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"feed_file_id": LOOKS_LIKE_ONE}, "feed_file_id"),
        ({"reason": f"see {LOOKS_LIKE_ONE}"}, "reason"),
        ({"reason": " ".join(LOOKS_LIKE_ONE[at : at + 4] for at in range(0, 16, 4))}, "reason"),
        ({"feed_file_id": f"feed_{LOOKS_LIKE_ONE}", "reason": "no number: 1234"}, ""),
    ],
    ids=["an id", "in a sentence", "in groups", "neither"],
)
async def test_ids_are_judged_whole_and_sentences_searched(
    fields: dict[str, str], bad: str
) -> None:
    checked: Callable[..., Any] = without_card_numbers(f.ApproveFeedFileRequest, _answered)
    request = f.ApproveFeedFileRequest(**fields)
    if not bad:
        assert await checked(request, CALL) == f.ApproveFeedFileResponse()
        return
    with pytest.raises(StatusError) as refused:
        await checked(request, CALL)
    assert [path for path, _ in refused.value.field_violations] == [bad]


def test_a_request_that_is_not_flat_fails_at_the_start() -> None:
    for nested in (f.FeedFile, f.RevertFeedFileResponse):
        with pytest.raises(TypeError, match="not flat"):
            without_card_numbers(nested, _answered)
