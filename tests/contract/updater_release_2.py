"""A database as the release before left it, in the middle of applying a file; and what follows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cards.outcomes import Outcome
from tests.contract.updater_rows import (
    BATCH,
    TENANT,
    a_file,
    an_answer,
    an_inquiry,
    enrolled,
    incidents,
)
from updater.adapters.engine import Engine
from updater.domain.dispositions import Disposition
from updater.domain.feed import Counted, FeedState, IncidentState, Sighting
from updater.domain.inquiry import InquiryState, ItemState
from updater.domain.mapping import Note

ROWS: Final = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
"""What the tables hold."""


async def read_on(engine: Engine) -> None:
    """Read those rows with this release, and go on where the other one stopped."""
    await _read(engine)
    assert await engine.feeds.last_recorded("feed_1") == 1
    rest = [
        an_answer(2, "tok_2", "REFB", disposition=Disposition.DUPLICATE),
        an_answer(2, "tok_3", "REFB"),
        an_answer(10, "tok_4", "REFC"),
    ]
    await engine.feeds.record("feed_1", rest, at=50)
    await engine.feeds.applied("feed_1", 51)
    kept = await engine.feeds.answers("feed_1", after=(1, "tok_1"), limit=9)
    assert kept == rest
    inquiry = await engine.inquiries.find(BATCH)
    assert inquiry is not None
    assert inquiry.state is InquiryState.ANSWERED
    assert (await enrolled(engine, "tok_3")).open_batch == ""


async def _read(engine: Engine) -> None:
    inquiry = await engine.inquiries.by_wire("cybersource", BATCH)
    assert inquiry == an_inquiry(
        state=InquiryState.SENT,
        asked_at=30,
        file_name="f",
        sha256="d",
        size=1,
        records=4,
        sent_at=31,
        wire_batch=BATCH,
    )
    states = [each.state for each in (await engine.inquiries.questions(BATCH)).values()]
    assert states == [ItemState.ANSWERED, ItemState.ANSWERED, ItemState.OPEN]
    expected = a_file(name="n", size=9, sha256="s1", records=3)
    assert await engine.feeds.of_batch(BATCH) == [expected]
    found = await engine.feeds.find("feed_2")
    assert found is not None
    assert (found.state, found.part, found.decided_at) == (FeedState.APPLIED, "", None)
    assert await engine.feeds.answers("feed_1", after=(0, ""), limit=9) == [
        an_answer(1, "tok_1", "REFA", record_mac="")
    ]
    (old,) = await engine.feeds.answers("feed_2", after=(0, ""), limit=9)
    assert (old.note, old.disposition, old.reason) == (
        Note.DATA_MISSING,
        Disposition.NOT_SENT,
        "DATA_MISSING",
    )
    counts = (await engine.feeds.report("feed_1")).counts
    assert counts == {Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 1}
    assert await engine.feeds.answered(BATCH) == {"REFA": {""}}
    look = Sighting("n", 9, 100)
    assert await engine.feeds.sight("cybersource", [look]) == [look]
    await _read_incidents(engine)


async def _read_incidents(engine: Engine) -> None:
    found = await incidents(engine)
    assert {each.tenant for each in found} == {TENANT}
    assert [
        (each.channel, each.feed_id, each.ordinal, each.token, each.merchant_account)
        for each in found
    ] == [
        ("cybersource", "feed_3", 0, "", ""),
        ("cybersource", "feed_1", 2, "tok_2", "shop"),
        ("cybersource", "", 0, "", "shop"),
        ("cybersource", "", 0, "tok_4", "shop"),
        ("", "", 0, "", "bar"),
    ]
    assert [each.state for each in found] == [IncidentState.RESOLVED, *[IncidentState.OPEN] * 4]
    assert (found[0].resolution, found[0].resolved_by) == ("done", "")
    assert found[1].outcome is Outcome.PAN_UPDATED
