"""What is hot on PostgreSQL finds its rows by an index, and pages need no sorting."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.contract.updater_rows import BATCH, TENANT
from updater.adapters.postgres import answers, feeds, files, incidents, inquiries, lease, pauses
from updater.adapters.stored_feeds import FEED_COLUMNS, INCIDENT_COLUMNS

FEEDS = f"SELECT {FEED_COLUMNS} FROM feed_files WHERE"  # noqa: S608
INCIDENTS = f"SELECT {INCIDENT_COLUMNS} FROM exceptions WHERE"  # noqa: S608
STATEMENTS: dict[str, tuple[Any, ...]] = {
    "the batch's answers": (feeds._ANSWERED, BATCH),
    "the last one recorded": (feeds._LAST, "feed_1"),
    "a page of answers": (feeds._ANSWERS, "feed_1", 1, "", 9),
    "counts": (feeds._COUNTS, "feed_1"),
    "a shadow's place": (answers._THERE, "feed_1", [1, 2]),
    "whose answers": (answers._OF, "feed_1"),
    "closing": (answers._CLOSE, ["REFA"]),
    "an end": (files._INQUIRY_ANSWERED, 1, "feed_1"),
    "the batch's files": (f"{FEEDS} batch_id = $1 ORDER BY received_at, feed_id", BATCH),
    "files of a tenant": (
        f"{FEEDS} tenant = $1 ORDER BY received_at DESC, feed_id DESC LIMIT 9",
        TENANT,
    ),
    "open exceptions": (
        f"{INCIDENTS} exception_id > 0 AND state = $1 ORDER BY exception_id LIMIT 9",
        "OPEN",
    ),
    "a tenant's open exceptions": (
        f"{INCIDENTS} tenant = $1 AND state = $2 ORDER BY exception_id LIMIT 9",
        *(TENANT, "OPEN"),
    ),
    "held": (incidents._SETTLE_STANDING, "x", 1, "ann", "feed_1"),
    "missing": (incidents._SETTLE_MISSING, "x", 1, "ann", "feed_1"),
    "contradictions": (incidents._ANSWERED_SINCE, "r", ["REFA"], "feed_1"),
    "unsettled": (f"{FEEDS} {feeds.UNSETTLED_OF}", "gp"),
    "wire": (inquiries._BY_WIRE, "gp", "0001"),
    "a count": (inquiries._COUNT_WIRE, "gp", 9_999),
    "progress": (inquiries._PROGRESS, BATCH),
    "overdue": (inquiries._EXPIRE, 2, 1),
    "a pause": (pauses._LASTS, "gp", TENANT),
    "taking": (lease.TAKE, "channel:a", "me", 1),
    "renewing": (lease.RENEW_IF_FREE, "channel:a", 1, 1),
}
PAGES = (
    "a page of answers",
    "files of a tenant",
    "open exceptions",
    "a tenant's open exceptions",
    "wire",
)

INDEXES = {"a tenant's open exceptions": "exceptions_by_tenant", "wire": "inquiries_by_wire"}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_table_is_read_whole(dsn: str, name: str) -> None:
    sql, *values = STATEMENTS[name]
    db = await asyncpg.connect(dsn, server_settings={"enable_seqscan": "off", "jit": "off"})
    try:
        plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {sql}", *values))
    finally:
        await db.close()
    assert "Seq Scan" not in plan
    assert INDEXES.get(name, "Index") in plan
    if name in PAGES:
        assert "Sort" not in plan
