"""A connection cut at any message of a flush: what callers hear is true, and retries settle it.

The proxy loses one message, of the vault or of the server, whole or by half, and the connection
with it. `NotApplied` must mean that nothing was written, `Applied` that it is durable; `InDoubt` is
allowed for both, and the same request id, sent again, has one effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.contract.ledger_rows import a_card, a_number, add_cards, next_delta
from tests.doubles.postgres_cutter import Cutter, Side, cutter
from tests.doubles.vault_ledger import add, kinds, records, reveal, running, tokenize
from tests.parts.postgres.cutting import MOST_MESSAGES, check_heard, cut_everywhere, settle
from tests.parts.postgres.hindered import check_held_lock, check_warning
from tests.parts.servers.postgres import PostgresServer, as_superuser
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.usecases.ledger.delta import CardChange
from vault.usecases.ledger.state import Want
from vault.usecases.ports import CommitInDoubt, StoreError


@pytest.fixture
async def proxy(postgres: PostgresServer) -> AsyncIterator[Cutter]:
    async with cutter(postgres.port) as made:
        yield made


def behind(proxy: Cutter, dsn: str, **more: float) -> Address:
    """Return the way to a database through the proxy."""
    rest = dsn.rpartition("/")[2]
    return Address(f"postgresql://vault_app@127.0.0.1:{proxy.port}/{rest}", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("torn", [False, True], ids=["lost", "torn"])
@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
async def test_a_cut_at_every_message_of_a_flush(
    dsn: str, proxy: Cutter, side: Side, warm: bool, torn: bool, engine: Engine
) -> None:
    async with open_postgres(behind(proxy, dsn)) as cut:
        heard = await cut_everywhere(cut, proxy, side, torn=torn, cold=not warm)
    await check_heard(heard, side, engine)


@pytest.mark.parametrize("side", ["client", "server"])
async def test_a_cut_at_every_message_of_an_erasing_flush(
    dsn: str, proxy: Cutter, side: Side, engine: Engine
) -> None:
    """A flush that forgets numbers takes locks first: it is the one that is not one statement."""
    kinds_heard: set[str] = set()
    async with open_postgres(behind(proxy, dsn)) as cut:
        for at in range(MOST_MESSAGES):
            card = a_card(f"tok_{at}")
            await add_cards(engine, card)
            delta = await next_delta(cut)
            gone = card._replace(revision=2, fingerprint="", sealed=None)
            number = a_number(card.fingerprint)
            delta.cards = {card.key: CardChange(1, gone)}
            delta.dropped_numbers = [(number, card.fingerprint)]
            before = proxy.cuts
            proxy.arm(side, at, torn=False)
            answer = "written"
            try:
                await cut.store.write(delta)
            except CommitInDoubt:
                answer = "doubt"
            except StoreError as error:
                answer = type(error).__name__
            proxy.disarm()
            kinds_heard.add(answer)
            state = await engine.store.read("chn_test", Want(cards={card.key}, numbers={number}))
            erased = state.cards == {card.key: gone} and state.numbers == {}
            intact = state.cards == {card.key: card} and number in state.numbers
            assert erased or (intact and answer != "written"), at
            if proxy.cuts == before:
                break
    assert kinds_heard == {"written", "doubt"}


async def test_a_flush_without_an_answer_is_given_up_in_doubt_and_never_cancelled(
    dsn: str, proxy: Cutter, engine: Engine
) -> None:
    async with open_postgres(behind(proxy, dsn, flush_s=0.5)) as cut, running(cut) as ledger:
        await tokenize(ledger, add(1))
        admin = await asyncpg.connect(as_superuser(dsn))
        async with admin.transaction():
            await admin.execute("LOCK TABLE outbox IN SHARE MODE")  # the write waits, the read not
            (kind,) = kinds(await ledger.apply([add(2, request_id="r")]))
            assert kind == "InDoubt"
            await asyncio.sleep(0.1)
        await admin.close()
        assert await settle(ledger, add(2, request_id="r")) in ("Applied", "Replayed")
    assert len(await records(engine)) == 2


async def test_a_lock_that_is_held_too_long_is_no_effect_and_no_doubt(dsn: str) -> None:
    async with open_postgres(Address(dsn, lock_s=0.2)) as short:
        await check_held_lock(short, dsn)


async def test_a_warning_during_a_flush_leaves_it_in_doubt(dsn: str, engine: Engine) -> None:
    await check_warning(engine, dsn)


async def test_the_servers_backend_killed_between_flushes_costs_one_answer_at_most(
    dsn: str, engine: Engine
) -> None:
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(1))
        admin = await asyncpg.connect(as_superuser(dsn))
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vault_app'"
            " AND datname = current_database()"
        )
        await admin.close()
        await settle(ledger, reveal(card.token))
        assert await engine.reader.cards([card.key]) == {card.key: card}
