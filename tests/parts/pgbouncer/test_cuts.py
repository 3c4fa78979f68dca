"""Connections cut on either side of the pooler, at every message of a flush: answers stay true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat

import pytest

from tests.doubles.postgres_cutter import Cutter, Side, cutter
from tests.doubles.vault_ledger import add, reveal, running, tokenize
from tests.parts.postgres.cutting import check_heard, cut_everywhere, settle
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


async def settle_with_patience(ledger: GroupCommitLedger, entry: Entry) -> str:
    """Settle; a pooler whose login was cut lets a second pass before the next one."""
    async with asyncio.timeout(PATIENCE_S):
        return await settle(ledger, entry, repeat(0.05))


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
async def test_a_cut_at_every_message_of_a_flush(
    pooler: PgBouncer, postgres: PostgresServer, direct: str, side: Side, behind: bool
) -> None:
    place = cut_behind(pooler, direct, postgres) if behind else cut_before(pooler, direct)
    async with place as (proxy, address), open_postgres(address) as cut:
        heard = await cut_everywhere(cut, proxy, side, settled=settle_with_patience)
    async with open_postgres(Address(direct)) as engine:
        await check_heard(heard, side, engine)


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
            await settle_with_patience(ledger, reveal(card.token))
            assert await cut.reader.cards([card.key]) == {card.key: card}
