"""What PostgreSQL says, in the ports' words: a real full disk aside, asked of the real server."""

from __future__ import annotations

import asyncpg
import pytest

from chassis.postgres.connection import Link
from chassis.postgres.faults import translated, translated_write
from tests.contract.ledger_rows import a_card, added, facts, next_delta, write
from tests.parts.servers.postgres import PostgresServer, as_superuser
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.domain.queries import AuditQuery
from vault.usecases.ports import (
    CommitInDoubt,
    Conflict,
    DataFault,
    StoreError,
    StoreFull,
    StoreUnavailable,
)


def raising(state: str) -> str:
    """Return a statement that fails with an SQLSTATE, as the server would by itself."""
    return f"DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '{state}'; END $$"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("53100", StoreFull),
        ("40001", Conflict),
        ("40P01", Conflict),
        ("23505", Conflict),
        ("22012", Conflict),
        ("22003", DataFault),
        ("22021", DataFault),
        ("55P03", StoreUnavailable),
        ("53300", StoreUnavailable),
        ("25006", StoreUnavailable),
        ("57014", CommitInDoubt),
        ("57P01", CommitInDoubt),
        ("58030", CommitInDoubt),
        ("XX000", CommitInDoubt),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_what_the_server_says_about_a_flush(
    dsn: str, state: str, expected: type[StoreError]
) -> None:
    link = Link(Address(dsn))
    try:
        with pytest.raises(StoreError) as caught:
            await link.write(raising(state), ())
        assert type(caught.value) is expected
        assert await link.write("SELECT 1", ())  # and the link goes on, or is made again
    finally:
        await link.close()


def test_what_asyncpg_says_by_itself() -> None:
    closed = asyncpg.ConnectionDoesNotExistError("closed")
    assert isinstance(translated_write(closed), CommitInDoubt)
    assert isinstance(translated(closed), StoreUnavailable)
    assert isinstance(translated_write(ConnectionResetError()), CommitInDoubt)
    assert isinstance(translated_write(asyncpg.InternalClientError("x")), CommitInDoubt)
    assert isinstance(translated_write(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x")), DataFault)


async def test_nul_bytes_are_the_values_fault(engine: Engine) -> None:
    with pytest.raises(DataFault):
        await write(engine, cards=added(a_card("tok_1", fingerprint="", customer="a\0b")))
    assert await engine.audit.open_chains() == []


async def test_no_text_of_the_server_reaches_an_errors_text(engine: Engine) -> None:
    secret = "zebra-zebra"
    with pytest.raises(DataFault) as caught:
        await write(engine, cards=added(a_card(secret, fingerprint="", customer="\0")))
    assert secret not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_a_server_that_is_not_there_is_unavailable(postgres: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable):
        async with open_postgres(Address("postgresql://nobody@127.0.0.1:1/nothing")):
            pass


async def test_a_read_only_server_takes_no_writes(dsn: str, engine: Engine) -> None:
    """What is left of a primary that has become a standby."""
    delta = await next_delta(engine)
    admin = await asyncpg.connect(as_superuser(dsn))
    await admin.execute("ALTER ROLE vault_app SET default_transaction_read_only = on")
    try:
        async with open_postgres(Address(dsn)):
            pytest.fail("a read-only server was accepted")
    except StoreUnavailable:
        pass
    finally:
        await admin.execute("ALTER ROLE vault_app RESET ALL")
        await admin.close()
    await engine.store.write(delta)


async def test_a_quoted_value_is_not_found_as_a_field_of_the_trail(engine: Engine) -> None:
    said = facts(note=',"tenant":"other"', principal='x","tenant":"other')
    await engine.store.write(await next_delta(engine, said=said))
    await engine.store.write(await next_delta(engine, said=facts(principal="nul\0 and \ud800")))
    assert await engine.audit.audit_rows(AuditQuery("other", 10)) == []
    assert len(await engine.audit.audit_rows(AuditQuery("demo", 10))) == 2
