"""Files that are missing, and contradictions that are settled (`FeedStore`), on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.updater_engines import ENGINES
from tests.contract.updater_rows import (
    BATCH,
    a_file,
    a_mark,
    a_question,
    an_answer,
    asked,
    incidents,
)
from updater.adapters.engine import Engine
from updater.domain.dispositions import Disposition
from updater.domain.errors import FeedFileNotFound, FeedFileStateWrong
from updater.domain.feed import (
    BY_ITSELF,
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    IncidentState,
)
from updater.domain.inquiry import InquiryState

TWICE = "CONFLICT:ANSWERED_TWICE"


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


def missing(feed_id: str = "feed_1", at: int = 50) -> Incident:
    kind = ExceptionKind.FILE_MISSING
    return Incident(kind, f"{feed_id}/{at}", "gone", opened_at=at, feed_id=feed_id)


async def refused(engine: Engine, feed_id: str = "feed_1", request_id: str = "r-1") -> FeedFile:
    decided = (FeedState.QUARANTINED, "it is lost")
    return await engine.feeds.release(feed_id, *decided, at=60, mark=a_mark(request_id))


async def test_unsettled_are_a_channels_files_that_need_their_bytes(engine: Engine) -> None:
    for feed_id, changes in (
        ("feed_1", {}),
        ("feed_2", {"state": FeedState.HELD}),
        ("feed_3", {"channel": "gp"}),
        ("feed_4", {}),
    ):
        await engine.feeds.admit(a_file(feed_id, **changes))
    await engine.feeds.applied("feed_4", 45)
    found = await engine.feeds.unsettled("cybersource")
    assert sorted(each.feed_id for each in found) == ["feed_1", "feed_2"]


async def test_missing_is_noted_once_and_found_again(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    await engine.feeds.admit(a_file("feed_10"))
    await engine.feeds.missing("feed_10", missing("feed_10"))
    for at in (50, 51):
        await engine.feeds.missing("feed_1", missing(at=at))
    file = await engine.feeds.find("feed_1")
    assert file is not None
    assert file.missing_since == 50
    assert [each.subject for each in await incidents(engine)] == ["feed_10/50", "feed_1/50"]
    assert (await engine.feeds.found("feed_1", 55)).missing_since is None
    (settled,) = await incidents(engine, IncidentState.RESOLVED)
    assert (settled.subject, settled.resolved_by) == ("feed_1/50", BY_ITSELF)
    assert settled.resolved_at == 55
    await engine.feeds.missing("feed_1", missing(at=56))
    assert len(await incidents(engine, IncidentState.OPEN)) == 2
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.found("feed_9", 55)


async def test_what_is_settled_is_not_missed(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    await engine.feeds.applied("feed_1", 45)
    await engine.feeds.missing("feed_1", missing())
    assert not await incidents(engine)


async def test_only_what_is_missing_is_given_up(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    with pytest.raises(FeedFileStateWrong):
        await refused(engine)
    await engine.feeds.missing("feed_1", missing())
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.release("feed_1", FeedState.VALIDATED, "x", at=60, mark=a_mark("r-2"))
    file = await refused(engine, request_id="r-3")
    assert (file.state, file.reason) == (FeedState.QUARANTINED, "REJECTED_BY_OPERATOR")
    assert (file.missing_since, file.decided_by) == (None, "app")
    (settled,) = await incidents(engine)
    assert (settled.resolution, settled.resolved_by) == ("it is lost", "app")
    assert await refused(engine, request_id="r-3") == file
    assert not await engine.feeds.of_batch(BATCH)


async def test_what_was_begun_stays_as_applied_as_it_is(engine: Engine) -> None:
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file())
    await engine.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=48)
    await engine.feeds.missing("feed_1", missing())
    file = await refused(engine)
    assert (file.state, file.reason) == (FeedState.APPLIED, "REJECTED_BY_OPERATOR")
    assert (file.applied_at, file.missing_since) == (60, None)
    inquiry = await engine.inquiries.find(BATCH)
    assert inquiry is not None
    assert inquiry.state is InquiryState.ANSWERED


async def test_an_approved_file_that_is_missing_stays_so(engine: Engine) -> None:
    held = Incident(ExceptionKind.FILE_HELD, "feed_1", "r", opened_at=41, feed_id="feed_1")
    await engine.feeds.admit(a_file(state=FeedState.HELD), held)
    await engine.feeds.missing("feed_1", missing())
    file = await engine.feeds.release("feed_1", FeedState.VALIDATED, "x", at=60, mark=a_mark())
    assert (file.state, file.missing_since) == (FeedState.VALIDATED, 50)
    (left,) = await incidents(engine, IncidentState.OPEN)
    assert left.kind is ExceptionKind.FILE_MISSING


async def test_rows_that_contradict_are_no_answers_until_a_file_settles_it(engine: Engine) -> None:
    await asked(engine, a_question("REFA", "tok_1"), a_question("REFB", "tok_2"))
    await engine.feeds.admit(a_file())
    conflict = {"disposition": Disposition.CONFLICT, "reason": "ANSWERED_TWICE"}
    told = [an_answer(at, "tok_1", "REFA", **conflict) for at in (1, 2)]
    told += [an_answer(at, "tok_2", "REFB", **conflict) for at in (3, 4)]
    await engine.feeds.record("feed_1", told, at=48)
    await engine.feeds.applied("feed_1", 49)
    assert await engine.feeds.answered(BATCH) == {}
    await engine.feeds.admit(a_file("feed_2"))
    shadow = an_answer(1, "tok_2", "REFB", shadow=True)
    again = an_answer(2, "tok_2", "REFB", reason="REPEATED_ROW", disposition=Disposition.DUPLICATE)
    await engine.feeds.record("feed_2", [shadow, again, an_answer(3, "tok_1", "REFA")], at=50)
    assert set((await engine.feeds.answered(BATCH))["REFA"]) == {"mac-3"}
    found = {each.ordinal: each.reason for each in await incidents(engine, IncidentState.OPEN)}
    since = f"{TWICE}:ANSWERED_SINCE"
    assert found == {1: since, 2: since, 3: TWICE, 4: TWICE}
