"""What answers left on cards, on every store: read with its card, undone once, erased with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.contract.ledger_rows import (
    a_card,
    a_parked,
    a_pointer,
    a_version,
    add_cards,
    added,
    an_imprint,
    left,
    numbers_of,
    parking,
    write,
)
from tests.doubles.vault_ledger import CHAIN, TENANT
from vault.adapters.engine import Engine
from vault.domain.card import CardKey
from vault.domain.imprint import Imprint
from vault.usecases.ledger.delta import PointerChange
from vault.usecases.ledger.state import Want
from vault.usecases.ports import Conflict, DataFault

FIRST, SECOND = an_imprint("tok_1"), an_imprint("tok_1", 3, update_id="update-2")
OTHER = an_imprint("tok_2")
THEIRS = an_imprint("tok_1", tenant="other")


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def found(engine: Engine, token: str = "tok_1", tenant: str = TENANT) -> list[Imprint]:
    key = CardKey(tenant, token)
    state = await engine.store.read(CHAIN, Want(imprints={key}))
    assert state.imprints.keys() <= {key}
    return sorted(state.imprints.get(key, []))


async def test_they_come_with_the_card_whole(engine: Engine) -> None:
    person = FIRST._replace(update_id="", source="", kept="", time=0)
    await write(engine, imprints=left(FIRST, SECOND, OTHER, THEIRS, person))
    assert await found(engine) == [person, FIRST, SECOND]
    assert await found(engine, "tok_2") == [OTHER]
    assert await found(engine, tenant="other") == [THEIRS]
    assert (await engine.store.read(CHAIN, Want())).imprints == {}


async def test_each_is_undone_as_it_was_read(engine: Engine) -> None:
    await write(engine, imprints=left(FIRST, SECOND, THEIRS))
    await write(engine, undone={FIRST.key: ("", "KEPT_NEWER")})
    for key in (FIRST.key, OTHER.key):
        with pytest.raises(Conflict):
            await write(engine, undone={SECOND.key: ("", "REVERTED"), key: ("", "REVERTED")})
    assert await found(engine) == [FIRST._replace(undone="KEPT_NEWER"), SECOND]
    await write(engine, undone={FIRST.key: ("KEPT_NEWER", "REVERTED")})
    assert await found(engine) == [FIRST._replace(undone="REVERTED"), SECOND]
    assert await found(engine, tenant="other") == [THEIRS]


async def test_one_that_is_there_is_a_conflict(engine: Engine) -> None:
    await write(engine, imprints=left(FIRST))
    with pytest.raises(Conflict):
        await write(engine, imprints=left(FIRST._replace(source="cyb/f-2")))
    assert await found(engine) == [FIRST]


@pytest.mark.parametrize("changes", [{"source": "\ud800"}, {"revision": 1 << 63}])
async def test_one_that_cannot_be_stored_is_a_data_fault(
    engine: Engine, changes: dict[str, Any]
) -> None:
    with pytest.raises(DataFault):
        await write(engine, imprints=left(FIRST._replace(**changes)))


async def test_a_cards_are_dropped_together(engine: Engine) -> None:
    await write(engine, imprints=left(FIRST, SECOND, OTHER, THEIRS))
    await write(engine, dropped_imprints={CardKey(TENANT, "tok_1"), CardKey(TENANT, "tok_9")})
    assert await found(engine) == []
    assert await found(engine, "tok_2") == [OTHER]
    assert await found(engine, tenant="other") == [THEIRS]


async def test_a_card_that_may_go_back_brings_the_pointers_at_its_old_numbers(
    engine: Engine,
) -> None:
    mover, holder = a_card("tok_2", customer="anna"), a_card("tok_1", customer="anna")
    stranger = a_card("tok_3", customer="bob")
    versions = [a_version(each, 1, fingerprint="fp_tok_1") for each in ("tok_2", "tok_3")]
    await write(
        engine,
        cards=added(mover, holder, stranger),
        numbers=numbers_of(mover, holder, stranger),
        versions=versions,
        pointers={a_pointer("tok_1"): PointerChange(None, "tok_1")},
    )
    for card, pointers in ((mover, {a_pointer("tok_1"): "tok_1"}), (stranger, {})):
        want = Want(cards={card.key}, versions={card.key}, imprints={card.key})
        state = await engine.store.read(CHAIN, want)
        assert state.existing == pointers
        assert (holder.key in state.cards) is bool(pointers)


async def test_a_files_cards_come_once_each_in_the_order_of_tokens(engine: Engine) -> None:
    rows = [an_imprint(f"tok_{at}") for at in (3, 1, 2, 5, 4)]
    rows += [SECOND, THEIRS, an_imprint("tok_6", source="cyb/f-10"), an_imprint("tok_7", source="")]
    await write(engine, imprints=left(*rows))
    by = engine.files.changed_by
    assert await by(TENANT, "cyb/f-1", "", 3) == ["tok_1", "tok_2", "tok_3"]
    assert await by(TENANT, "cyb/f-1", "tok_3", 3) == ["tok_4", "tok_5"]
    assert await by(TENANT, "cyb/f-2", "", 3) == []
    assert await by("other", "cyb/f-1", "", 3) == ["tok_1"]


async def test_a_files_parked_answers_come_in_the_order_of_their_ids(engine: Engine) -> None:
    rows = [a_parked(f"u-{at}") for at in (2, 1, 3)]
    rows += [a_parked("u-4", file="f-other"), a_parked("u-5", channel="other")]
    rows.append(a_parked("u-6", tenant="other"))
    await write(engine, parked={key: each for row in rows for key, each in parking(row).items()})
    tenant, channel, file = TENANT, rows[0].channel, rows[0].file
    by = engine.files.parked_by
    assert await by(tenant, channel, file, "", 2) == ["u-1", "u-2"]
    assert await by(tenant, channel, file, "u-2", 2) == ["u-3"]
    assert await by("other", channel, file, "", 2) == ["u-6"]


async def test_old_ones_go_in_bounded_batches(engine: Engine) -> None:
    await add_cards(engine, a_card("tok_1"))
    rows = [an_imprint("tok_1", at, time=at) for at in range(1, 8)]
    await write(engine, imprints=left(*rows))
    counts = [await engine.housekeeping.purge_imprints(6, 3) for _ in range(3)]
    assert counts == [3, 2, 0]
    assert await found(engine) == rows[5:]
