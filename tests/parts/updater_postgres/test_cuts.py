"""A connection cut at messages of a cycle: a flow that is taken again learns what is true.

The proxy loses one message, of the updater or of the server, whole or by half, and the connection
with it. What a port says then is that nothing is known; the next turn asks, and goes on from what
it finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.contract.updater_rows import TENANT, a_credential, a_question, an_inquiry, enrol
from tests.doubles.postgres_cutter import Cutter, Side, cutter
from tests.doubles.updater_crashes import STAGES, ending, step, world_at
from tests.doubles.updater_world import HandClock, World, channel_of
from tests.parts.servers.postgres import PostgresServer
from tests.parts.servers.updater_databases import UpdaterDatabases, as_user
from tests.parts.updater_postgres.opening import behind, opening, working
from updater.adapters.engine import Engine
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.domain.errors import StoreUnavailable
from updater.domain.inquiry import InquiryState
from updater.domain.mapping import CYBERSOURCE
from updater.usecases.choose import ChooseCards

MOST_MESSAGES = 200
CUTS = 8


@pytest.fixture
async def proxy(postgres: PostgresServer) -> AsyncIterator[Cutter]:
    async with cutter(postgres.port) as made:
        yield made


def choosing(engine: Engine) -> ChooseCards:
    channel = channel_of(CYBERSOURCE)
    stores = (engine.enrolments, engine.inquiries, engine.incidents, engine.pauses)
    return ChooseCards(channel, [channel], *stores, HandClock())


async def settle(choose: ChooseCards) -> str:
    """Choose until it is done; return how the first try ended."""
    first = ""
    for _attempt in range(20):
        try:
            await choose(TENANT)
        except StoreUnavailable:
            first = first or "unknown"
            await asyncio.sleep(0.02)
        else:
            return first or "done"
    pytest.fail("retries never settled")


@pytest.mark.parametrize("torn", [False, True], ids=["lost", "torn"])
@pytest.mark.parametrize("side", ["client", "server"])
async def test_a_cut_at_every_message_of_a_choice_asks_no_card_twice(
    dsn: str, beside: Engine, proxy: Cutter, side: Side, torn: bool
) -> None:
    """The choice reads, then writes: what it would write again depends on what it finds."""
    heard: list[str] = []
    async with open_postgres(behind(proxy, dsn)) as opened:
        cut = await working(opened)
        choose = choosing(cut)
        await choose(TENANT)
        for at in range(MOST_MESSAGES):
            await enrol(cut, a_credential(f"tok_{at}"), at=at + 1)
            before = proxy.cuts
            proxy.arm(side, at, torn=torn)
            heard.append(await settle(choose))
            proxy.disarm()
            if proxy.cuts == before:
                break
        else:
            pytest.fail("no end of messages")
    assert heard[-1] == "done"
    assert heard.count("unknown") >= 10
    inquiries = await beside.inquiries.in_state(InquiryState.CREATED)
    asked = [
        card.token
        for inquiry in inquiries
        for question in (await beside.inquiries.questions(inquiry.batch_id)).values()
        for card in question.cards
    ]
    assert sorted(asked) == sorted(f"tok_{at}" for at in range(len(heard)))


@pytest.mark.parametrize("side", ["client", "server"])
async def test_a_whole_cycle_survives_cuts(
    tmp_path: Path, databases: UpdaterDatabases, proxy: Cutter, side: Side
) -> None:
    calm = world_at(tmp_path / "calm", opens=opening(behind(proxy, await databases.migrated())))
    proxy.arm(side, 1_000_000, torn=False)
    await through(calm)
    messages = 1_000_000 - proxy.left
    proxy.disarm()
    expected = await ending(calm)
    assert messages > 100
    for turn in range(CUTS):
        world = world_at(
            tmp_path / f"{turn}", opens=opening(behind(proxy, await databases.migrated()))
        )
        proxy.arm(side, 20 + turn * (messages - 20) // CUTS, torn=bool(turn % 2))
        await through(world)
        proxy.disarm()
        assert await ending(world) == expected, turn


async def through(world: World) -> None:
    """Go through the stages; a stage whose store was away is taken again, by the same process."""
    stage = 0
    while stage < len(STAGES):
        try:
            async with world.running() as updater:
                while stage < len(STAGES):
                    try:
                        await step(world, updater, STAGES[stage])
                    except StoreUnavailable:
                        await asyncio.sleep(0.02)
                    else:
                        stage += 1
        except StoreUnavailable:
            continue  # cut while it was being opened


async def test_a_commit_that_comes_late_is_waited_for(dsn: str) -> None:
    """The link was given up while the server was committing: the next read must not miss it."""
    owner = await asyncpg.connect(as_user(dsn, "updater_owner"))
    await owner.execute(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_sleep(1); RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON inquiries"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()"
    )
    await owner.close()
    async with open_postgres(Address(dsn, flush_s=0.4)) as opened:
        hasty = await working(opened)
        await enrol(hasty, a_credential("tok_1"))
        with pytest.raises(StoreUnavailable):
            await hasty.inquiries.create(an_inquiry(), [a_question("REF", "tok_1")])
        for _attempt in range(10):
            try:
                due = await hasty.enrolments.candidates(TENANT, after=("", ""), limit=9)
                break
            except StoreUnavailable:
                continue
        assert due == []
        assert await hasty.inquiries.find(an_inquiry().batch_id) == an_inquiry()
