"""Answers of feed files (`FeedStore`): recorded, told, replayed, counted; on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cards.outcomes import Outcome
from tests.contract.updater_engines import ENGINES
from tests.contract.updater_rows import (
    BATCH,
    TENANT,
    a_credential,
    a_file,
    a_mark,
    a_question,
    an_answer,
    asked,
    enrol,
    enrolled,
    incidents,
)
from updater.adapters.engine import Engine
from updater.domain.dispositions import Disposition
from updater.domain.errors import FeedFileNotFound
from updater.domain.feed import Answer, Counted, FeedState
from updater.domain.inquiry import InquiryState, ItemState
from updater.domain.mapping import Note

CHANGED = Counted(Outcome.PAN_UPDATED, Disposition.APPLIED)


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def kept(engine: Engine, feed_id: str = "feed_1") -> Sequence[Answer]:
    return await engine.feeds.answers(feed_id, after=(0, ""), limit=99)


async def state_of(engine: Engine, batch_id: str = BATCH) -> InquiryState:
    found = await engine.inquiries.find(batch_id)
    assert found is not None
    return found.state


async def test_answers_are_kept_as_they_are(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    rows = [
        an_answer(1, "tok_2", "REFA", note=Note.DATA_MISSING, reason="EXPIRY_MISSING"),
        an_answer(2, "", "", outcome=Outcome.CLOSED, disposition=Disposition.PARKED),
        an_answer(10, "tok_1", "REFB", shadow=True, record_mac=""),
        an_answer(10, "tok_3", "REFB"),
    ]
    await engine.feeds.record("feed_1", rows, at=45)
    assert await kept(engine) == rows
    assert await engine.feeds.answers("feed_1", after=(0, ""), limit=2) == rows[:2]
    assert await engine.feeds.answers("feed_1", after=(2, ""), limit=9) == rows[2:]
    assert await engine.feeds.answers("feed_1", after=(10, "tok_1"), limit=9) == rows[3:]
    assert await kept(engine, "feed_9") == []


async def test_a_disposition_closes_the_question_and_is_told_to_the_card(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3")))
    await asked(engine, a_question("REFA", "tok_1", "tok_2"), a_question("REFB", "tok_3"))
    first = an_answer(1, "tok_1", "REFA")
    second = an_answer(
        *(1, "tok_2", "REFA"), disposition=Disposition.REJECTED, reason="EXPIRY_BACKWARDS"
    )
    third = an_answer(
        *(2, "tok_3", "REFB"),
        outcome=Outcome.CHANNEL_ERROR,
        disposition=Disposition.NOT_SENT,
        reason="CHANNEL_ERROR",
    )
    await engine.feeds.admit(a_file())
    await engine.feeds.record("feed_1", [first, second], at=45)
    states = [q.state for q in (await engine.inquiries.questions(BATCH)).values()]
    assert states == [ItemState.ANSWERED, ItemState.OPEN]
    card = await enrolled(engine, "tok_1")
    assert (card.last_outcome, card.last_disposition) == (
        Outcome.PAN_UPDATED,
        Disposition.APPLIED,
    )
    assert (card.checked_at, card.open_batch, card.updated_at) == (45, "", 45)
    assert (await enrolled(engine, "tok_3")).open_batch == BATCH
    await engine.feeds.record("feed_1", [third], at=46)
    unchecked = await enrolled(engine, "tok_3")
    assert (unchecked.checked_at, unchecked.open_batch) == (None, "")
    found = await incidents(engine, tenant=TENANT, channel="cybersource")
    assert [(each.subject, each.reason, each.opened_at) for each in found] == [
        ("feed_1/1/tok_2", "REJECTED:EXPIRY_BACKWARDS", 45),
        ("feed_1/2/tok_3", "NOT_SENT:CHANNEL_ERROR", 46),
    ]
    assert [
        (each.feed_id, each.ordinal, each.token, each.merchant_account, each.outcome)
        for each in found
    ] == [
        ("feed_1", 1, "tok_2", "shop", Outcome.PAN_UPDATED),
        ("feed_1", 2, "tok_3", "shop", Outcome.CHANNEL_ERROR),
    ]


async def test_recording_a_record_again_is_nothing(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await asked(engine, a_question("REFA", "tok_1"))
    answer = an_answer(1, "tok_1", "REFA")
    await engine.feeds.admit(a_file())
    await engine.feeds.record("feed_1", [answer], at=45)
    again = replace(answer, disposition=Disposition.REJECTED, outcome=Outcome.CLOSED)
    await engine.feeds.record("feed_1", [again, an_answer(2, "tok_1", "")], at=46)
    assert (await engine.feeds.report("feed_1")).counts == {CHANGED: 2}
    assert (await enrolled(engine, "tok_1")).last_outcome is Outcome.PAN_UPDATED
    assert await incidents(engine) == []
    await engine.feeds.record("feed_1", [answer], at=47)
    assert (await enrolled(engine, "tok_1")).updated_at == 46
    await engine.feeds.record("feed_1", [], at=47)
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.record("feed_9", [], at=47)
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.replayed("feed_9", [], at=47)


async def test_an_answer_hears_of_its_own_inquirys_account_and_tenant_only(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1", covered=frozenset({"shop", "bar"})))
    await enrol(engine, a_credential("tok_1"), tenant="other")
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file())
    await engine.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=45)
    assert (await enrolled(engine, "tok_1", "bar")).last_outcome is None
    other = await engine.enrolments.get("other", "tok_1", "shop")
    assert other is not None
    assert other.last_outcome is None


async def test_what_confirms_nothing_new_ends_a_chain(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await asked(engine, a_question("REF1", "tok_1"), batch_id="1" * 26)
    await engine.inquiries.expire(31, 32)  # or else the card is awaited
    await asked(engine, a_question("REF2", "tok_1", version=2), batch_id="2" * 26)
    assert (await enrolled(engine, "tok_1")).chain == 1
    await engine.feeds.admit(a_file(batch_id="1" * 26))
    new = an_answer(1, "tok_1", "REF1", disposition=Disposition.STALE)
    await engine.feeds.record("feed_1", [new], at=45)
    card = await enrolled(engine, "tok_1")
    assert (card.chain, card.open_batch) == (1, "2" * 26)  # another inquiry awaits it by now
    await engine.feeds.admit(a_file("feed_2", batch_id="2" * 26))
    same = an_answer(1, "tok_1", "REF2", outcome=Outcome.VALID_NO_CHANGE)
    await engine.feeds.record("feed_2", [same], at=46)
    card = await enrolled(engine, "tok_1")
    assert (card.chain, card.open_batch) == (0, "")


async def test_of_several_answers_about_a_card_the_last_one_counts(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file())
    rows = [
        an_answer(1, "tok_1", "REFA", outcome=Outcome.VALID_NO_CHANGE),
        an_answer(2, "tok_1", "", outcome=Outcome.CLOSED, disposition=Disposition.STALE),
        an_answer(3, "tok_1", "", outcome=Outcome.PAN_UPDATED, shadow=True),
    ]
    await engine.feeds.record("feed_1", rows, at=45)
    card = await enrolled(engine, "tok_1")
    assert (card.last_outcome, card.last_disposition) == (Outcome.CLOSED, Disposition.STALE)
    assert (card.checked_at, card.open_batch) == (45, "")


async def test_an_answer_by_number_is_told_to_its_cards_and_leaves_their_questions_open(
    engine: Engine,
) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file())
    rows = [
        *(an_answer(3, token, "", outcome=Outcome.CLOSED) for token in ("tok_1", "tok_2")),
        an_answer(4, "", "", disposition=Disposition.PARKED),
    ]
    await engine.feeds.record("feed_1", rows, at=45)
    awaited, other = await enrolled(engine, "tok_1"), await enrolled(engine, "tok_2")
    assert (awaited.last_outcome, awaited.open_batch) == (Outcome.CLOSED, BATCH)
    assert (other.last_outcome, other.checked_at) == (Outcome.CLOSED, 45)
    (question,) = (await engine.inquiries.questions(BATCH)).values()
    assert question.state is ItemState.OPEN


async def test_a_shadow_answer_is_an_answer_and_changes_nothing(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    await engine.feeds.admit(a_file())
    rows = [
        an_answer(1, "tok_1", "REFA", shadow=True),
        an_answer(2, "tok_2", "REFB", shadow=True, disposition=Disposition.REJECTED, reason="X"),
        an_answer(3, "", "", shadow=True, outcome=Outcome.CHANNEL_ERROR),
    ]
    await engine.feeds.record("feed_1", rows, at=45)
    await engine.feeds.applied("feed_1", 46)
    assert await state_of(engine) is InquiryState.ANSWERED
    card = await enrolled(engine, "tok_1")
    assert (card.open_batch, card.checked_at) == ("", 45)
    assert (card.last_outcome, card.last_disposition) == (None, None)
    assert await incidents(engine) == []
    counts = (await engine.feeds.report("feed_1")).counts
    assert counts[CHANGED._replace(shadow=True)] == 1


async def test_a_replay_brings_answers_out_of_the_shadow(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3")))
    await asked(engine, *(a_question(f"REF{n}", f"tok_{n}") for n in (1, 2, 3)))
    await engine.feeds.admit(a_file())
    settled = an_answer(1, "tok_1", "REF1")
    foreseen = an_answer(2, "tok_2", "REF2", shadow=True)
    staying = an_answer(3, "tok_3", "REF3", shadow=True)
    await engine.feeds.record("feed_1", [settled, foreseen, staying], at=45)
    real = replace(foreseen, shadow=False, disposition=Disposition.REJECTED, reason="X")
    new = an_answer(4, "tok_1", "")
    given = [
        replace(settled, disposition=Disposition.DUPLICATE),
        *(real, replace(staying, disposition=Disposition.STALE), new),
    ]
    for at in (50, 60):
        await engine.feeds.replayed("feed_1", given, at=at)
        assert await kept(engine) == [settled, real, staying, new]
    second, third = await enrolled(engine, "tok_2"), await enrolled(engine, "tok_3")
    assert (second.last_disposition, second.updated_at) == (Disposition.REJECTED, 50)
    assert (third.last_disposition, third.updated_at) == (None, 45)
    assert [each.subject for each in await incidents(engine)] == ["feed_1/2/tok_2"]


async def test_an_answer_by_number_may_turn_out_to_be_about_other_cards(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await engine.feeds.admit(a_file())
    parked = an_answer(1, "", "", disposition=Disposition.PARKED, shadow=True)
    gone = [an_answer(2, token, "", shadow=True) for token in ("tok_7", "tok_8")]
    await engine.feeds.record("feed_1", [parked, *gone], at=45)
    first = [an_answer(1, "tok_1", ""), an_answer(1, "tok_2", "")]
    second = an_answer(2, "tok_8", "")
    for at in (50, 60):
        await engine.feeds.replayed("feed_1", [*first, second], at=at)
        assert await kept(engine) == [*first, gone[0], second]


async def test_an_inquiry_is_answered_when_no_question_is_open(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    await engine.feeds.admit(a_file())
    await engine.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=45)
    await engine.feeds.applied("feed_1", 46)
    assert await state_of(engine) is InquiryState.SENT
    await engine.feeds.admit(a_file("feed_2"))
    await engine.feeds.record("feed_2", [an_answer(1, "tok_2", "REFB")], at=47)
    await engine.feeds.applied("feed_2", 48)
    found = await engine.inquiries.find(BATCH)
    assert found is not None
    assert (found.state, found.ended_at) == (InquiryState.ANSWERED, 48)
    file = await engine.feeds.find("feed_1")
    assert file == replace(a_file(), state=FeedState.APPLIED, applied_at=46)


async def test_late_answers_end_an_inquiry_that_was_given_up_once_all_are_there(
    engine: Engine,
) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    await engine.inquiries.expire(31, 40)
    for number, expected in ((1, InquiryState.EXPIRED), (2, InquiryState.ANSWERED)):
        feed_id = f"feed_{number}"
        await engine.feeds.admit(a_file(feed_id))
        late = an_answer(1, f"tok_{number}", "REFA" if number == 1 else "REFB")
        await engine.feeds.record(feed_id, [late], at=45)
        await engine.feeds.applied(feed_id, 46)
        assert await state_of(engine) is expected


async def test_a_batch_tells_which_records_have_answered_it(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    await engine.feeds.admit(a_file("feed_2"))
    await engine.feeds.admit(a_file("feed_3", batch_id="4" * 26))
    rows = [
        an_answer(1, "tok_1", "REFA", record_mac="m1"),
        an_answer(1, "tok_2", "REFA", record_mac="m1"),
        an_answer(2, "tok_3", "REFB", record_mac="m2"),
        an_answer(3, "tok_4", "", record_mac="m3"),  # by number: no question's
    ]
    await engine.feeds.record("feed_1", rows, at=45)
    await engine.feeds.record("feed_2", [an_answer(1, "tok_1", "REFA", record_mac="m4")], at=46)
    await engine.feeds.record("feed_3", [an_answer(1, "tok_1", "REFC", record_mac="m5")], at=46)
    found = await engine.feeds.answered(BATCH)
    assert {reference: sorted(macs) for reference, macs in found.items()} == {
        "REFA": ["m1", "m4"],
        "REFB": ["m2"],
    }
    assert await engine.feeds.answered("9" * 26) == {}


async def test_reports_count_by_outcome_disposition_and_shadow(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    parked = Disposition.PARKED
    rows = [
        an_answer(1, "tok_1", "REFA"),
        an_answer(2, "", "", disposition=parked),
        an_answer(3, "", "", disposition=parked, shadow=True),
        an_answer(4, "", "", disposition=parked, shadow=True),
    ]
    await engine.feeds.record("feed_1", rows, at=45)
    report = await engine.feeds.report("feed_1")
    assert report.file == a_file()
    assert report.counts == {
        CHANGED: 1,
        Counted(Outcome.PAN_UPDATED, parked): 1,
        Counted(Outcome.PAN_UPDATED, parked, shadow=True): 2,
    }
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.report("feed_9")


async def test_what_was_in_vain_has_answered_nothing(engine: Engine) -> None:
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    await engine.feeds.admit(a_file())
    rows = [
        an_answer(1, "tok_1", "REFA", disposition=Disposition.NOT_SENT, reason="NUMBER_INVALID"),
        an_answer(2, "tok_1", "REFA", disposition=Disposition.DUPLICATE, reason="REPEATED_ROW"),
        an_answer(3, "tok_2", "REFB"),
    ]
    await engine.feeds.record("feed_1", rows, at=48)
    await engine.feeds.applied("feed_1", 49)
    answered = await engine.feeds.answered(BATCH)
    assert {key: set(macs) for key, macs in answered.items()} == {"REFB": {"mac-3"}}
    await engine.feeds.reverted("feed_1", "wrong", at=50, mark=a_mark())
    assert await engine.feeds.answered(BATCH) == {}
