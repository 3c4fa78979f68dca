"""The ledger's contract: the same on every engine. Every clause has a test that breaks with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.doubles.clocks import FakeClock
from tests.doubles.outbox_reading import waiting
from tests.doubles.vault_ledger import (
    CHAIN,
    TENANT,
    add,
    card_of,
    entry,
    keys_of,
    kinds,
    pan,
    records,
    rename,
    renumber,
    reveal,
    running,
    tokenize,
)
from tests.doubles.vault_stores import Interleaved
from vault.adapters.engine import Engine
from vault.domain.audit import GENESIS, chained_hash
from vault.domain.card import CardKey
from vault.domain.intents import DeleteCard, Note
from vault.domain.outcome import Applied, Outcome, Refused, Replayed
from vault.domain.reasons import Reason
from vault.domain.results import Revealed, TokenizeResult


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def test_what_is_acknowledged_is_there_with_its_audit_record_event_and_request(
    engine: Engine,
) -> None:
    async with running(engine) as ledger:
        (outcome,) = await ledger.apply([add(1, request_id="r-1")])
        card = card_of(outcome)
        assert await ledger.read([card.key]) == {card.key: card}
    (row,) = await records(engine)
    assert (row["action"], row["token"], row["request_id"]) == ("card.tokenize", card.token, "r-1")
    assert [(event.subject, event.revision) for event in await waiting(engine.outbox, 10)] == [
        (card.token, 1)
    ]
    assert await engine.housekeeping.purge_requests(1 << 60, 10) == 1


async def test_a_reveal_gives_back_what_went_in_and_is_recorded(engine: Engine) -> None:
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(7))
        (outcome,) = await ledger.apply([reveal(card.token)])
    assert isinstance(outcome, Applied)
    assert isinstance(outcome.value, Revealed)
    same = outcome.value.contents.pan == pan(7)
    assert same
    assert [row["action"] for row in await records(engine)] == ["card.tokenize", "card.reveal"]


async def test_a_refused_entry_leaves_its_neighbours_alone(engine: Engine) -> None:
    async with running(engine) as ledger:
        first, missing, last = await ledger.apply([add(1), reveal("tok_missing"), add(2)])
        assert missing == Refused(Reason.CARD_NOT_FOUND, "token")
        keys = {card_of(first).key, card_of(last).key}
        assert keys == set(await ledger.read(list(keys)))
    assert [row["result"] for row in await records(engine)] == ["ok", "refused", "ok"]


async def test_entries_on_one_card_in_one_flush_see_each_other(engine: Engine) -> None:
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(1))
        flushes = ledger.counts.flushes
        first, second, stale = await ledger.apply(
            [
                rename(card.token, "A", revision=1),
                rename(card.token, "B", revision=2),
                rename(card.token, "C", revision=2),
            ]
        )
        assert ledger.counts.flushes == flushes + 1
        assert [card_of(first).revision, card_of(second).revision] == [2, 3]
        assert stale == Refused(Reason.REVISION_CONFLICT, "expected_revision")
        assert (await ledger.read([card.key]))[card.key] == card_of(second)
    revisions = [event.revision for event in await waiting(engine.outbox, 10)]
    assert revisions == [1, 2, 3]


async def test_one_request_id_twice_in_one_flush_has_one_effect(engine: Engine) -> None:
    async with running(engine) as ledger:
        first, again = await ledger.apply([add(1, request_id="r"), add(1, request_id="r")])
        assert ledger.counts.flushes == 1
    assert kinds([first, again]) == ["Applied", "Replayed"]
    assert card_of(first) == card_of(again)
    assert len(await waiting(engine.outbox, 10)) == 1


async def test_one_request_id_across_flushes_replays_with_the_card_as_it_is_now(
    engine: Engine,
) -> None:
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(1, request_id="r"))
        (renamed,) = await tokenize(ledger, rename(card.token, "Now"))
        (again,) = await ledger.apply([add(1, request_id="r")])
        assert isinstance(again, Replayed)
        assert isinstance(again.value, TokenizeResult)
        assert (again.value.created, again.value.card) == (True, renamed)
        (other,) = await ledger.apply([add(2, request_id="r")])
        assert other == Refused(Reason.REQUEST_ID_REUSED, "request_id")
    assert len(await records(engine)) == 3  # a replay leaves none, another body does


async def test_a_request_id_means_nothing_to_another_tenant(engine: Engine) -> None:
    async with running(engine) as ledger:
        mine, theirs = await ledger.apply(
            [add(1, request_id="r"), add(1, request_id="r", tenant="other")]
        )
    assert kinds([mine, theirs]) == ["Applied", "Applied"]
    assert card_of(mine).fingerprint != card_of(theirs).fingerprint


async def test_another_tenants_token_is_not_found(engine: Engine) -> None:
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(1))
        (outcome,) = await ledger.apply([reveal(card.token, tenant="other")])
    assert outcome == Refused(Reason.CARD_NOT_FOUND, "token")


async def test_a_second_writer_between_read_and_write_makes_the_flush_start_again(
    engine: Engine,
) -> None:
    async with running(engine, chain="chn_other") as other:
        (card,) = await tokenize(other, add(1))
        store = Interleaved(engine.store, lambda: tokenize(other, rename(card.token, "Theirs")))
        async with running(engine, store=store) as ledger:
            ours, stale = await ledger.apply(
                [rename(card.token, "Ours"), rename(card.token, "Stale", revision=1)]
            )
            assert ledger.counts.conflicts == 1
            assert store.reads == 2
    assert card_of(ours).revision == 3
    assert stale == Refused(Reason.REVISION_CONFLICT, "expected_revision")


@pytest.mark.parametrize("customer", ["", "anna"])
async def test_a_second_writer_with_the_same_number_ends_as_one_fingerprint(
    engine: Engine, customer: str
) -> None:
    async with running(engine, chain="chn_other") as other:
        theirs: list[Outcome] = []

        async def meanwhile() -> None:
            theirs.extend(await other.apply([add(1, customer=customer)]))

        store = Interleaved(engine.store, meanwhile)
        async with running(engine, store=store) as ledger:
            (ours,) = await ledger.apply([add(1, customer=customer)])
            assert ledger.counts.conflicts == 1
    first, second = card_of(theirs[0]), card_of(ours)
    assert first.fingerprint == second.fingerprint
    assert (first.token == second.token) is (customer != "")
    assert isinstance(ours, Applied)
    assert isinstance(ours.value, TokenizeResult)
    assert ours.value.created is (customer == "")


async def test_a_second_writer_with_the_same_request_id_ends_as_one_effect(engine: Engine) -> None:
    async with running(engine, chain="chn_other") as other:
        store = Interleaved(engine.store, lambda: tokenize(other, add(1, request_id="r")))
        async with running(engine, store=store) as ledger:
            (ours,) = await ledger.apply([add(1, request_id="r")])
    assert isinstance(ours, Replayed)
    assert len(await waiting(engine.outbox, 10)) == 1


async def test_a_second_writer_on_the_same_chain_does_not_fork_it(engine: Engine) -> None:
    async with running(engine) as twin:
        store = Interleaved(engine.store, lambda: tokenize(twin, add(1)))
        async with running(engine, store=store) as ledger:
            await tokenize(ledger, add(2))
            assert ledger.counts.conflicts == 1
    previous = GENESIS
    rows = await engine.audit.chain_records(CHAIN, 0, 10)
    for number, row in enumerate(rows, 1):
        previous = chained_hash(previous, row.record)
        assert (row.sequence, row.hash) == (number, previous)
    assert [head.hash for head in await engine.audit.open_chains()] == [previous]


@pytest.mark.parametrize(
    "poison",
    [
        add(2, customer="lone \ud800 surrogate"),
        add(2, name="lone \ud800 surrogate"),
        add(2, request_id="lone \ud800 surrogate"),
        reveal("tok_\ud800"),
    ],
    ids=["customer", "name", "request id", "token"],
)
async def test_a_poisoned_entry_is_found_by_halves_and_its_neighbours_pass(
    engine: Engine, poison: object
) -> None:
    told: list[tuple[str, str]] = []
    async with running(engine, at_fault=lambda *fault: told.append(fault)) as ledger:
        entries = [add(number) for number in range(10, 17)]
        entries.insert(3, poison)  # type: ignore[arg-type]
        outcomes = await ledger.apply(entries)
        assert ledger.counts.isolated == 4  # of eight, of four, of two, of one
    assert outcomes.pop(3) == Refused(Reason.INVALID_FIELD)  # type: ignore[attr-defined]
    assert kinds(outcomes) == ["Applied"] * 7
    assert len(await records(engine)) == 7
    assert [intent for intent, _kind in told] == [type(poison.intent).__name__]  # type: ignore[attr-defined]


async def test_a_note_is_only_an_audit_record(engine: Engine) -> None:
    async with running(engine) as ledger:
        note = Note("call.denied", "refused", reason="PERMISSION_DENIED", token="tok_x")
        assert kinds(await ledger.apply([entry(note)])) == ["Applied"]
    (row,) = await records(engine)
    assert (row["action"], row["reason"]) == ("call.denied", "PERMISSION_DENIED")
    assert await waiting(engine.outbox, 1) == []


async def test_sixty_four_callers_with_one_card_create_it_once(engine: Engine) -> None:
    async with running(engine) as ledger:
        calls = [ledger.apply([add(1, customer="anna")]) for _ in range(64)]
        outcomes = [outcome for (outcome,) in await asyncio.gather(*calls)]
    results = [outcome.value for outcome in outcomes if isinstance(outcome, Applied)]
    assert len({result.card.token for result in results}) == 1
    assert [result.created for result in results].count(True) == 1


async def test_a_flush_larger_than_any_statement_is_whole(engine: Engine) -> None:
    async with running(engine) as ledger:
        cards = await tokenize(ledger, *[add(n, customer=f"c{n}") for n in range(1_000)])
        assert ledger.counts.flushes == 1
        assert len(await ledger.read([card.key for card in cards])) == 1_000
        outcomes = await ledger.apply([reveal(card.token) for card in cards])
        assert kinds(outcomes) == ["Applied"] * 1_000
    assert [row["seq"] for row in await records(engine)] == list(range(1, 2_001))


async def test_a_deleted_card_hands_its_place_to_the_next_oldest(engine: Engine) -> None:
    clock = FakeClock()
    async with running(engine, clock=clock) as ledger:
        cards = []
        for _ in range(3):
            cards += await tokenize(ledger, add(1, customer="anna", on_existing="NEW"))
            clock.advance(1)
        deletes = [
            entry(DeleteCard(card.token, 0, 10**12), request_id=card.token) for card in cards[:2]
        ]
        await tokenize(ledger, *deletes)
        (found,) = await tokenize(ledger, add(1, customer="anna"))
    assert found.token == cards[2].token


async def test_a_card_takes_its_place_at_a_number_that_it_is_moved_to(engine: Engine) -> None:
    clock = FakeClock()
    async with running(engine, clock=clock) as ledger:
        (older,) = await tokenize(ledger, add(1, customer="anna"))
        clock.advance(1)
        (newer,) = await tokenize(ledger, add(2, customer="anna"))
        await tokenize(ledger, renumber(older.token, 2))
        (found,) = await tokenize(ledger, add(2, customer="anna"))
        assert found.token == older.token  # the older card, at the number both hold now
        await tokenize(ledger, renumber(older.token, 1))
        (back,) = await tokenize(ledger, add(2, customer="anna"))
        assert back.token == newer.token
        (first,) = await tokenize(ledger, add(1, customer="anna"))
        assert first.token == older.token


async def test_an_unknown_tenant_has_keys_of_its_own(engine: Engine) -> None:
    assert keys_of(TENANT).record.key_id == keys_of("other").record.key_id
    async with running(engine) as ledger:
        (card,) = await tokenize(ledger, add(1))
    assert await engine.reader.cards([CardKey("other", card.token)]) == {}
