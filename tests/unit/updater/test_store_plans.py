"""Every method of the stores finds its rows by an index: what is hot reads no whole table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

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
)
from updater.adapters.engine import Engine
from updater.adapters.sqlite.database import Database, open_database
from updater.adapters.sqlite.open import engine_of
from updater.domain.enrolment import EnrolmentState
from updater.domain.feed import ExceptionKind, FeedState, Incident, IncidentState, Sighting
from updater.domain.inquiry import InquiryState
from updater.rpc.events_out import encode_event
from updater.usecases.ports_store import Pause
from updater.usecases.ports_vault import CredentialPage

KEY = (TENANT, "tok_1", "shop")
HELD = a_file("feed_2", state=FeedState.HELD)
MISSING = Incident(ExceptionKind.FILE_MISSING, "feed_1/46", "r", opened_at=46)
Calls = Mapping[str, Callable[[Engine], Awaitable[object]]]


async def _held(engine: Engine) -> None:
    await engine.feeds.admit(HELD)
    decided = (FeedState.QUARANTINED, "x")
    await engine.feeds.release("feed_2", *decided, at=48, mark=a_mark("r-5"))


CALLS: Calls = {
    "enrolments.sync": lambda e: e.enrolments.sync(
        TENANT, CredentialPage([a_credential("tok_1")], "c"), enrol=True, at=1
    ),
    "enrolments.cursor": lambda e: e.enrolments.cursor(TENANT),
    "enrolments.candidates": lambda e: e.enrolments.candidates(TENANT, after=("", ""), limit=9),
    "enrolments.get": lambda e: e.enrolments.get(TENANT, "tok_1", "shop"),
    "enrolments.knows": lambda e: e.enrolments.knows(TENANT, "tok_1"),
    "enrolments.page": lambda e: e.enrolments.page(
        TENANT,
        token="",
        merchant_account="shop",
        states=[EnrolmentState.ACTIVE],
        after=("", ""),
        limit=9,
    ),
    "enrolments.set_enrolled": lambda e: e.enrolments.set_enrolled(
        KEY, enrolled=False, at=1, mark=a_mark("r-0")
    ),
    "inquiries.create": lambda e: e.inquiries.create(
        an_inquiry(wire_batch="0001"), [a_question("REFA", "tok_1")], a_mark()
    ),
    "inquiries.by_request": lambda e: e.inquiries.by_request(a_mark()),
    "inquiries.in_state": lambda e: e.inquiries.in_state(InquiryState.CREATED, InquiryState.SENT),
    "inquiries.find": lambda e: e.inquiries.find(BATCH),
    "inquiries.by_wire": lambda e: e.inquiries.by_wire("cybersource", "0001"),
    "inquiries.next_wire": lambda e: e.inquiries.next_wire("cybersource", 4),
    "inquiries.page": lambda e: e.inquiries.page(
        TENANT, channel="cybersource", states=[InquiryState.SENT], before="9", limit=9
    ),
    "inquiries.progress": lambda e: e.inquiries.progress(BATCH),
    "inquiries.questions": lambda e: e.inquiries.questions(BATCH),
    "inquiries.written": lambda e: e.inquiries.written(
        as_written(an_inquiry()), [a_question("REFA", "tok_1")], {"REFB": "X"}
    ),
    "inquiries.sent": lambda e: e.inquiries.sent(BATCH, 31),
    "feeds.sight": lambda e: e.feeds.sight("cybersource", [Sighting("a", 1, 1)]),
    "feeds.by_digest": lambda e: e.feeds.by_digest("cybersource", "sha"),
    "feeds.of_batch": lambda e: e.feeds.of_batch(BATCH),
    "feeds.find": lambda e: e.feeds.find("feed_1"),
    "feeds.add": lambda e: e.feeds.add(a_file("feed_3", state=FeedState.QUARANTINED)),
    "feeds.admit": lambda e: e.feeds.admit(a_file(part="1")),
    "feeds.answered": lambda e: e.feeds.answered(BATCH),
    "feeds.last_recorded": lambda e: e.feeds.last_recorded("feed_1"),
    "feeds.record": lambda e: e.feeds.record("feed_1", [an_answer(1, "tok_1", "REFA")], at=45),
    "feeds.replayed": lambda e: e.feeds.replayed("feed_1", [an_answer(2, "tok_1", "")], at=45),
    "feeds.applied": lambda e: e.feeds.applied("feed_1", 46),
    "feeds.reverted": lambda e: e.feeds.reverted("feed_1", "mixed up", at=47, mark=a_mark("r-1")),
    "feeds.unsettled": lambda e: e.feeds.unsettled("gp"),
    "feeds.missing": lambda e: e.feeds.missing("feed_1", MISSING),
    "feeds.found": lambda e: e.feeds.found("feed_1", 47),
    "feeds.release": _held,
    "feeds.report": lambda e: e.feeds.report("feed_1"),
    "feeds.answers": lambda e: e.feeds.answers("feed_1", after=(1, ""), limit=9),
    "feeds.page": lambda e: e.feeds.page(
        tenant=TENANT, channel="", states=[FeedState.HELD], before=(99, "z"), limit=9
    ),
    "incidents.open": lambda e: e.incidents.open(
        Incident(ExceptionKind.APPLY_REFUSED, "s", "r", opened_at=1)
    ),
    "incidents.get": lambda e: e.incidents.get(1),
    "incidents.page": lambda e: e.incidents.page(
        tenant=TENANT, channel="", states=[IncidentState.OPEN], kinds=(), after=0, limit=9
    ),
    "incidents.settle": lambda e: e.incidents.settle(
        1, IncidentState.RESOLVED, "x", at=50, mark=a_mark("r-2")
    ),
    "pauses.pause": lambda e: e.pauses.pause(Pause("gp", TENANT, "r", "a", 1), a_mark("r-3")),
    "pauses.paused": lambda e: e.pauses.paused(),
    "pauses.resume": lambda e: e.pauses.resume("gp", TENANT, at=2, mark=a_mark("r-4")),
    "requests.known": lambda e: e.requests.known(a_mark("r-9")),
    "requests.keep": lambda e: e.requests.keep(a_mark("r-9"), "x", at=1),
    "inquiries.expire": lambda e: e.inquiries.expire(99, 100),
    "inquiries.emptied": lambda e: e.inquiries.emptied(BATCH, {"REFC": "X"}, 101),
}
# Request ids are few, and forgotten where one is kept; the partial index has what lasts only.
ALLOWED = re.compile(r"SCAN (requests|pauses USING INDEX pauses_that_last|CONSTANT ROW)$")


def test_every_method_is_here() -> None:
    stores = Engine.__annotations__.keys() - {"outbox", "bench"}
    engine = engine_of(Database.__new__(Database))
    methods = {
        f"{store}.{name}"
        for store in stores
        for name, _ in inspect.getmembers(getattr(engine, store), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert methods == set(CALLS)


@pytest.fixture
async def statements(tmp_path: Path) -> dict[str, list[str]]:
    """Return what each method says to the database, as plans: with all of them called in turn."""
    plans: dict[str, list[str]] = {}
    async with open_database(tmp_path / "updater.db") as database:
        engine = engine_of(database, encode_event)
        for name, call in CALLS.items():
            said: list[str] = []

            def trace(
                _cursor: apsw.Cursor, sql: str, _bound: object, said: list[str] = said
            ) -> bool:
                said.append(sql)
                return True

            await database.run(partial(_trace, trace=trace))
            await call(engine)
            await database.run(partial(_trace, trace=None))
            plans[name] = await database.run(partial(_plans, statements=said))
    return plans


def _trace(db: apsw.Connection, trace: Any) -> None:
    db.exec_trace = trace


def _plans(db: apsw.Connection, statements: list[str]) -> list[str]:
    found = []
    for sql in dict.fromkeys(statements):
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)", sql):
            numbered = [int(number) for number in re.findall(r"\?(\d+)", sql)]
            values = [None] * max(numbered, default=sql.count("?"))
            found += [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    return found


async def test_no_method_reads_a_whole_table(statements: dict[str, list[str]]) -> None:
    scans = {
        f"{name}: {line}"
        for name, lines in statements.items()
        for line in lines
        if "SCAN" in line and not ALLOWED.search(line)
    }
    assert scans == set()
    assert sum("SEARCH" in line for lines in statements.values() for line in lines) > 60


async def test_pages_need_no_sorting(statements: dict[str, list[str]]) -> None:
    for name in ("feeds.page", "feeds.answers", "incidents.page", "inquiries.page"):
        assert not [line for line in statements[name] if "TEMP B-TREE" in line], name
