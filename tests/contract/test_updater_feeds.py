"""Feed files (`FeedStore`): seen, admitted, set aside, held and taken back, on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.updater_engines import ENGINES
from tests.contract.updater_rows import BATCH, TENANT, a_file, a_mark, an_answer, incidents
from updater.adapters.engine import Engine
from updater.domain.errors import (
    BatchAlreadyAnswered,
    FeedFileNotFound,
    FeedFileStateWrong,
    RequestIdReused,
)
from updater.domain.feed import (
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    IncidentState,
    Sighting,
)
from updater.usecases.ports_store import Pause


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


def quarantined(feed_id: str, **changes: object) -> FeedFile:
    made = a_file(feed_id, state=FeedState.QUARANTINED, reason="TOO_LARGE", offset=7, batch_id="")
    return replace(made, **changes)  # type: ignore[arg-type]


def held(feed_id: str = "feed_1", **changes: object) -> FeedFile:
    made = a_file(feed_id, state=FeedState.HELD, reason="CLOSED_SHARE")
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_looks_are_counted_while_a_file_stays_the_same(engine: Engine) -> None:
    a, b = Sighting("a", 1, 100), Sighting("b", 2, 200)
    assert await engine.feeds.sight("cs", []) == []
    assert await engine.feeds.sight("cs", [b, a]) == [b, a]
    assert await engine.feeds.sight("cs", [a, b]) == [replace(a, polls=2), replace(b, polls=2)]
    grown = replace(a, size=9)
    assert await engine.feeds.sight("cs", [grown]) == [grown]
    touched = replace(grown, modified_ns=101)
    assert await engine.feeds.sight("cs", [touched, b]) == [
        touched,
        b,
    ]  # b was gone: it begins anew
    assert await engine.feeds.sight("cs", [touched]) == [replace(touched, polls=2)]


async def test_each_channel_counts_looks_at_its_own_inbox(engine: Engine) -> None:
    a = Sighting("a", 1, 100)
    assert await engine.feeds.sight("cs", [a]) == [a]
    assert await engine.feeds.sight("gp", [a]) == [a]
    assert await engine.feeds.sight("gp", []) == []
    assert await engine.feeds.sight("cs", [a]) == [replace(a, polls=2)]


async def test_a_file_that_brings_nothing_is_kept_once(engine: Engine) -> None:
    file = quarantined("feed_1")
    incident = Incident(ExceptionKind.FILE_QUARANTINED, "feed_1", "TOO_LARGE", 7, 40)
    await engine.feeds.add(file, incident)
    await engine.feeds.add(file, replace(incident, subject="again"))
    twin = replace(file, feed_id="feed_2", received_at=41)  # the same bytes under the same name
    await engine.feeds.add(twin, replace(incident, subject="twin"))
    assert await engine.feeds.find("feed_1") == file
    assert await engine.feeds.find("feed_2") is None
    assert [each.subject for each in await incidents(engine)] == ["feed_1"]
    copy = replace(twin, name="other", state=FeedState.DUPLICATE, duplicate_of="feed_1")
    await engine.feeds.add(copy)
    assert await engine.feeds.by_digest("cybersource", "sha-feed_1") == [file, copy]
    assert await engine.feeds.by_digest("elsewhere", "sha-feed_1") == []


async def test_a_part_of_a_batch_comes_in_one_file(engine: Engine) -> None:
    whole = a_file(part="2026-11/1", file_time=39)
    await engine.feeds.admit(whole)
    assert await engine.feeds.find("feed_1") == whole
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(a_file("feed_2", part="2026-11/1"))
    assert await engine.feeds.find("feed_2") is None
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(held("feed_2", part="2026-11/1"))
    other = a_file("feed_3", part="2026-11/2", received_at=41)
    await engine.feeds.admit(other)
    await engine.feeds.admit(a_file("feed_4", part="2026-11/1", channel="elsewhere"))
    await engine.feeds.admit(a_file("feed_5", part="2026-11/1", batch_id="4" * 26))
    await engine.feeds.add(quarantined("feed_6", batch_id=BATCH, part="2026-11/3"))
    await engine.feeds.admit(a_file("feed_7", part="2026-11/3", received_at=42))
    assert [each.feed_id for each in await engine.feeds.of_batch(BATCH)] == [
        *("feed_1", "feed_4", "feed_3", "feed_7"),
    ]
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(whole)


async def test_files_without_a_part_may_be_several(engine: Engine) -> None:
    await engine.feeds.admit(a_file("feed_1"))
    await engine.feeds.admit(a_file("feed_2", received_at=41))
    await engine.feeds.add(quarantined("feed_3", batch_id=BATCH))
    assert [each.feed_id for each in await engine.feeds.of_batch(BATCH)] == ["feed_1", "feed_2"]
    assert await engine.feeds.of_batch("9" * 26) == []


@pytest.mark.parametrize("part", ["", "part-1"])
async def test_a_file_that_was_set_aside_may_be_admitted_once_after_all(
    engine: Engine, part: str
) -> None:
    aside = quarantined("feed_1")
    await engine.feeds.add(aside)
    whole = replace(aside, state=FeedState.VALIDATED, reason="", offset=0, part=part)
    whole = replace(whole, batch_id=BATCH, records=5, file_time=38)
    await engine.feeds.admit(whole)
    assert await engine.feeds.find("feed_1") == whole
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(whole)


async def test_one_whose_part_came_meanwhile_stays_set_aside(engine: Engine) -> None:
    await engine.feeds.admit(a_file("feed_1", part="1"))
    other = quarantined("feed_2")
    await engine.feeds.add(other)
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(
            replace(other, state=FeedState.VALIDATED, batch_id=BATCH, part="1")
        )
    assert await engine.feeds.find("feed_2") == other


async def test_a_held_file_is_released_and_its_exception_settled(engine: Engine) -> None:
    incident = Incident(ExceptionKind.FILE_HELD, "feed_1", "CLOSED_SHARE", opened_at=40)
    await engine.feeds.admit(held(part="1"), incident)
    assert await engine.feeds.find("feed_1") == held(part="1")
    mark = a_mark(principal="ann")
    done = await engine.feeds.release("feed_1", FeedState.VALIDATED, "as told", at=50, mark=mark)
    # Why it was held stays with it.
    decided = {"decided_by": "ann", "decided_at": 50, "decision": "as told"}
    expected = replace(held(part="1"), state=FeedState.VALIDATED, **decided)  # type: ignore[arg-type]
    assert done == expected
    (settled,) = await incidents(engine)
    assert (settled.state, settled.resolution) == (IncidentState.RESOLVED, "as told")
    assert (settled.resolved_by, settled.resolved_at) == ("ann", 50)
    await engine.feeds.applied("feed_1", 51)
    late = await engine.feeds.release("feed_1", FeedState.VALIDATED, "as told", at=60, mark=mark)
    assert late == replace(expected, state=FeedState.APPLIED, applied_at=51)
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(a_file("feed_2", part="1"))


async def test_a_held_file_that_is_refused_has_brought_nothing(engine: Engine) -> None:
    await engine.feeds.admit(held(part="1"))
    done = await engine.feeds.release(
        *("feed_1", FeedState.QUARANTINED, "not ours"), at=50, mark=a_mark(principal="ann")
    )
    assert (done.state, done.reason) == (FeedState.QUARANTINED, "REJECTED_BY_OPERATOR")
    assert (done.decided_by, done.decided_at) == ("ann", 50)
    await engine.feeds.admit(a_file("feed_2", part="1"))
    assert [each.feed_id for each in await engine.feeds.of_batch(BATCH)] == ["feed_2"]


async def test_only_a_held_file_is_released_and_only_an_applied_one_taken_back(
    engine: Engine,
) -> None:
    await engine.feeds.admit(a_file())
    decided = (FeedState.VALIDATED, "x")
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.release("feed_1", *decided, at=50, mark=a_mark())
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.reverted("feed_1", "mixed up", at=50, mark=a_mark())
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.release("feed_9", *decided, at=50, mark=a_mark())
    with pytest.raises(FeedFileNotFound):
        await engine.feeds.reverted("feed_9", "mixed up", at=50, mark=a_mark())
    # What was refused left no mark: the same request may come again when its time has come.
    await engine.feeds.applied("feed_1", 51)
    mark = a_mark()
    done = await engine.feeds.reverted("feed_1", "mixed up", at=52, mark=mark)
    told = {"reverted_at": 52, "reverted_by": mark.principal, "revert_reason": "mixed up"}
    expected = replace(a_file(), state=FeedState.REVERTED, applied_at=51, **told)  # type: ignore[arg-type]
    assert done == expected
    assert await engine.feeds.reverted("feed_1", "mixed up", at=60, mark=mark) == done
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.reverted("feed_1", "mixed up", at=60, mark=a_mark("r-2"))
    with pytest.raises(RequestIdReused):
        await engine.feeds.reverted("feed_1", "mixed up", at=60, mark=replace(mark, digest="other"))
    with pytest.raises(RequestIdReused):
        await engine.feeds.release("feed_1", *decided, at=60, mark=replace(mark, digest="other"))
    assert [each.state for each in await engine.feeds.of_batch(BATCH)] == [FeedState.REVERTED]


@pytest.mark.parametrize("begun", [False, True])
async def test_a_file_whose_channel_rests_is_given_up(engine: Engine, *, begun: bool) -> None:
    await engine.feeds.admit(a_file())
    refused = Incident(ExceptionKind.APPLY_REFUSED, "feed_1", "VAULT_REFUSED", opened_at=40)
    await engine.incidents.open(refused)
    if begun:
        await engine.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=41)
    decided = (FeedState.QUARANTINED, "a wrong one")
    for channel, tenant in (("other", TENANT), (a_file().channel, "another")):
        await engine.pauses.pause(Pause(channel, tenant, "r", "ann", 42), a_mark(channel + tenant))
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.release("feed_1", *decided, at=43, mark=a_mark())
    await engine.pauses.pause(Pause(a_file().channel, TENANT, "r", "ann", 44), a_mark("r-2"))
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.release("feed_1", FeedState.VALIDATED, "x", at=45, mark=a_mark())
    done = await engine.feeds.release("feed_1", *decided, at=46, mark=a_mark(principal="ann"))
    assert done.state is (FeedState.APPLIED if begun else FeedState.QUARANTINED)
    assert (done.reason, done.decision) == ("REJECTED_BY_OPERATOR", "a wrong one")
    assert (done.decided_by, done.decided_at) == ("ann", 46)
    (settled,) = await incidents(engine, kinds=(ExceptionKind.APPLY_REFUSED,))
    assert (settled.state, settled.resolution) == (IncidentState.RESOLVED, "a wrong one")


async def test_a_held_file_is_not_applied(engine: Engine) -> None:
    await engine.feeds.admit(held())
    await engine.feeds.applied("feed_1", 50)
    assert await engine.feeds.find("feed_1") == held()


async def test_a_file_says_how_far_it_was_recorded(engine: Engine) -> None:
    await engine.feeds.admit(a_file())
    assert await engine.feeds.last_recorded("feed_1") == 0
    rows = [an_answer(number, f"tok_{number}", f"REF{number}") for number in (2, 9, 10)]
    await engine.feeds.record("feed_1", rows, at=45)
    assert await engine.feeds.last_recorded("feed_1") == 10
    assert await engine.feeds.last_recorded("feed_9") == 0


async def test_files_are_listed_newest_first(engine: Engine) -> None:
    await engine.feeds.admit(a_file("feed_a", received_at=41))
    await engine.feeds.add(quarantined("feed_c", received_at=42))
    await engine.feeds.add(quarantined("feed_b", received_at=42, tenant="other", channel="gp"))

    async def page(
        *states: FeedState,
        tenant: str = "",
        channel: str = "",
        before: tuple[int, str] = (0, ""),
        limit: int = 9,
    ) -> list[str]:
        found = await engine.feeds.page(
            tenant=tenant, channel=channel, states=states, before=before, limit=limit
        )
        return [file.feed_id[-1] for file in found]

    assert await page() == ["c", "b", "a"]
    assert await page(limit=1) == ["c"]
    assert await page(before=(42, "feed_c")) == ["b", "a"]
    assert await page(tenant=TENANT) == ["c", "a"]
    assert await page(channel="gp") == ["b"]
    assert await page(channel="gp", tenant=TENANT) == []
    assert await page(FeedState.QUARANTINED) == ["c", "b"]
    assert await page(FeedState.VALIDATED, FeedState.QUARANTINED, tenant="other") == ["b"]
