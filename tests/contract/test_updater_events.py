"""Every step of a file or an inquiry is told once, in its own transaction, without a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cardvault.updater.v1 import event_pb2 as pb

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
)
from tests.doubles.outbox_reading import deliver, leases, waiting
from updater.adapters.engine import Engine
from updater.adapters.sqlite.open import open_sqlite
from updater.domain.errors import BatchAlreadyAnswered, FeedFileStateWrong
from updater.domain.feed import ExceptionKind, FeedState, Incident
from updater.rpc.events_out import encode_event


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_sqlite(tmp_path / "updater.db", encode_event) as opened:
        yield opened


async def told(engine: Engine) -> list[tuple[str, int, str]]:
    """Return what waits: (subject, sequence, the type's last word)."""
    return [
        (row.subject, row.revision, row.type.rpartition(".")[2])
        for row in await waiting(engine.outbox)
    ]


async def test_an_inquiry_and_its_answer_are_told_step_by_step(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file("feed_1"))
    await engine.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=50)
    for _ in range(2):  # as after a crash
        await engine.inquiries.sent(BATCH, 31)
        await engine.feeds.applied("feed_1", 51)
    assert await told(engine) == [
        (BATCH, 1, "created"),
        (BATCH, 2, "written"),
        (BATCH, 3, "sent"),
        (BATCH, 4, "answered"),
        ("feed_1", 1, "received"),
        ("feed_1", 2, "applied"),
    ]


async def test_an_event_shows_what_the_services_show(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file("feed_1"))
    rows = await waiting(engine.outbox)
    inquiry = pb.InquiryEvent.FromString(rows[2].payload)
    assert (inquiry.event_type, inquiry.tenant) == ("cardvault.inquiry.sent", TENANT)
    assert (inquiry.sequence, inquiry.inquiry.inquiry_id) == (3, BATCH)
    assert inquiry.inquiry.file_name == "shop.csv.pgp"
    assert (rows[2].tenant, rows[2].time, inquiry.time.nanos) == (TENANT, 31, 31_000)
    file = pb.FeedEvent.FromString(rows[3].payload)
    assert (file.event_type, file.sequence) == ("cardvault.feed.received", 1)
    assert (file.feed_file.feed_file_id, file.feed_file.inquiry_id) == ("feed_1", BATCH)


async def test_a_file_that_is_set_aside_is_told_once(engine: Engine) -> None:
    file = a_file("feed_1", state=FeedState.QUARANTINED, reason="WRONG_KEY", batch_id="", tenant="")
    incident = Incident(ExceptionKind.FILE_QUARANTINED, "feed_1", "WRONG_KEY", opened_at=40)
    for _ in range(2):
        await engine.feeds.add(file, incident)
    copy = replace(file, feed_id="feed_2", name="again", state=FeedState.DUPLICATE)
    await engine.feeds.add(replace(copy, duplicate_of="feed_1"))
    assert await told(engine) == [
        ("feed_1", 1, "received"),
        ("feed_1", 2, "quarantined"),
        ("feed_2", 1, "received"),
    ]


async def test_what_operators_decide_is_told_once(engine: Engine) -> None:
    for feed_id in ("feed_1", "feed_2"):
        await engine.feeds.admit(a_file(feed_id, state=FeedState.HELD))
    for _ in range(2):  # as after a lost answer
        good, bad = (FeedState.VALIDATED, "looks right"), (FeedState.QUARANTINED, "wrong file")
        await engine.feeds.release("feed_1", *good, at=50, mark=a_mark("r-1"))
        await engine.feeds.release("feed_2", *bad, at=50, mark=a_mark("r-2"))
        await engine.feeds.applied("feed_1", 51)
        await engine.feeds.reverted("feed_1", "mixed up", at=52, mark=a_mark("r-3"))
    assert await told(engine) == [
        *(("feed_1", 1, "received"), ("feed_1", 2, "held")),
        *(("feed_1", 3, "applied"), ("feed_1", 4, "reverted")),
        *(("feed_2", 1, "received"), ("feed_2", 2, "held"), ("feed_2", 3, "quarantined")),
    ]


async def test_what_is_rolled_back_is_not_told(engine: Engine) -> None:
    await asked(engine, a_question("REFA", "tok_1"))
    await engine.feeds.admit(a_file("feed_1", part="1"))
    before = await told(engine)
    with pytest.raises(BatchAlreadyAnswered):
        await engine.feeds.admit(a_file("feed_2", part="1"))
    with pytest.raises(FeedFileStateWrong):
        await engine.feeds.reverted("feed_1", "mixed up", at=50, mark=a_mark())
    assert await told(engine) == before


async def test_inquiries_that_come_to_nothing_are_told(engine: Engine) -> None:
    other = BATCH[:-1] + "2"
    await engine.inquiries.create(an_inquiry(), [])
    await engine.inquiries.emptied(BATCH, {}, 60)
    late = an_inquiry(other)
    await engine.inquiries.create(late, [a_question("REFA", "tok_1")])
    await engine.inquiries.written(as_written(late), [], {})
    await engine.inquiries.sent(other, 31)
    await engine.inquiries.expire(1_000, 2_000)
    assert [each[1:] for each in await told(engine)] == [
        (1, "created"),
        (2, "emptied"),
        (1, "created"),
        (2, "written"),
        (3, "sent"),
        (4, "expired"),
    ]


async def test_delivered_events_go_and_the_count_goes_on(engine: Engine) -> None:
    await engine.inquiries.create(an_inquiry(), [])
    found = [await engine.outbox.backlog(lease) for lease in await leases(engine.outbox)]
    assert (sum(each.depth for each in found), max(each.oldest for each in found)) == (1, 20)
    await deliver(engine.outbox, *await waiting(engine.outbox))
    assert await told(engine) == []
    await engine.inquiries.emptied(BATCH, {}, 60)
    assert await told(engine) == [(BATCH, 2, "emptied")]
