"""Feed files and their answers (`FeedStore`), and exceptions (`IncidentStore`), on every engine."""

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
    a_question,
    an_answer,
    asked,
    enrol,
    enrolled,
)
from updater.adapters.engine import Engine
from updater.domain.dispositions import Disposition
from updater.domain.errors import BatchAlreadyAnswered, FeedFileNotFound, IncidentNotFound
from updater.domain.feed import ExceptionKind, FeedFile, FeedState, Incident, Sighting
from updater.domain.inquiry import InquiryState, ItemState
from updater.domain.mapping import Note


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def subjects(engine: Engine, **query: object) -> list[str]:
    wanted = {"unresolved_only": False, "kinds": (), "after": 0, "limit": 99} | query
    return [each.subject for each in await engine.incidents.page(**wanted)]  # type: ignore[arg-type]


def quarantined(feed_id: str, **changes: object) -> FeedFile:
    made = a_file(feed_id, state=FeedState.QUARANTINED, reason="TOO_LARGE", offset=7, batch_id="")
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_looks_are_counted_while_a_file_stays_the_same(engine: Engine) -> None:
    a, b = Sighting("a", 1, 100), Sighting("b", 2, 200)
    assert await engine.feeds.sight([]) == []
    assert await engine.feeds.sight([b, a]) == [b, a]
    assert await engine.feeds.sight([a, b]) == [replace(a, polls=2), replace(b, polls=2)]
    grown = replace(a, size=9)
    assert await engine.feeds.sight([grown]) == [grown]
    touched = replace(grown, modified_ns=101)
    assert await engine.feeds.sight([touched, b]) == [touched, b]  # b was gone, and begins anew
    assert await engine.feeds.sight([touched]) == [replace(touched, polls=2)]


async def test_a_file_that_brings_nothing_is_kept_once(engine: Engine) -> None:
    file = quarantined("feed_1")
    incident = Incident(ExceptionKind.FILE_QUARANTINED, "feed_1", "TOO_LARGE", 7, 40)
    await engine.feeds.add(file, incident)
    await engine.feeds.add(file, replace(incident, subject="again"))
    twin = replace(file, feed_id="feed_2", received_at=41)  # the same bytes under the same name
    await engine.feeds.add(twin, replace(incident, subject="twin"))
    assert await engine.feeds.find("feed_1") == file
    assert await engine.feeds.find("feed_2") is None
    assert await subjects(engine) == ["feed_1"]
    copy = replace(twin, name="other", state=FeedState.DUPLICATE, duplicate_of="feed_1")
    await engine.feeds.add(copy)
    assert await engine.feeds.by_digest("cybersource", "sha-feed_1") == [file, copy]
    assert await engine.feeds.by_digest("elsewhere", "sha-feed_1") == []


async def test_a_batch_is_answered_by_one_file(engine: Engine) -> None:
    answers = [
        an_answer(1, "tok_1", "REFA"),
        an_answer(2, "tok_2", "REFB", note=Note.DATA_MISSING),
    ]
    await engine.feeds.admit(a_file(), answers)
    assert await engine.feeds.pending("feed_1") == {(1, "tok_1"), (2, "tok_2")}
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(a_file("feed_2"), [an_answer(1, "tok_9", "REFA")])
    assert await engine.feeds.find("feed_2") is None
    assert await engine.feeds.pending("feed_2") == set()
    # What was set aside has not answered it.
    await engine.feeds.add(quarantined("feed_3", batch_id=BATCH))
    await engine.feeds.admit(a_file("feed_4", batch_id="4" * 26), [])
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(a_file(), answers)


async def test_a_file_that_was_set_aside_may_be_admitted_once_after_all(engine: Engine) -> None:
    aside = quarantined("feed_1")
    await engine.feeds.add(aside)
    whole = replace(aside, state=FeedState.VALIDATED, reason="", offset=0, batch_id=BATCH)
    await engine.feeds.admit(whole, [an_answer(1, "tok_1", "REFA")])
    assert await engine.feeds.find("feed_1") == whole
    assert await engine.feeds.pending("feed_1") == {(1, "tok_1")}
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(whole, [])
    # Another file has answered its batch meanwhile: it stays set aside.
    other = quarantined("feed_2")
    await engine.feeds.add(other)
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(replace(whole, feed_id="feed_2", sha256=other.sha256), [])
    assert await engine.feeds.find("feed_2") == other


async def test_a_disposition_closes_the_question_and_is_told_to_the_card(engine: Engine) -> None:
    await enrol(engine, *map(a_credential, ("tok_1", "tok_2", "tok_3")))
    await asked(engine, a_question("REFA", "tok_1", "tok_2"), a_question("REFB", "tok_3"))
    first, second = an_answer(1, "tok_1", "REFA"), an_answer(1, "tok_2", "REFA")
    third = an_answer(2, "tok_3", "REFB", outcome=Outcome.CHANNEL_ERROR, raw_code="ERR")
    await engine.feeds.admit(a_file(), [first, second, third])
    await engine.feeds.record(
        "feed_1",
        [(first, Disposition.APPLIED, ""), (second, Disposition.REJECTED, "EXPIRY_BACKWARDS")],
        at=45,
    )
    assert await engine.feeds.pending("feed_1") == {(2, "tok_3")}
    states = [q.state for q in (await engine.inquiries.questions(BATCH)).values()]
    assert states == [ItemState.ANSWERED, ItemState.OPEN]
    card = await enrolled(engine, "tok_1")
    assert (card.last_outcome, card.last_disposition) == (
        Outcome.PAN_UPDATED,
        Disposition.APPLIED,
    )
    assert (card.checked_at, card.open_batch, card.updated_at) == (45, "", 45)
    assert (await enrolled(engine, "tok_3")).open_batch == BATCH
    await engine.feeds.record("feed_1", [(third, Disposition.NOT_SENT, "CHANNEL_ERROR")], at=46)
    unchecked = await enrolled(engine, "tok_3")
    assert (unchecked.checked_at, unchecked.open_batch) == (None, "")
    found = await engine.incidents.page(unresolved_only=True, kinds=(), after=0, limit=9)
    assert [(each.subject, each.reason, each.opened_at) for each in found] == [
        ("feed_1/1/tok_2", "REJECTED:EXPIRY_BACKWARDS", 45),
        ("feed_1/2/tok_3", "NOT_SENT:CHANNEL_ERROR", 46),
    ]


async def test_a_disposition_stays_as_it_was_noted_first(engine: Engine) -> None:
    answer = an_answer(1, "tok_1", "REFA")
    await engine.feeds.admit(a_file(), [answer])
    await engine.feeds.record("feed_1", [(answer, Disposition.APPLIED, "")], at=45)
    await engine.feeds.record("feed_1", [(answer, Disposition.DUPLICATE, "")], at=46)
    report = await engine.feeds.report("feed_1")
    assert report.counts == {(Outcome.PAN_UPDATED, Disposition.APPLIED): 1}
    await engine.feeds.record("feed_1", [], at=47)
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.record("feed_9", [], at=47)


async def test_an_answer_hears_of_its_own_inquirys_account_only(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1", covered=frozenset({"shop", "bar"})))
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file(), [an_answer(1, "tok_1", "REFA")])
    await engine.feeds.record(
        "feed_1", [(an_answer(1, "tok_1", "REFA"), Disposition.APPLIED, "")], at=45
    )
    assert (await enrolled(engine, "tok_1", "bar")).last_outcome is None


async def test_what_confirms_nothing_new_ends_a_chain(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await asked(engine, a_question("REF1", "tok_1"), batch_id="1" * 26)
    await asked(engine, a_question("REF2", "tok_1", version=2), batch_id="2" * 26)
    assert (await enrolled(engine, "tok_1")).chain == 1
    new = an_answer(1, "tok_1", "REF1")
    await engine.feeds.admit(a_file(batch_id="1" * 26), [new])
    await engine.feeds.record("feed_1", [(new, Disposition.STALE, "")], at=45)
    card = await enrolled(engine, "tok_1")
    assert (card.chain, card.open_batch) == (1, "2" * 26)  # another inquiry awaits it by now
    same = an_answer(1, "tok_1", "REF2", outcome=Outcome.VALID_NO_CHANGE)
    await engine.feeds.admit(a_file("feed_2", batch_id="2" * 26), [same])
    await engine.feeds.record("feed_2", [(same, Disposition.NO_CHANGE, "")], at=46)
    card = await enrolled(engine, "tok_1")
    assert (card.chain, card.open_batch) == (0, "")


async def test_an_inquiry_is_answered_when_no_question_is_open(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    one, two = an_answer(1, "tok_1", "REFA"), an_answer(2, "tok_2", "REFB")
    await engine.feeds.admit(a_file(), [one, two])
    await engine.feeds.record("feed_1", [(one, Disposition.APPLIED, "")], at=45)
    await engine.feeds.applied("feed_1", 46)
    found = await engine.inquiries.find(BATCH)
    assert found is not None
    assert found.state is InquiryState.SENT
    await engine.feeds.record("feed_1", [(two, Disposition.APPLIED, "")], at=47)
    await engine.feeds.applied("feed_1", 48)
    found = await engine.inquiries.find(BATCH)
    assert found is not None
    assert (found.state, found.ended_at) == (InquiryState.ANSWERED, 48)
    file = await engine.feeds.find("feed_1")
    assert file == replace(a_file(), state=FeedState.APPLIED, applied_at=46)


async def test_reports_count_by_outcome_and_disposition(engine: Engine) -> None:
    one, two = an_answer(1, "tok_1", "REFA"), an_answer(2, "tok_2", "REFB")
    await engine.feeds.admit(a_file(), [one, two])
    await engine.feeds.record("feed_1", [(one, Disposition.PARKED, "")], at=45)
    report = await engine.feeds.report("feed_1")
    assert report.file == a_file()
    assert report.counts == {
        (Outcome.PAN_UPDATED, None): 1,
        (Outcome.PAN_UPDATED, Disposition.PARKED): 1,
    }
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.report("feed_9")


async def test_files_are_listed_newest_first(engine: Engine) -> None:
    await engine.feeds.admit(a_file("feed_a", received_at=41), [])
    await engine.feeds.add(quarantined("feed_c", received_at=42))
    await engine.feeds.add(quarantined("feed_b", received_at=42, tenant="other"))

    async def page(
        *states: FeedState, tenant: str = "", before: tuple[int, str] = (0, ""), limit: int = 9
    ) -> list[str]:
        found = await engine.feeds.page(tenant=tenant, states=states, before=before, limit=limit)
        return [file.feed_id[-1] for file in found]

    assert await page() == ["c", "b", "a"]
    assert await page(limit=1) == ["c"]
    assert await page(before=(42, "feed_c")) == ["b", "a"]
    assert await page(tenant=TENANT) == ["c", "a"]
    assert await page(FeedState.QUARANTINED) == ["c", "b"]
    assert await page(FeedState.VALIDATED, FeedState.QUARANTINED, tenant="other") == ["b"]


async def test_an_exception_is_opened_once_and_resolved_once(engine: Engine) -> None:
    incident = Incident(ExceptionKind.APPLY_REFUSED, "feed_1", "VAULT_REFUSED", 3, 40)
    await engine.incidents.open(incident)
    await engine.incidents.open(replace(incident, reason="later", opened_at=50))
    await engine.incidents.open(replace(incident, kind=ExceptionKind.FILE_QUARANTINED))
    first, second = await engine.incidents.page(unresolved_only=True, kinds=(), after=0, limit=9)
    assert replace(first, exception_id=0) == incident
    assert second.exception_id > first.exception_id
    done = await engine.incidents.resolve(first.exception_id, "called them", 60)
    assert (done.resolved_at, done.resolution) == (60, "called them")
    again = await engine.incidents.resolve(first.exception_id, "someone else", 70)
    assert again == done
    await engine.incidents.open(incident)  # it stays resolved
    with pytest.raises(IncidentNotFound):
        await engine.incidents.resolve(second.exception_id + 99, "x", 60)
    left = await engine.incidents.page(unresolved_only=True, kinds=(), after=0, limit=9)
    assert left == [second]


async def test_exceptions_are_listed_by_id_kind_and_state(engine: Engine) -> None:
    kinds = (ExceptionKind.APPLY_REFUSED, ExceptionKind.CARD_NOT_ASKED)
    for number in range(4):
        await engine.incidents.open(Incident(kinds[number % 2], f"s{number}", "r", opened_at=1))
    found = await engine.incidents.page(unresolved_only=False, kinds=(), after=0, limit=9)
    ids = [each.exception_id for each in found]
    assert ids == sorted(ids)
    assert await subjects(engine) == ["s0", "s1", "s2", "s3"]
    assert await subjects(engine, limit=2) == ["s0", "s1"]
    assert await subjects(engine, after=ids[1]) == ["s2", "s3"]
    assert await subjects(engine, kinds=(ExceptionKind.CARD_NOT_ASKED,)) == ["s1", "s3"]
    assert await subjects(engine, kinds=kinds, after=ids[2]) == ["s3"]
    await engine.incidents.resolve(ids[0], "done", 2)
    assert await subjects(engine, unresolved_only=True) == ["s1", "s2", "s3"]
