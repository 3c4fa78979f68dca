"""What PostgreSQL says, in the updater's words; and what a full or missing one leaves behind."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from chassis.store_errors import DataFault
from tests.contract.updater_rows import (
    TENANT,
    a_credential,
    a_mark,
    a_question,
    an_inquiry,
    enrol,
    enrolled,
)
from tests.parts.servers.updater_databases import as_user
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.domain.errors import StorageFull, StoreUnavailable


async def failing(dsn: str, table: str, state: str) -> None:
    """Have every insert into a table fail as the server would by itself."""
    owner = await asyncpg.connect(as_user(dsn, "updater_owner"))
    await owner.execute(
        "CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION 'as asked' USING ERRCODE = '{state}'; END $$;"
        f" CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION fails()"
    )
    await owner.close()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("53100", StorageFull),
        ("53300", StoreUnavailable),
        ("55P03", StoreUnavailable),
        ("40P01", StoreUnavailable),
        ("57P01", StoreUnavailable),
        ("58030", StoreUnavailable),
        ("25006", StoreUnavailable),
    ],
    ids=["full", "connections", "locked", "deadlock", "shutdown", "io", "read_only"],
)
async def test_what_fails_leaves_nothing_and_passes(
    dsn: str, engine: Engine, state: str, expected: type[Exception]
) -> None:
    await enrol(engine, a_credential("tok_1"))
    await failing(dsn, "question_cards", state)
    with pytest.raises(expected) as caught:
        await engine.inquiries.create(an_inquiry(), [a_question("REF", "tok_1")], a_mark())
    assert type(caught.value) is expected
    assert await engine.inquiries.find(an_inquiry().batch_id) is None
    assert await engine.inquiries.by_request(a_mark()) is None
    assert (await enrolled(engine, "tok_1")).open_batch == ""
    owner = await asyncpg.connect(as_user(dsn, "updater_owner"))
    await owner.execute("DROP TRIGGER fails ON question_cards")
    await owner.close()
    await engine.inquiries.create(an_inquiry(), [a_question("REF", "tok_1")], a_mark())
    assert (await enrolled(engine, "tok_1")).open_batch != ""


async def test_a_value_that_cannot_be_stored_is_its_own_fault_and_is_not_shown(
    engine: Engine,
) -> None:
    secret = "zebra-zebra"
    for text in (f"{secret}\0", f"{secret}\ud800"):
        with pytest.raises(DataFault) as caught:
            await enrol(engine, a_credential("tok_1", fingerprint=text))
        assert secret not in repr(caught.value)
        assert caught.value.__cause__ is None
    assert await engine.enrolments.cursor(TENANT) == ""
    await enrol(engine, a_credential("tok_1"))


async def test_a_warning_during_a_commit_leaves_it_unknown(dsn: str, engine: Engine) -> None:
    """The server warns, and reports success, when a wait for the standby was given up."""
    owner = await asyncpg.connect(as_user(dsn, "updater_owner"))
    await owner.execute(
        "CREATE FUNCTION warns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE WARNING 'canceling wait for synchronous replication due to user request';"
        " RETURN NULL; END $$;"
        " CREATE TRIGGER warns AFTER INSERT ON inquiries EXECUTE FUNCTION warns()"
    )
    await owner.close()
    with pytest.raises(StoreUnavailable):
        await engine.inquiries.create(an_inquiry(), [], a_mark())
    assert await engine.inquiries.by_request(a_mark()) == an_inquiry()


async def test_one_request_at_two_processes_is_one_request(dsn: str, engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    key = (TENANT, "tok_1", "shop")
    async with open_postgres(Address(dsn)) as idle:
        for number in range(20):
            mark = a_mark(f"r-{number}")
            await asyncio.gather(
                *(
                    each.enrolments.set_enrolled(
                        key, enrolled=bool(number % 2), at=100 + number, mark=mark
                    )
                    for each in (engine, idle, engine)
                )
            )
            found = await enrolled(engine, "tok_1")
            assert found.enrolled is bool(number % 2)
    db = await asyncpg.connect(dsn)
    assert await db.fetchval("SELECT count(*) FROM requests") == 20
    await db.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        async with open_postgres(Address("postgresql://nobody@127.0.0.1:1/nothing")):
            pass


async def test_a_lost_connection_is_made_again(dsn: str, engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    admin = await asyncpg.connect(as_user(dsn, "postgres"))
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'updater_app'"
        " AND datname = current_database()"
    )
    await admin.close()
    for _attempt in range(5):
        try:
            await enrol(engine, a_credential("tok_2"), at=20)
            break
        except StoreUnavailable:
            continue
    assert (await enrolled(engine, "tok_2")).enrolled
