"""Two flushes at one moment, on two connections: the later one sees what the earlier one chose by.

One is sent and not committed yet; then the other one is sent, waits for it, and starts again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from chassis.postgres.connection import Link
from tests.contract.ledger_rows import a_card, a_pointer, add_cards, added, next_delta, numbers_of
from tests.contract.ledger_rows import write as write_rows
from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ledger import add, card_of, entry, kinds, running, tokenize
from tests.parts.servers.postgres import as_superuser
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.adapters.postgres.writing import locking, writing
from vault.domain.card import Card, CardKey
from vault.domain.intents import DeleteCard
from vault.usecases.ledger.delta import YOUNGEST, CardChange, Delta, PointerChange
from vault.usecases.ports import Conflict

GROUP = a_pointer("1")
FOUND = a_card("tok_1", fingerprint=GROUP.fingerprint, customer=GROUP.customer)
BEHIND = FOUND._replace(token="tok_2", create_time=2_000)
HELD = FOUND._replace(token="tok_3", customer="", fingerprint="fp_3")


@pytest.fixture
async def link(dsn: str) -> AsyncIterator[Link]:
    opened = Link(Address(dsn))
    yield opened
    await opened.close()


def gone(card: Card) -> dict[CardKey, CardChange]:
    return {card.key: CardChange(1, card._replace(revision=2, status="DELETED"))}


async def flushes(engine: Engine, which: str) -> Delta:
    """Return a flush on a chain of its own, as it was decided on what is stored at first."""
    delta = await next_delta(engine, chain=f"chn_{which.replace(' ', '_')}")
    rows: dict[str, dict[str, object]] = {
        "the found one goes": {
            "cards": gone(FOUND),
            "pointers": {GROUP: PointerChange("tok_1", None)},
            "heirs": {GROUP: YOUNGEST},
        },
        "one comes behind it": {"cards": added(BEHIND), "relied": {FOUND.key: 1}},
        "a purge": {"relied": {HELD.key: 1}},
        "a hold": {"cards": gone(HELD)},
    }
    for name, value in rows[which].items():
        setattr(delta, name, value)
    return delta


async def waits(db: asyncpg.Connection) -> bool:
    """Tell whether a session waits for another one's lock, within a few seconds."""
    for _at in range(200):
        if await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the found one goes", "one comes behind it"),
        ("one comes behind it", "the found one goes"),
        ("a hold", "a purge"),
    ],
)
async def test_the_second_of_two_waits_for_the_first_and_is_a_conflict(
    dsn: str, engine: Engine, link: Link, first: str, second: str
) -> None:
    await add_cards(engine, HELD)
    await write_rows(
        engine,
        cards=added(FOUND),
        numbers=numbers_of(FOUND),
        pointers={GROUP: PointerChange(None, "tok_1")},
    )
    one, two = await flushes(engine, first), await flushes(engine, second)
    admin = await asyncpg.connect(as_superuser(dsn))
    sending: list[asyncio.Task[None]] = []

    async def work(db: asyncpg.Connection) -> None:
        before = locking(one)
        if before is not None:
            await db.fetch(before[0], *before[1])
        text, values = writing(one)
        await db.fetch(text, *values)
        sending.append(asyncio.create_task(engine.store.write(two)))
        assert await waits(admin)

    try:
        await link.transact(work)
    finally:
        await admin.close()
    with pytest.raises(Conflict):
        await sending[0]


async def test_two_processes_that_change_one_customers_cards_lose_none(dsn: str) -> None:
    """Delete the found card in one and bring another in the other: Tokenize makes no third."""
    clock = FakeClock()
    async with AsyncExitStack() as stack:
        ledgers = []
        for name in ("chn_a", "chn_b"):
            engine = await stack.enter_async_context(open_postgres(Address(dsn)))
            ledgers.append(
                await stack.enter_async_context(running(engine, chain=name, clock=clock))
            )
        for number in range(40):
            (card,) = await tokenize(ledgers[0], add(number, customer="anna"))
            clock.advance(1)
            outcomes = await asyncio.gather(
                ledgers[0].apply([entry(DeleteCard(card.token, 0, 10**9), request_id=card.token)]),
                ledgers[1].apply([add(number, customer="anna", on_existing="NEW")]),
            )
            assert kinds([outcome for (outcome,) in outcomes]) == ["Applied", "Applied"]
            (found,) = await tokenize(ledgers[0], add(number, customer="anna"))
            assert found.token == card_of(outcomes[1][0]).token
        assert sum(ledger.counts.conflicts for ledger in ledgers) > 0
