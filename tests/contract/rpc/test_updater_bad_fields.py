"""Every field of every request to the updater gets its first invalid values over the wire.

Cases come from the descriptors, as for the vault: a field without a case fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import apsw
import pytest

from chassis.routes import Route
from tests.doubles.rpc_bad_fields import bad_fields, fields_with_cases, reachable
from tests.doubles.rpc_complaints import complaint
from tests.doubles.rpc_wire import send, short
from tests.doubles.updater_requests import GOOD, keep, one_cycle, updater_routes
from tests.doubles.updater_site import updater_site

ROUTES: Final = updater_routes()
EXEMPT: Final = frozenset(
    {
        "cardvault.updater.v1.ReplayFeedFileRequest.dry_run",
        "cardvault.updater.v1.RevertFeedFileRequest.dry_run",
    }
)
"""Fields of which no value is invalid: every varint is a bool."""
TABLES: Final = (
    *("enrolments", "inquiries", "questions", "feed_files", "answers", "exceptions"),
    *("pauses", "requests"),
)


def rows(root: Path) -> Mapping[str, list[tuple[object, ...]]]:
    """Return everything that a refused request must leave as it is."""
    database = apsw.Connection(str(root / "updater.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {
            table: list(database.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))  # noqa: S608
            for table in TABLES
        }
    finally:
        database.close()


async def settled_rows(root: Path) -> Mapping[str, list[tuple[object, ...]]]:
    """Return the rows once the worker has missed the bytes of what waits: then it is at rest."""
    waiting = "state IN ('HELD', 'VALIDATED') AND missing_since IS NULL"
    database = apsw.Connection(str(root / "updater.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        async with asyncio.timeout(30):
            while list(database.execute(f"SELECT 1 FROM feed_files WHERE {waiting}")):  # noqa: S608, ASYNC110
                await asyncio.sleep(0.05)
    finally:
        database.close()
    return rows(root)


def test_every_rpc_has_a_good_request() -> None:
    assert {short(route) for route in ROUTES} == set(GOOD)


@pytest.mark.parametrize("route", ROUTES, ids=short)
def test_every_field_has_a_case(route: Route) -> None:
    covered = fields_with_cases(route)
    assert reachable(route.request) - covered - EXEMPT == set()
    assert covered & EXEMPT == set()


async def test_the_first_invalid_value_of_every_field_is_refused_and_nothing_stored(
    tmp_path: Path,
) -> None:
    complaints, tried = [], 0
    async with updater_site(tmp_path) as site:
        channel, kept = await site.channel("root"), await keep(site, await one_cycle(site))
        before = await settled_rows(tmp_path)
        for route in ROUTES:
            for case in bad_fields(route.request):
                request = GOOD[short(route)](kept)
                case.apply(request)
                told = (await send(channel, route, request)).refusal
                tried += 1
                complaints += [f"{short(route)} {each}" for each in [complaint(case, told)] if each]
        assert rows(tmp_path) == before
    assert complaints == []
    assert tried > 150


async def test_every_good_request_is_good(tmp_path: Path) -> None:
    codes: dict[str, str] = {}
    async with updater_site(tmp_path) as site:
        channel, cycle = await site.channel("root"), await one_cycle(site)
        for route in ROUTES:
            kept = await keep(site, cycle)
            answer = await send(channel, route, GOOD[short(route)](kept))
            codes[short(route)] = answer.code if not answer.refusal else repr(answer.refusal)
    assert set(codes.values()) == {"OK"}, codes


async def test_bytes_that_are_no_message_get_a_proper_status_from_every_rpc(
    tmp_path: Path,
) -> None:
    garbage = (b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05\xff")
    async with updater_site(tmp_path) as site:
        channel = await site.channel("root")
        for route in ROUTES:
            for sent in garbage:
                told = (await send(channel, route, sent)).refusal
                if short(route) == "ListChannels" and told is None:
                    continue  # its request has no fields: all that parses is good
                assert told is not None
                assert told.code == "INVALID_ARGUMENT"
                assert told.reason in {"MALFORMED_MESSAGE", "INVALID_FIELD"}
                assert told.domain == "cardvault"
