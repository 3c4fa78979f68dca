"""Inquiries and their questions (`InquiryStore`), on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
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
    an_inquiry,
    as_written,
    asked,
    enrol,
    enrolled,
    incidents,
)
from updater.adapters.engine import Engine
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus
from updater.domain.errors import RequestIdReused
from updater.domain.feed import Counted, ExceptionKind
from updater.domain.inquiry import AskedCard, InquiryState, ItemState
from updater.usecases.ports_store import InquiryProgress


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def told(engine: Engine) -> list[tuple[ExceptionKind, str, str, int]]:
    return [
        (each.kind, each.subject, each.reason, each.opened_at) for each in await incidents(engine)
    ]


async def test_a_new_inquirys_cards_are_awaited(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3")))
    both, one = a_question("REFB", "tok_1", "tok_2"), a_question("REFA", "tok_3")
    await engine.inquiries.create(an_inquiry(), [both, one])
    assert await engine.inquiries.find(BATCH) == an_inquiry()
    assert await engine.inquiries.find("other") is None
    kept = await engine.inquiries.questions(BATCH)
    assert list(kept.values()) == [both, one]  # in the order of the file
    assert {(await enrolled(engine, f"tok_{n}")).open_batch for n in (1, 2, 3)} == {BATCH}
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(3, 0, {})


async def test_an_inquiry_awaits_cards_of_its_own_account_and_tenant_only(engine: Engine) -> None:
    two = frozenset({"shop", "bar"})
    await enrol(engine, a_credential("tok_1", covered=two))
    await enrol(engine, a_credential("tok_1"), tenant="other")
    await engine.inquiries.create(an_inquiry(), [a_question("REF", "tok_1")])
    assert (await enrolled(engine, "tok_1", "bar")).open_batch == ""
    other = await engine.enrolments.get("other", "tok_1", "shop")
    assert other is not None
    assert other.open_batch == ""


async def test_a_request_creates_one_inquiry(engine: Engine) -> None:
    mark = a_mark()
    assert await engine.inquiries.by_request(mark) is None
    await engine.inquiries.create(an_inquiry(), [], mark)
    await engine.inquiries.create(an_inquiry("2" * 26), [a_question("REF")], mark)
    assert await engine.inquiries.by_request(mark) == an_inquiry()
    assert await engine.inquiries.find("2" * 26) is None
    for refused in (
        engine.inquiries.by_request(replace(mark, digest="other")),
        engine.inquiries.create(an_inquiry("3" * 26), [], replace(mark, digest="other")),
    ):
        with pytest.raises(RequestIdReused):
            await refused
    assert await engine.inquiries.find("3" * 26) is None


async def test_lists_by_state_and_tenant(engine: Engine) -> None:
    ids = [str(n) * 26 for n in (3, 1, 2)]
    for batch_id in ids:
        await engine.inquiries.create(an_inquiry(batch_id), [])
    await engine.inquiries.create(an_inquiry("4" * 26, tenant="other"), [])
    await engine.inquiries.emptied("2" * 26, {}, 25)
    open_ones = await engine.inquiries.in_state(InquiryState.CREATED, InquiryState.WRITTEN)
    assert [each.batch_id[0] for each in open_ones] == ["1", "3", "4"]
    assert [each.ended_at for each in await engine.inquiries.in_state(InquiryState.EMPTY)] == [25]

    async def page(
        *states: InquiryState, channel: str = "", before: str = "", limit: int = 9
    ) -> str:
        found = await engine.inquiries.page(
            TENANT, channel=channel, states=states, before=before, limit=limit
        )
        return "".join(each.batch_id[0] for each in found)

    assert await page() == "321"
    assert await page(limit=2) == "32"
    assert await page(before="2" * 26) == "1"
    assert await page(InquiryState.CREATED) == "31"
    assert await page(channel="cybersource") == "321"
    assert await page(channel="elsewhere") == ""


async def test_what_is_written_counts_as_asked(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3", "tok_4")))
    kept, leaving = a_question("REFA", "tok_1", "tok_2"), a_question("REFB", "tok_3")
    await engine.inquiries.create(an_inquiry(), [kept, leaving, a_question("REFC", "tok_4")])
    # The first card turned out to hold newer contents than the second, which leaves the question.
    newer = replace(kept, cards=(AskedCard("tok_1", 2),), number_mac="mac-a")
    done = as_written(an_inquiry())
    await engine.inquiries.written(
        done, [newer, replace(leaving, number_mac="mac-b")], {"REFC": "STATUS_FORBIDS"}
    )
    assert await engine.inquiries.find(BATCH) == done
    questions = await engine.inquiries.questions(BATCH)
    assert questions["REFA"] == newer
    assert questions["REFB"].number_mac == "mac-b"
    assert questions["REFC"].state is ItemState.DROPPED
    first, second, third, fourth = [await enrolled(engine, f"tok_{n}") for n in (1, 2, 3, 4)]
    assert (first.open_batch, first.asked_at, first.asked_version) == (BATCH, 30, 2)
    assert (second.open_batch, second.asked_at, second.asked_version) == ("", None, None)
    assert (third.open_batch, third.asked_at, third.asked_version) == (BATCH, 30, 1)
    assert (fourth.open_batch, fourth.asked_at, fourth.asked_version) == ("", 30, 1)
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(2, 0, {})
    assert await told(engine) == [(ExceptionKind.CARD_NOT_ASKED, "REFC", "STATUS_FORBIDS", 30)]


async def test_questions_that_go_up_in_another_one_give_it_their_cards(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3", "tok_4")))
    first, second = a_question("REFA", "tok_1"), a_question("REFB", "tok_2", "tok_3")
    await engine.inquiries.create(an_inquiry(), [first, second, a_question("REFC", "tok_4")])
    # Two turned out to hold one number; the third card was no longer what the second one is.
    cards = (AskedCard("tok_1", 1), AskedCard("tok_2", 2))
    merged = replace(first, cards=cards, number_mac="mac-a")
    await engine.inquiries.written(as_written(an_inquiry()), [merged], {"REFC": "STATUS_FORBIDS"})
    questions = await engine.inquiries.questions(BATCH)
    assert questions["REFA"] == merged
    assert sorted(questions) == ["REFA", "REFC"]
    one, two, three = [await enrolled(engine, f"tok_{n}") for n in (1, 2, 3)]
    assert (one.open_batch, one.asked_at, one.asked_version) == (BATCH, 30, 1)
    assert (two.open_batch, two.asked_at, two.asked_version) == (BATCH, 30, 2)
    assert (three.open_batch, three.asked_at) == ("", None)
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(2, 0, {})
    assert [each[1] for each in await told(engine)] == ["REFC"]


async def test_new_contents_after_an_update_lengthen_the_chain(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))

    async def ask(batch: str, version: int) -> int:
        question = a_question(f"REF{batch}", "tok_1", version=version)
        inquiry = an_inquiry(batch * 26)
        assert await engine.inquiries.create(inquiry, [question])
        await engine.inquiries.written(as_written(inquiry), [question], {})
        chain = (await enrolled(engine, "tok_1")).chain
        await engine.inquiries.emptied(inquiry.batch_id, {}, 32)  # or else the card is awaited
        return chain

    assert [await ask("1", 1), await ask("2", 2), await ask("3", 3), await ask("4", 3)] == [
        *(0, 1, 2),
        0,
    ]


async def test_of_a_dropped_question_the_first_card_counts_as_asked(engine: Engine) -> None:
    """It was the one that was to be revealed; the others are asked about another time."""
    await enrol(engine, a_credential("tok_2", credential_version=4), a_credential("tok_1"))
    await engine.inquiries.create(an_inquiry(), [a_question("REF", "tok_2", "tok_1")])
    await engine.inquiries.emptied(BATCH, {"REF": "CARD_NOT_FOUND"}, 35)
    first, second = await enrolled(engine, "tok_1"), await enrolled(engine, "tok_2")
    assert (first.open_batch, first.asked_at, first.asked_version) == ("", 35, 1)
    assert (second.open_batch, second.asked_at) == ("", None)
    found = await engine.inquiries.find(BATCH)
    assert found is not None
    assert (found.state, found.ended_at) == (InquiryState.EMPTY, 35)
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(0, 0, {})


async def test_nothing_is_emptied_that_is_not_there(engine: Engine) -> None:
    await engine.inquiries.emptied("9" * 26, {"REF": "X"}, 35)
    assert await told(engine) == []


async def test_sent_is_noted_once_and_only_of_what_was_written(engine: Engine) -> None:
    await engine.inquiries.create(an_inquiry(), [])
    await engine.inquiries.sent(BATCH, 31)
    assert (await engine.inquiries.find(BATCH)) == an_inquiry()
    await engine.inquiries.written(as_written(an_inquiry()), [], {})
    await engine.inquiries.sent(BATCH, 32)
    await engine.inquiries.sent(BATCH, 33)
    found = await engine.inquiries.find(BATCH)
    assert found is not None
    assert (found.state, found.sent_at) == (InquiryState.SENT, 32)


async def test_overdue_questions_are_given_up(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3")))
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    await asked(engine, a_question("REFC", "tok_3"), batch_id="2" * 26)
    await engine.feeds.admit(a_file())
    await engine.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=45)
    assert await engine.inquiries.expire(30, 50) == 0  # asked at 30, not before
    assert await engine.inquiries.expire(31, 50) == 2
    assert await engine.inquiries.expire(31, 60) == 0
    states = {q.reference: q.state for q in (await engine.inquiries.questions(BATCH)).values()}
    assert states == {"REFA": ItemState.ANSWERED, "REFB": ItemState.UNANSWERED}
    found = await engine.inquiries.find(BATCH)
    assert found is not None
    assert (found.state, found.ended_at) == (InquiryState.EXPIRED, 50)
    assert (await enrolled(engine, "tok_2")).open_batch == ""
    assert {each[:2] for each in await told(engine)} == {
        (ExceptionKind.INQUIRY_UNANSWERED, BATCH),
        (ExceptionKind.INQUIRY_UNANSWERED, "2" * 26),
    }


async def test_progress_counts_cards_and_answers(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3")))
    await asked(engine, a_question("REFA", "tok_1", "tok_2"), a_question("REFB", "tok_3"))
    answers = [an_answer(1, "tok_1", "REFA"), an_answer(1, "tok_2", "REFA")]
    late = an_answer(2, "tok_3", "REFB", outcome=Outcome.NO_MATCH, shadow=True)
    await engine.feeds.admit(a_file())
    await engine.feeds.admit(a_file("feed_2"))
    await engine.feeds.record("feed_1", answers, at=45)
    changed = Counted(Outcome.PAN_UPDATED, Disposition.APPLIED)
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(3, 2, {changed: 2})
    await engine.feeds.record("feed_2", [late], at=46)  # another file of the same batch
    unseen = Counted(Outcome.NO_MATCH, Disposition.APPLIED, shadow=True)
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(3, 3, {changed: 2, unseen: 1})


async def test_short_batch_ids_are_counted_and_come_round_again(engine: Engine) -> None:
    assert [await engine.inquiries.next_wire("gp", 1) for _ in range(11)] == [
        *(str(number) for number in range(1, 10)),
        *("1", "2"),
    ]
    assert await engine.inquiries.next_wire("other", 4) == "0001"
    assert await engine.inquiries.next_wire("other", 4) == "0002"


async def test_the_newest_inquiry_of_a_wire_batch_is_found(engine: Engine) -> None:
    for number, channel in enumerate(("gp", "gp", "mes"), start=1):
        inquiry = an_inquiry(str(number) * 26, channel=channel, wire_batch="0007", network="V")
        await engine.inquiries.create(inquiry, [])
    await engine.inquiries.create(an_inquiry("4" * 26, channel="gp", wire_batch="0008"), [])

    async def found(channel: str, wire: str) -> str:
        inquiry = await engine.inquiries.by_wire(channel, wire)
        return "" if inquiry is None else inquiry.batch_id[0] + inquiry.wire_batch + inquiry.network

    assert await found("gp", "0007") == "20007V"
    assert await found("mes", "0007") == "30007V"
    assert await found("gp", "0008") == "40008"
    assert await found("mes", "0008") == ""


async def test_a_wire_batch_may_be_fixed_with_the_file(engine: Engine) -> None:
    await engine.inquiries.create(an_inquiry(), [])
    await engine.inquiries.written(as_written(an_inquiry(), wire_batch="0042"), [], {})
    found = await engine.inquiries.by_wire("cybersource", "0042")
    assert found == as_written(an_inquiry(), wire_batch="0042")


async def test_exceptions_of_inquiries_say_whose_they_are(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await asked(engine, a_question("REFA", "tok_1"))
    other = an_inquiry("2" * 26)
    await engine.inquiries.create(other, [a_question("REFB", "tok_2")])
    await engine.inquiries.written(as_written(other), [], {"REFB": "CARD_NOT_FOUND"})
    await engine.inquiries.expire(31, 50)
    found = await incidents(engine, tenant=TENANT, channel="cybersource")
    assert [(each.kind, each.merchant_account, each.token, each.feed_id) for each in found] == [
        (ExceptionKind.CARD_NOT_ASKED, "shop", "tok_2", ""),
        (ExceptionKind.INQUIRY_UNANSWERED, "shop", "", ""),
    ]


async def test_a_whole_file_of_questions_is_kept_and_written(engine: Engine) -> None:
    """As many as a few pages hold: what one statement does for all, not one card at a time."""
    tokens = [f"tok_{number:04}" for number in range(2_500)]
    await enrol(engine, *(a_credential(token) for token in tokens))
    questions = [a_question(f"REF{token}", token) for token in tokens]
    await engine.inquiries.create(an_inquiry(), questions)
    await engine.inquiries.written(
        as_written(an_inquiry()), questions[:2_000], {q.reference: "X" for q in questions[2_000:]}
    )
    assert await engine.inquiries.progress(BATCH) == InquiryProgress(2_000, 0, {})
    assert list(await engine.inquiries.questions(BATCH)) == [q.reference for q in questions]
    assert len(await engine.enrolments.candidates(TENANT, after=("", ""), limit=9_999)) == 500
    assert (await enrolled(engine, "tok_2400")).status is CardStatus.ACTIVE


async def test_what_another_inquiry_awaits_is_left_out_of_a_new_one(engine: Engine) -> None:
    await enrol(engine, *(a_credential(f"tok_{at}") for at in (1, 2, 3)))
    assert await engine.inquiries.create(an_inquiry(), [a_question("REFA", "tok_1")])
    later = an_inquiry("2" * 26)
    free, both = a_question("REFB", "tok_3"), a_question("REFC", "tok_2", "tok_1")
    assert await engine.inquiries.create(later, [both, free, a_question("REFD", "tok_1")])
    assert list((await engine.inquiries.questions(later.batch_id)).values()) == [free]
    assert (await enrolled(engine, "tok_1")).open_batch == BATCH
    assert (await enrolled(engine, "tok_2")).open_batch == ""
    assert (await enrolled(engine, "tok_3")).open_batch == later.batch_id


async def test_of_what_others_await_no_inquiry_is_made_and_no_request_kept(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await engine.inquiries.create(an_inquiry(), [a_question("REFA", "tok_1")])
    late = an_inquiry("2" * 26)
    assert not await engine.inquiries.create(late, [a_question("REFB", "tok_1")], a_mark())
    assert await engine.inquiries.find(late.batch_id) is None
    assert await engine.inquiries.by_request(a_mark()) is None
