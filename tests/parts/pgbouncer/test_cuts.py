"""Connections cut on either side of the pooler, at every message of a flush: answers stay true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.doubles.postgres_cutter import Cutter, Side, cutter
from tests.doubles.vault_ledger import add, kinds, records, reveal, running, tokenize
from tests.parts.postgres.test_cuts import MOST_MESSAGES, true_after
from tests.parts.servers.pgbouncer import PgBouncer, pgbouncer
from tests.parts.servers.postgres import PostgresServer
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.domain.intents import Entry
from vault.usecases.ledger.ledger import GroupCommitLedger

PATIENCE_S = 30.0


@asynccontextmanager
async def cut_before(pooler: PgBouncer, direct: str) -> AsyncIterator[tuple[Cutter, Address]]:
    """Stand between the vault and the pooler."""
    async with cutter(pooler.port) as proxy:
        dsn = pooler.dsn(direct).replace(f":{pooler.port}/", f":{proxy.port}/")
        yield proxy, Address(dsn, pooler=pooler.pooler)


@asynccontextmanager
async def cut_behind(
    pooler: PgBouncer, direct: str, server: PostgresServer
) -> AsyncIterator[tuple[Cutter, Address]]:
    """Stand between a pooler of this test's own and the server."""
    async with cutter(server.port) as proxy:
        with pgbouncer(pooler.pooler, proxy.port) as own:
            yield proxy, Address(own.dsn(direct), pooler=own.pooler)


async def settle(ledger: GroupCommitLedger, entry: Entry) -> str:
    """Send an entry until it has an effect; return how the last answer was called.

    With patience: a pooler whose login was cut lets a second pass before the next one.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (kind,) = kinds(await ledger.apply([entry]))
            if kind in ("Applied", "Replayed"):
                return kind
            await asyncio.sleep(0.05)


async def cut_everywhere(proxy: Cutter, address: Address, side: Side) -> list[str]:
    """Cut one flush after another, each a message later; return what the callers heard."""
    heard: list[str] = []
    async with open_postgres(address) as cut, running(cut) as ledger:
        await tokenize(ledger, add(10_000))
        for at in range(MOST_MESSAGES):
            entry = add(at, request_id=f"r-{at}")
            before = proxy.cuts
            proxy.arm(side, at, torn=False)
            (first,) = kinds(await ledger.apply([entry]))
            proxy.disarm()
            retried = await settle(ledger, entry)
            heard.append(first)
            assert true_after(first, retried), (at, first, retried)
            if proxy.cuts == before:
                return heard
    pytest.fail("no end of messages")


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
async def test_a_cut_at_every_message_of_a_flush(
    pooler: PgBouncer, postgres: PostgresServer, direct: str, side: Side, behind: bool
) -> None:
    place = cut_behind(pooler, direct, postgres) if behind else cut_before(pooler, direct)
    async with place as (proxy, address):
        heard = await cut_everywhere(proxy, address, side)
    # Two round trips of a flush, three messages each from the vault and four from the server.
    assert len(heard) - 1 >= (6 if side == "client" else 8)
    assert heard[-1] == "Applied"
    assert {"InDoubt", "NotApplied"} <= set(heard)
    async with open_postgres(Address(direct)) as engine:
        rows = await records(engine)
        assert len(rows) == 1 + len(heard)  # one record an effect, and one effect a request
    db = await asyncpg.connect(direct)
    assert await db.fetchval("SELECT count(*) FROM outbox") == len(rows)
    await db.close()


async def test_a_pooler_that_is_lost_costs_one_answer_at_most(
    pooler: PgBouncer, postgres: PostgresServer, direct: str, engine: Engine
) -> None:
    async with cutter(pooler.port) as proxy:
        dsn = pooler.dsn(direct).replace(f":{pooler.port}/", f":{proxy.port}/")
        async with (
            open_postgres(Address(dsn, pooler=pooler.pooler)) as cut,
            running(cut) as ledger,
        ):
            (card,) = await tokenize(ledger, add(1))
            proxy.arm("server", 0, torn=True)
            await settle(ledger, reveal(card.token))
            assert await cut.reader.cards([card.key]) == {card.key: card}
