"""Several processes on one database: each has a chain, and only the dead one's is ended."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest
from structlog.testing import capture_logs

from chassis.postgres.connection import Link
from chassis.postgres.sql import NOW
from tests.contract.ledger_rows import a_card, a_number, add_cards, added, next_delta, write
from tests.doubles.vault_ledger import add, kinds, running, tokenize
from tests.parts.servers.postgres import as_superuser
from vault.adapters.engine import Engine
from vault.adapters.postgres import lease
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.usecases.chain_start import start_chain
from vault.usecases.ledger.delta import CardChange
from vault.usecases.ledger.state import Want
from vault.usecases.ports import Conflict, StoreBroken


async def expire(dsn: str, chain: str, over_s: int = 1) -> None:
    """Let a chain's lease have run out so many seconds ago."""
    admin = await asyncpg.connect(as_superuser(dsn))
    await admin.execute(
        f"UPDATE chains SET lease = {NOW} - $2::bigint WHERE chain = $1",  # noqa: S608
        chain,
        over_s * 1_000_000,
    )
    await admin.close()


async def test_a_living_processes_chain_is_left_alone_and_a_dead_ones_ended(
    dsn: str, engine: Engine
) -> None:
    living = await start_chain(engine.store, engine.audit, "chn_a", lambda: 1)
    async with open_postgres(Address(dsn)) as other:
        started = await start_chain(other.store, other.audit, "chn_b", lambda: 2)
        assert (living.ended, started.ended) == ((), ())
        await expire(dsn, "chn_a", over_s=100)
        second = await start_chain(other.store, other.audit, "chn_b2", lambda: 3)
        assert second.ended == ()  # a reaper's
        await expire(dsn, "chn_a", over_s=130)
        third = await start_chain(other.store, other.audit, "chn_c", lambda: 3)
        assert [head.chain for head in third.ended] == ["chn_a"]
        with pytest.raises(StoreBroken):
            await engine.store.read("chn_a", Want())


async def test_an_orderly_stop_gives_the_lease_back(dsn: str, engine: Engine) -> None:
    async with open_postgres(Address(dsn)) as first:
        await write(first, chain="chn_a")
        assert await engine.audit.abandoned_chains() == []
    assert [head.chain for head in await engine.audit.abandoned_chains()] == ["chn_a"]


async def test_an_idle_process_renews_its_lease(dsn: str, engine: Engine) -> None:
    await write(engine, chain="chn_a")
    await expire(dsn, "chn_a")
    link = Link(Address(dsn))
    task = asyncio.create_task(lease.keep_leases(link, {"chn_a"}, interval_s=0.01))
    try:
        async with asyncio.timeout(5):
            while await engine.audit.abandoned_chains():  # noqa: ASYNC110 - in the database
                await asyncio.sleep(0.01)
        with capture_logs() as logs:
            await write(engine, chain="chn_b", ended_chains=await engine.audit.open_chains())
            async with asyncio.timeout(5):
                while not logs:  # noqa: ASYNC110 - in the log
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        told = {"event": "audit chain ended by another process", "chain": "chn_a"}
        assert logs == [{**told, "log_level": "error"}]  # once
    finally:
        task.cancel()
        await asyncio.wait([task])
        await link.close()


async def test_a_flush_renews_the_lease(dsn: str, engine: Engine) -> None:
    await write(engine, chain="chn_a")
    await expire(dsn, "chn_a")
    await write(engine, chain="chn_a")
    assert await engine.audit.abandoned_chains() == []


async def test_processes_on_one_database_serve_side_by_side(dsn: str) -> None:
    async with AsyncExitStack() as stack:
        ledgers = []
        for name in ("chn_a", "chn_b", "chn_c"):
            engine = await stack.enter_async_context(open_postgres(Address(dsn)))
            ledgers.append(await stack.enter_async_context(running(engine, chain=name)))
        calls = [
            ledgers[at % 3].apply([add(at % 20, customer="anna", request_id=f"r-{at}")])
            for at in range(120)
        ]
        outcomes = [outcome for (outcome,) in await asyncio.gather(*calls)]
        assert set(kinds(outcomes)) == {"Applied"}
        cards = [await tokenize(ledger, add(7, customer="anna")) for ledger in ledgers]
        assert len({card.token for (card,) in cards}) == 1


async def test_a_number_is_not_forgotten_while_another_process_uses_it_again(
    dsn: str, engine: Engine
) -> None:
    """Whoever comes first: the card keeps its number's row, or its flush starts again."""
    async with open_postgres(Address(dsn)) as other:
        for at in range(30):
            card = a_card(f"tok_{at}", fingerprint=f"fp_{at}")
            number = a_number(card.fingerprint)
            await add_cards(engine, card)
            forget = await next_delta(engine)
            gone = card._replace(revision=2, fingerprint="", sealed=None)
            forget.cards = {card.key: CardChange(1, gone)}
            forget.dropped_numbers = [(number, card.fingerprint)]
            reuse = await next_delta(other, chain="chn_other")
            again = a_card(f"tok_again_{at}", fingerprint=card.fingerprint)
            reuse.cards = added(again)
            reuse.known_numbers = {number: card.fingerprint}
            results = await asyncio.gather(
                engine.store.write(forget), other.store.write(reuse), return_exceptions=True
            )
            assert results[0] is None
            assert results[1] is None or isinstance(results[1], Conflict)
            state = await engine.store.read("chn_test", Want(numbers={number}, cards={again.key}))
            assert (number in state.numbers) is (again.key in state.cards)
