"""What every `Store` promises by itself: links followed on reading, preconditions on writing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.contract.ledger_rows import (
    a_card,
    a_number,
    a_pointer,
    a_request,
    a_version,
    add_cards,
    added,
    an_event,
    next_delta,
    numbers_of,
    write,
)
from tests.doubles.vault_ledger import CHAIN, TENANT
from vault.adapters.engine import Engine
from vault.domain.card import CardKey
from vault.usecases.ledger.delta import YOUNGEST, CardChange, PointerChange
from vault.usecases.ledger.links import HOLDERS
from vault.usecases.ledger.state import AppliedKey, Control, Holder, NumberOf, RequestKey, Want
from vault.usecases.ports import Conflict, DataFault, StoreBroken


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


CARD = a_card("tok_1", customer="anna")
NOBODY = a_card("tok_9", fingerprint="")
APPLIED = AppliedKey(TENANT, "update-1", "tok_1")
BEFORE: dict[str, Any] = {
    "cards": added(CARD),
    "versions": [a_version("tok_1", 1)],
    "numbers": numbers_of(CARD),
    "pointers": {a_pointer("tok_1"): PointerChange(None, "tok_1")},
    "requests": [a_request("r-1")],
    "applied": [(APPLIED, "APPLIED", 1_000)],
    "outbox": [an_event("tok_1")],
}
CLASHES: dict[str, dict[str, Any]] = {
    "a card that is there": {"cards": added(CARD)},
    "a card at another revision": {"cards": {CARD.key: CardChange(2, CARD)}},
    "a card that is not there": {"cards": {NOBODY.key: CardChange(1, NOBODY)}},
    "a pointer that is there": {"pointers": {a_pointer("tok_1"): PointerChange(None, "tok_2")}},
    "a pointer elsewhere": {"pointers": {a_pointer("tok_1"): PointerChange("tok_2", "tok_3")}},
    "a pointer to drop, elsewhere": {
        "pointers": {a_pointer("tok_1"): PointerChange("tok_2", None)}
    },
    "a pointer that is not there": {"pointers": {a_pointer("x"): PointerChange("tok_1", "tok_2")}},
    "a card relied on at another revision": {"relied": {CARD.key: 2}},
    "a card relied on that is not there": {"relied": {NOBODY.key: 1}},
    "a card older than a lost pointer's heir": {"heirs": {a_pointer("tok_1"): (1_001, "")}},
    "a card as old as the heir, before it": {"heirs": {a_pointer("tok_1"): (1_000, "tok_2")}},
    "a card where there is no heir": {"heirs": {a_pointer("tok_1"): YOUNGEST}},
    "a request id that is there": {"requests": [a_request("r-1")]},
    "a request id twice": {"requests": [a_request("r-2"), a_request("r-2")]},
    "a number that is there": {"numbers": {a_number("fp_tok_1"): "fp_other"}},
    "a number that was forgotten": {"known_numbers": {a_number("fp_forgotten"): "fp_forgotten"}},
    "a number that is another's by now": {"known_numbers": {a_number("fp_tok_1"): "fp_other"}},
    "a version that is there": {"versions": [a_version("tok_1", 1)]},
    "a version that is not there": {"dropped_versions": [(TENANT, "tok_1", 2)]},
    "an answer that is there": {"applied": [(APPLIED, "STALE", 2_000)]},
    "an event that is there": {"outbox": [an_event("tok_1")]},
    "another seal epoch": {"control": Control(seal_epoch=1)},
    "another key epoch": {"control": Control(key_epoch=1)},
}


@pytest.mark.parametrize("clash", CLASHES)
async def test_a_broken_precondition_fails_the_flush_whole(engine: Engine, clash: str) -> None:
    before = await write(engine, **BEFORE)
    delta = await next_delta(engine)
    witness = a_card("tok_witness")
    delta.cards = added(witness)
    delta.numbers = numbers_of(witness)
    for name, value in CLASHES[clash].items():
        held = getattr(delta, name)
        setattr(delta, name, {**held, **value} if isinstance(held, dict) else value)
    with pytest.raises(Conflict):
        await engine.store.write(delta)
    state = await engine.store.read(CHAIN, Want(cards={witness.key, CARD.key}))
    assert state.head == before.head
    assert state.cards == {CARD.key: CARD}


async def test_the_chains_head_is_compared(engine: Engine) -> None:
    delta = await next_delta(engine)
    await write(engine)
    with pytest.raises(Conflict):
        await engine.store.write(delta)  # the chain has begun meanwhile
    delta = await next_delta(engine)
    await write(engine)
    with pytest.raises(Conflict):
        await engine.store.write(delta)
    forked = await next_delta(engine)
    forked.base_head = forked.base_head._replace(hash=bytes(32))
    with pytest.raises(Conflict):
        await engine.store.write(forked)


async def test_ending_a_chain_compares_its_head_and_fences_its_process(engine: Engine) -> None:
    dead = await write(engine, chain="chn_dead")
    paused = await next_delta(engine, chain="chn_dead")
    with pytest.raises(Conflict):
        await write(engine, ended_chains=[dead.head._replace(hash=bytes(32))])
    await write(engine, ended_chains=[dead.head])
    assert [head.chain for head in await engine.audit.open_chains()] == [CHAIN]
    with pytest.raises(Conflict):
        await engine.store.write(paused)
    with pytest.raises(Conflict):
        await write(engine, ended_chains=[dead.head])  # ended already
    with pytest.raises(StoreBroken):
        await engine.store.read("chn_dead", Want())


@pytest.mark.parametrize(
    "rows",
    [
        {"cards": added(a_card("tok_1", fingerprint="", customer="\ud800"))},
        {"cards": added(a_card("tok_1", fingerprint="", update_time=1 << 63))},
        {"requests": [a_request("\udfff")]},
        {"outbox": [an_event("tok_\ud800")]},
        {"applied": [(AppliedKey(TENANT, "\ud800", "tok_1"), "APPLIED", 1)]},
        {"versions": [a_version("\ud800", 1)]},
        {"numbers": {a_number("n"): "\ud800"}},
    ],
    ids=["card", "integer", "request", "event", "applied", "version", "number"],
)
async def test_a_value_that_cannot_be_stored_is_a_data_fault(
    engine: Engine, rows: dict[str, Any]
) -> None:
    with pytest.raises(DataFault):
        await write(engine, **rows)
    assert await engine.audit.open_chains() == []
    await write(engine)  # and the store goes on


async def test_what_is_asked_for_cannot_harm_either(engine: Engine) -> None:
    with pytest.raises(DataFault):
        await engine.store.read(CHAIN, Want(cards={CardKey(TENANT, "\ud800")}))
    await engine.store.read(CHAIN, Want(cards={CardKey(TENANT, "'; DROP TABLE cards; --")}))


async def test_a_request_brings_its_card(engine: Engine) -> None:
    await write(
        engine,
        cards=added(CARD),
        numbers=numbers_of(CARD),
        requests=[a_request("r-1")._replace(token="tok_1"), a_request("r-2")],
    )
    keys = {RequestKey(TENANT, "app", each) for each in ("r-1", "r-2", "r-3")}
    state = await engine.store.read(CHAIN, Want(requests=keys))
    assert sorted(key.request_id for key in state.requests) == ["r-1", "r-2"]
    assert state.cards == {CARD.key: CARD}


async def test_a_number_brings_the_customers_card(engine: Engine) -> None:
    await write(engine, **BEFORE)
    number = a_number("fp_tok_1")
    wanted = NumberOf(TENANT, number.mac, "anna", "FPAN", "OPAQUE")
    state = await engine.store.read(CHAIN, Want(numbers={number}, existing={wanted}))
    assert state.numbers == {number: "fp_tok_1"}
    assert state.existing == {a_pointer("tok_1"): "tok_1"}
    assert state.cards == {CARD.key: CARD}
    other = await engine.store.read(
        CHAIN, Want(numbers={number}, existing={wanted._replace(customer="bob")})
    )
    assert (other.existing, other.cards) == ({}, {})


async def test_a_card_that_may_move_brings_the_pointer_at_its_new_number(engine: Engine) -> None:
    await write(engine, **BEFORE)
    mover = a_card("tok_2", customer="anna")
    stranger = a_card("tok_3", customer="bob")
    await add_cards(engine, mover, stranger)
    number = a_number("fp_tok_1")
    for card, found in ((mover, {a_pointer("tok_1"): "tok_1"}), (stranger, {})):
        want = Want(cards={card.key}, numbers={number}, moves={(card.key, number)})
        state = await engine.store.read(CHAIN, want)
        assert state.existing == found
        assert (CARD.key in state.cards) is bool(found)


async def test_siblings_are_the_oldest_live_cards_of_one_customer_and_number(
    engine: Engine,
) -> None:
    shared = {"fingerprint": "fp_shared", "customer": "anna"}
    cards = [a_card(f"tok_{at:03}", **shared, create_time=5_000 - at) for at in range(150)]
    strangers = [
        a_card("tok_bob", fingerprint="fp_shared", customer="bob"),
        a_card("tok_dpan", **shared, kind="DPAN"),
        a_card("tok_digits", **shared, token_format="CARD_SHAPED"),
        a_card("tok_closed", **shared, status="CLOSED"),
        a_card("tok_ttl", **shared, expire_time=9_000),
        a_card("tok_theirs", **shared, tenant="other"),
    ]
    await write(
        engine,
        cards=added(*cards, *strangers),
        numbers={a_number("s"): "fp_shared", a_number("s")._replace(tenant="other"): "fp_shared"},
        pointers={a_pointer("shared"): PointerChange(None, "tok_149")},
    )
    want = Want(cards={cards[0].key}, siblings={cards[0].key})
    state = await engine.store.read(CHAIN, want)
    assert state.existing == {a_pointer("shared"): "tok_149"}
    oldest = {card.key for card in cards[49:]}  # 100, and one for the card that may leave
    assert set(state.cards) == oldest | {cards[0].key}


async def test_holders_are_the_cards_that_have_or_had_a_number(engine: Engine) -> None:
    former = a_card("tok_former", fingerprint="fp_now")
    current = a_card("tok_current", fingerprint="fp_asked")
    unrelated = a_card("tok_other")
    number = a_number("asked")
    await write(
        engine,
        cards=added(former, current, unrelated),
        versions=[a_version("tok_former", 1, fingerprint="fp_asked")],
        numbers={**numbers_of(former, unrelated), number: "fp_asked"},
    )
    missing = a_number("missing")
    state = await engine.store.read(
        CHAIN, Want(numbers={number, missing}, holders={number, missing})
    )
    assert state.held == {
        number: {
            former.key: Holder(1, False, "ACTIVE", "FPAN", 0),
            current.key: Holder(1, True, "ACTIVE", "FPAN", 0),
        }
    }
    assert not state.cut


@pytest.mark.parametrize("more", [0, 1])
async def test_of_a_number_that_many_hold_a_bounded_part_is_read(engine: Engine, more: int) -> None:
    cards = [a_card(f"tok_{at:04}", fingerprint="fp_all") for at in range(HOLDERS + more)]
    keeper = a_card("tok_old", fingerprint="fp_now")
    versions = [
        a_version("tok_old", number, fingerprint="fp_had") for number in range(1, HOLDERS + more)
    ]
    now, before = a_number("now"), a_number("before")
    await write(
        engine,
        cards=added(*cards, keeper),
        versions=versions,
        numbers={**numbers_of(keeper), now: "fp_all", before: "fp_had"},
    )
    both = {now, before}
    state = await engine.store.read(CHAIN, Want(numbers=both, holders=both))
    assert len(state.held[now]) in {HOLDERS, HOLDERS + more}
    assert state.cut == ({now} if more else set())
    assert list(state.held[before]) == [keeper.key]
    assert state.cards == {}  # few columns of each, not whole cards
    await write(
        engine,
        versions=[a_version("tok_old", HOLDERS + at, fingerprint="fp_had") for at in (1, 2)],
    )
    state = await engine.store.read(CHAIN, Want(numbers=both, holders=both))
    assert before in state.cut  # versions of one card, but there might be another behind them


async def test_versions_and_answers_come_when_asked_for(engine: Engine) -> None:
    await write(engine, **{**BEFORE, "versions": [a_version("tok_1", n) for n in (2, 1, 3)]})
    state = await engine.store.read(
        CHAIN, Want(versions={CARD.key, CardKey(TENANT, "tok_9")}, applied={APPLIED})
    )
    assert [old.credential_version for old in state.versions[CARD.key]] == [1, 2, 3]
    assert state.applied == {APPLIED: "APPLIED"}
    assert (await engine.store.read(CHAIN, Want())).versions == {}


async def test_a_number_is_forgotten_with_its_last_card_or_version(engine: Engine) -> None:
    number = a_number("shared")
    first = a_card("tok_1", fingerprint="fp_shared")
    second = a_card("tok_2", fingerprint="fp_shared")
    await write(
        engine,
        cards=added(first, second),
        numbers={number: "fp_shared"},
        versions=[a_version("tok_2", 1, fingerprint="fp_shared")],
    )

    async def erase(card: Any, **rows: Any) -> bool:
        gone = card._replace(revision=2, fingerprint="", sealed=None)
        await write(
            engine,
            cards={card.key: CardChange(1, gone)},
            dropped_numbers=[(number, "fp_shared")],
            **rows,
        )
        return number in (await engine.store.read(CHAIN, Want(numbers={number}))).numbers

    assert await erase(first)  # the second card has it
    assert await erase(second)  # its old version has it
    await write(
        engine,
        dropped_versions=[(TENANT, "tok_2", 1)],
        dropped_numbers=[(number, "fp_shared")],
    )
    assert (await engine.store.read(CHAIN, Want(numbers={number}))).numbers == {}


async def test_a_number_that_the_same_flush_uses_again_stays(engine: Engine) -> None:
    card = a_card("tok_1", fingerprint="fp_1")
    number = a_number("n")
    await write(engine, cards=added(card), numbers={number: "fp_1"})
    gone = card._replace(revision=2, fingerprint="", sealed=None)
    again = a_card("tok_2", fingerprint="fp_1")
    await write(
        engine,
        cards={card.key: CardChange(1, gone), **added(again)},
        dropped_numbers=[(number, "fp_1")],
    )
    assert (await engine.store.read(CHAIN, Want(numbers={number}))).numbers == {number: "fp_1"}


async def test_pointers_move_and_go(engine: Engine) -> None:
    await write(engine, **BEFORE)
    key = a_pointer("tok_1")
    want = Want(cards={CARD.key}, siblings={CARD.key})
    await write(engine, pointers={key: PointerChange("tok_1", "tok_2")})
    assert (await engine.store.read(CHAIN, want)).existing == {key: "tok_2"}
    await write(engine, pointers={key: PointerChange("tok_2", None)})
    assert (await engine.store.read(CHAIN, want)).existing == {}


async def test_what_is_relied_on_may_be_as_it_was(engine: Engine) -> None:
    await write(engine, **BEFORE)
    await write(engine, relied={CARD.key: 1}, heirs={a_pointer("tok_1"): (1_000, "tok_1")})
    gone = CARD._replace(revision=2, status="DELETED")
    pointers = {a_pointer("tok_1"): PointerChange("tok_1", None)}
    changes = {CARD.key: CardChange(1, gone)}  # the flush's own card does not count as it was
    await write(engine, cards=changes, pointers=pointers, heirs={a_pointer("tok_1"): YOUNGEST})
    await write(engine, heirs={a_pointer("tok_1"): YOUNGEST})  # nor does one that is not live


@pytest.mark.parametrize(
    "change",
    [
        {"customer": "ben"},
        {"expire_time": 9},
        {"status": "CLOSED"},
        {"kind": "DPAN"},
        {"token_format": "NUMERIC"},
        {"fingerprint": "fp_other"},
    ],
    ids=str,
)
async def test_a_card_that_the_pointer_could_not_go_to_is_no_heir(
    engine: Engine, change: dict[str, Any]
) -> None:
    card = CARD._replace(**change)
    await write(engine, cards=added(card), numbers=numbers_of(card))
    await write(engine, heirs={a_pointer("tok_1"): YOUNGEST})


async def test_every_column_of_a_card_comes_back_as_it_went_in(engine: Engine) -> None:
    card = a_card(
        "tok_1",
        expiry_unconfirmed=True,
        sealed=bytes(range(256)),
        metadata='{"note":"\u00fc \U0001f4b3 \\u0000"}',
        update_time=(1 << 63) - 1,
    )
    await add_cards(engine, card)
    changed = card._replace(revision=2, sealed=None, expiry_unconfirmed=False, fingerprint="")
    assert await engine.reader.cards([card.key]) == {card.key: card}
    asked = [card.key, card.key, CardKey("other", card.token), CardKey(card.tenant, "tok_none")]
    assert await engine.reader.editions(asked) == {card.key: (1, card.update_time)}
    await write(engine, cards={card.key: CardChange(1, changed)})
    (found,) = (await engine.reader.cards([card.key])).values()
    assert found == changed
    assert type(found.expiry_unconfirmed) is bool
