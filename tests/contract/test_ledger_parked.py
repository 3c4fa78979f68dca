"""What every `Store` promises of answers that wait for a card, and what the sweeper asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.contract.ledger_rows import a_number, a_parked, next_delta, parking, write
from tests.doubles.vault_ledger import CHAIN, TENANT
from vault.adapters.engine import Engine
from vault.domain.parked import ParkedChange, ParkedDay, ParkedKey, ParkedRow
from vault.usecases.ledger.state import NumberKey, State, Want
from vault.usecases.ports import Conflict, DataFault


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def waiting(engine: Engine, *numbers: NumberKey) -> list[ParkedRow]:
    state = await engine.store.read(CHAIN, Want(parked=set(numbers)))
    return state.waiting_for(numbers)


async def test_what_waits_for_a_number_is_found_by_it_and_by_its_id(engine: Engine) -> None:
    first, second = a_parked("u-1"), a_parked("u-2", time=500, sealed=bytes(range(256)))
    elsewhere = a_parked("u-3", "other")
    theirs = a_parked("u-1", tenant="other")
    await write(engine, parked=parking(first, second, elsewhere, theirs))
    assert await waiting(engine, a_number("n")) == [second, first]  # in order of arrival
    assert await waiting(engine, a_number("none")) == []
    want = Want(parked_ids={ParkedKey(TENANT, "u-3"), ParkedKey(TENANT, "u-9")})
    state = await engine.store.read(CHAIN, want)
    assert state.parked == {elsewhere.key: elsewhere}
    both = Want(parked={a_number("other")}, parked_ids={elsewhere.key})
    assert (await engine.store.read(CHAIN, both)).parked == {elsewhere.key: elsewhere}
    assert (await engine.store.read(CHAIN, Want())).parked == {}


async def test_a_day_is_counted_by_tenant_and_channel(engine: Engine) -> None:
    rows = [a_parked(f"u-{at}") for at in range(3)]
    rows += [a_parked("u-gp", channel="gp"), a_parked("u-next", day=20_001)]
    rows += [a_parked("u-1", tenant="other")]
    await write(engine, parked=parking(*rows))
    days = {rows[0].counted: 3, rows[3].counted: 1, rows[4].counted: 1, rows[5].counted: 1}
    asked = {*days, ParkedDay(TENANT, "none", 20_000)}
    state: State = await engine.store.read(CHAIN, Want(parked_days=asked))
    assert state.parked_days == {**days, ParkedDay(TENANT, "none", 20_000): 0}


async def test_look_times_change_and_rows_go(engine: Engine) -> None:
    first, second = a_parked("u-1"), a_parked("u-2")
    await write(engine, parked=parking(first, second))
    looked = first._replace(look_time=0)
    changes = {first.key: ParkedChange(first, looked), second.key: ParkedChange(second, None)}
    await write(engine, parked=changes)
    assert await waiting(engine, a_number("n")) == [looked]
    same = {first.key: ParkedChange(looked, looked)}
    await write(engine, parked=same)
    assert await waiting(engine, a_number("n")) == [looked]


CLASHES = {
    "an answer that waits already": lambda row: ParkedChange(None, row),
    "an answer that was looked at since": lambda row: ParkedChange(
        row._replace(look_time=1), row._replace(look_time=5)
    ),
    "an answer to drop that was looked at since": lambda row: ParkedChange(
        row._replace(look_time=1), None
    ),
    "an answer that is gone": lambda row: ParkedChange(
        row._replace(update_id="u-9"), row._replace(update_id="u-9", look_time=5)
    ),
    "an answer to drop that is gone": lambda row: ParkedChange(row._replace(update_id="u-9"), None),
}


@pytest.mark.parametrize("clash", CLASHES)
async def test_a_parked_answer_is_as_it_was_read_or_the_flush_fails_whole(
    engine: Engine, clash: str
) -> None:
    row = a_parked("u-1")
    before = await write(engine, parked=parking(row))
    change = CLASHES[clash](row)
    key = (change.base or row).key
    witness = a_parked("u-witness", "witness")
    delta = await next_delta(engine)
    delta.parked = {key: change, **parking(witness)}
    with pytest.raises(Conflict):
        await engine.store.write(delta)
    assert await waiting(engine, a_number("n"), a_number("witness")) == [row]
    assert (await engine.store.read(CHAIN, Want())).head == before.head


async def test_what_cannot_be_stored_is_a_data_fault(engine: Engine) -> None:
    for row in (a_parked("\ud800"), a_parked("u-1", time=1 << 63)):
        with pytest.raises(DataFault):
            await write(engine, parked=parking(row))
    with pytest.raises(DataFault):
        await engine.store.read(CHAIN, Want(parked_ids={ParkedKey(TENANT, "\ud800")}))
    assert await waiting(engine, a_number("n")) == []


async def test_due_numbers_are_told_once_each_and_in_bounded_parts(engine: Engine) -> None:
    rows = [a_parked(f"u-{at}", f"n-{at // 2}", look_time=1_000 + at) for at in range(6)]
    rows.append(a_parked("u-seen", "seen", look_time=0))
    rows.append(a_parked("u-later", "later", look_time=9_000))
    await write(engine, parked=parking(*rows))
    due = engine.housekeeping.parked_due
    assert await due(2_000, 10) == [a_number(f"n-{at}") for at in range(3)]
    assert await due(1_003, 10) == [a_number("n-0"), a_number("n-1")]
    assert await due(2_000, 3) == [a_number("n-0"), a_number("n-1")]
    assert await due(999, 10) == []


async def test_what_has_waited_long_enough_goes_in_bounded_parts(engine: Engine) -> None:
    rows = [a_parked(f"u-{at}", purge_time=at) for at in range(1, 8)]
    await write(engine, parked=parking(*rows))
    assert [await engine.housekeeping.purge_parked(5, 3) for _ in range(3)] == [3, 2, 0]
    left = await waiting(engine, a_number("n"))
    assert sorted(row.update_id for row in left) == ["u-6", "u-7"]
