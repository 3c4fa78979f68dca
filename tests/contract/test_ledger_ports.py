"""The other ports over a store: lists, housekeeping, the audit trail, the outbox, keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.ledger_engines import ENGINES
from tests.contract.ledger_rows import (
    a_card,
    a_number,
    a_request,
    a_version,
    add_cards,
    added,
    an_event,
    facts,
    next_delta,
    write,
)
from tests.doubles.outbox_reading import deliver, leases, waiting
from tests.doubles.vault_ledger import CHAIN, TENANT
from vault.adapters.engine import Engine
from vault.crypto.keys import DataKey
from vault.domain.card import CardKey, Hold, HoldType, pack_holds
from vault.domain.queries import AuditQuery, CardQuery, Checkpoint
from vault.usecases.ledger.state import AppliedKey, Want
from vault.usecases.ports import Conflict

HELD = pack_holds(frozenset({Hold(HoldType.LEGAL_HOLD)}))
STOPPED = pack_holds(frozenset({Hold(HoldType.RECURRING_STOPPED, "shop")}))


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def listed(engine: Engine, **query: object) -> list[str]:
    asked = CardQuery(TENANT, 100)._replace(**query)  # type: ignore[arg-type]
    tokens = [card.token for card in await engine.reader.list_cards(asked)]
    assert await engine.reader.list_tokens(asked) == tokens
    return tokens


async def test_lists_filter_by_every_field_of_the_query(engine: Engine) -> None:
    await add_cards(
        engine,
        a_card("tok_1", customer="anna", brand="VISA", expiry=202901),
        a_card("tok_2", customer="anna", brand="AMEX", status="CLOSED", update_time=5_000),
        a_card("tok_3", customer="bob", brand="VISA", expire_time=4_000, kind="DPAN"),
        a_card("tok_4", brand="VISA", expiry=0, fingerprint=""),
        a_card("tok_5", tenant="other", customer="anna"),
    )
    assert await listed(engine) == ["tok_1", "tok_2", "tok_3", "tok_4"]
    assert await listed(engine, customer="anna") == ["tok_1", "tok_2"]
    assert await listed(engine, fingerprint="fp_tok_2") == ["tok_2"]
    assert await listed(engine, fingerprint="fp_tok_2", customer="bob") == []
    assert await listed(engine, brands=("AMEX", "JCB")) == ["tok_2"]
    assert await listed(engine, kind="DPAN") == ["tok_3"]
    assert await listed(engine, expires_before=203001) == ["tok_1"]  # 0 is unknown, not early
    assert await listed(engine, changed_since=5_000) == ["tok_2"]
    assert await listed(engine, statuses=("ACTIVE",)) == ["tok_1", "tok_3", "tok_4"]
    assert await listed(engine, statuses=("ACTIVE",), now=4_000) == ["tok_1", "tok_4"]
    assert await listed(engine, statuses=("DELETED", "CLOSED"), now=4_000) == ["tok_2", "tok_3"]


async def test_pages_of_a_list_meet_without_gap_or_overlap(engine: Engine) -> None:
    cards = [a_card(f"tok_{at:02}", customer="anna", fingerprint="fp") for at in range(25)]
    await write(engine, cards=added(*reversed(cards)), numbers={a_number("n"): "fp"})
    for query in ({}, {"customer": "anna"}, {"fingerprint": "fp"}):
        seen: list[str] = []
        while page := await listed(engine, limit=10, after_token=seen[-1] if seen else "", **query):
            assert len(page) <= 10
            seen += page
        assert seen == [card.token for card in cards]


async def test_versions_come_newest_first_and_in_pages(engine: Engine) -> None:
    card = a_card("tok_1", fingerprint="")
    await write(engine, cards=added(card), versions=[a_version("tok_1", n) for n in (3, 1, 2)])
    pages = [await engine.reader.versions(card.key, below, 2) for below in (9, 2, 1)]
    assert [[old.credential_version for old in page] for page in pages] == [[3, 2], [1], []]
    assert await engine.reader.versions(CardKey("other", "tok_1"), 9, 10) == []


async def test_cards_past_grace_or_time_to_live_are_erasable_unless_held(engine: Engine) -> None:
    deleted = {"status": "DELETED", "purge_time": 2_000}
    await add_cards(
        engine,
        a_card("tok_grace", **deleted),
        a_card("tok_later", status="DELETED", purge_time=2_001),
        a_card("tok_held", **deleted, holds=HELD),
        a_card("tok_stopped", **deleted, holds=STOPPED),
        a_card("tok_erased", **deleted, sealed=None),
        a_card("tok_ttl", expire_time=2_000),
        a_card("tok_both", **deleted, expire_time=1_000),
        a_card("tok_held_ttl", expire_time=2_000, holds=HELD),
        a_card("tok_live"),
    )
    due = await engine.housekeeping.erasable(2_000, 10)
    assert sorted(key.token for key in due) == ["tok_both", "tok_grace", "tok_stopped", "tok_ttl"]
    assert len(await engine.housekeeping.erasable(2_000, 3)) == 3
    assert await engine.housekeeping.erasable(999, 10) == []


async def test_versions_past_retention_are_purgeable_unless_held(engine: Engine) -> None:
    free, held = a_card("tok_1", fingerprint=""), a_card("tok_2", fingerprint="", holds=HELD)
    await write(
        engine,
        cards=added(free, held),
        versions=[
            a_version("tok_1", 1, purge_time=3_000),
            a_version("tok_1", 2, purge_time=3_001),
            a_version("tok_2", 1, purge_time=1_000),
        ],
    )
    assert await engine.housekeeping.purgeable_versions(3_000, 10) == [(free.key, 1)]
    # However many are held, they do not fill the page.
    assert await engine.housekeeping.purgeable_versions(3_001, 1) == [(free.key, 1)]


async def test_old_request_ids_go_in_bounded_batches(engine: Engine) -> None:
    await write(engine, requests=[a_request(f"r-{at}", create_time=at) for at in range(1, 8)])
    counts = [await engine.housekeeping.purge_requests(6, 3) for _ in range(3)]
    assert counts == [3, 2, 0]
    assert await engine.housekeeping.purge_requests(100, 100) == 2


async def test_old_answers_go_in_bounded_batches(engine: Engine) -> None:
    keys = [AppliedKey(TENANT, f"u-{at}", "tok_1") for at in range(1, 8)]
    await write(engine, applied=[(key, "APPLIED", at) for at, key in enumerate(keys, 1)])
    counts = [await engine.housekeeping.purge_answers(6, 3) for _ in range(3)]
    assert counts == [3, 2, 0]
    state = await engine.store.read(CHAIN, Want(applied=set(keys)))
    assert set(state.applied) == set(keys[5:])


async def test_audit_records_are_filtered_and_paged(engine: Engine) -> None:
    for time, said in (
        (1_000, facts()),
        (2_000, facts(action="card.reveal", token="tok_1")),
        (3_000, facts(tenant="other")),
        (4_000, facts(principal="psp", result="refused")),
    ):
        await engine.store.write(await next_delta(engine, time=time, said=said))
    await engine.store.write(await next_delta(engine, chain=CHAIN + "_later", time=5_000))

    async def found(**query: object) -> list[int]:
        rows = await engine.audit.audit_rows(AuditQuery(TENANT, 10)._replace(**query))  # type: ignore[arg-type]
        return [row.time for row in rows]

    assert await found() == [1_000, 2_000, 4_000, 5_000]
    assert await found(action="card.reveal") == [2_000]
    assert await found(token="tok_1") == [2_000]
    assert await found(principal="psp") == [4_000]
    assert await found(from_time=2_000, to_time=5_000) == [2_000, 4_000]
    assert await found(limit=2) == [1_000, 2_000]
    assert await found(after=(CHAIN, 4)) == [5_000]
    assert await found(after=(CHAIN, 1), until=(CHAIN, 3)) == [2_000]
    later = CHAIN + "_later"
    reach = engine.audit.audit_reach
    assert [await reach(("", 0), records) for records in (1, 4, 5, 6)] == [
        *[(CHAIN, 1), (CHAIN, 4), (later, 1), None]
    ]
    assert await reach((CHAIN, 3), 2) == (later, 1)


async def test_a_chains_records_come_in_order_and_in_pages(engine: Engine) -> None:
    for _ in range(3):
        await write(engine)
    await write(engine, chain="chn_other")
    pages = [await engine.audit.chain_records(CHAIN, after, 2) for after in (0, 2, 3)]
    assert [[row.sequence for row in page] for page in pages] == [[1, 2], [3], []]


async def test_checkpoints_are_numbered_without_gaps(engine: Engine) -> None:
    assert await engine.audit.last_checkpoint() is None
    made = [Checkpoint(n, n * 1_000, b"{}", "key", b"signature") for n in (1, 2, 3)]
    for checkpoint in made:
        await engine.audit.add_checkpoint(checkpoint)
    for number in (3, 5, 0):
        with pytest.raises(Conflict):
            await engine.audit.add_checkpoint(made[0]._replace(number=number))
    assert await engine.audit.last_checkpoint() == made[2]
    assert await engine.audit.checkpoints(0, 10) == made[::-1]
    assert await engine.audit.checkpoints(made[-1].number, 10) == made[-2::-1]
    assert await engine.audit.checkpoints(2, 1) == made[:1]
    assert await engine.audit.checkpoints(0, 10, 2_000, 3_000) == made[1:2]


async def test_the_outbox_keeps_the_order_of_a_tokens_events(engine: Engine) -> None:
    events = [an_event("tok_1", 1), an_event("tok_1", 2), an_event("tok_2", 1)]
    await write(engine, outbox=[events[2], events[1], events[0]])
    assert await waiting(engine.outbox) == events
    await deliver(engine.outbox, *events[:2])
    await deliver(engine.outbox, *events[:1])  # at least once: gone is as good
    assert await waiting(engine.outbox) == events[2:]


async def test_a_cut_off_page_of_the_outbox_leaves_out_no_earlier_event(engine: Engine) -> None:
    events = [an_event(f"tok_{n}", revision) for n in range(30) for revision in (1, 2, 3)]
    await write(engine, outbox=events)
    for lease in await leases(engine.outbox):
        for limit in (1, 2, 4, 5):
            revisions: dict[str, list[int]] = {}
            for row in await engine.outbox.pending(lease, limit):
                revisions.setdefault(row.subject, []).append(row.revision)
            assert revisions
            assert all(each == [1, 2, 3][: len(each)] for each in revisions.values())


async def test_the_outbox_says_how_much_waits_and_since_when(engine: Engine) -> None:
    empty = [await engine.outbox.backlog(lease) for lease in await leases(engine.outbox)]
    assert {(each.depth, each.oldest) for each in empty} == {(0, 0)}
    rows = [an_event(f"tok_{n}")._replace(time=1_000 + n) for n in range(20)]
    unsaid = an_event("tok_x")  # of a release that noted no time
    await write(engine, outbox=[*rows, unsaid])
    found = [await engine.outbox.backlog(lease) for lease in await leases(engine.outbox)]
    assert sum(each.depth for each in found) == 21
    assert min(each.oldest for each in found if each.oldest) == 1_000


async def test_a_tenant_has_one_active_key_a_purpose(engine: Engine) -> None:
    key = DataKey(b"key-0001", TENANT, "record", "ACTIVE", 1_000, "kek", b"wrapped")
    old = key._replace(key_id=b"key-0000", state="RETIRED", created=500)
    other = key._replace(key_id=b"key-0002", purpose="request")
    await engine.keys.add_data_keys([old, key, other])
    for clash in (key._replace(key_id=b"key-0003"), key._replace(state="RETIRED")):
        fresh = other._replace(key_id=b"key-0009", tenant="fresh")
        with pytest.raises(Conflict):
            await engine.keys.add_data_keys([fresh, clash])
    assert await engine.keys.data_keys("fresh") == []
    found = await engine.keys.data_keys(TENANT)
    assert sorted(found) == sorted([old, key, other])
    assert found[-1] == old  # active ones first
    assert await engine.keys.data_keys("") == []
