"""A new chain ends those that dead processes left, in one transaction."""

import json

import pytest

from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.domain.audit import ChainHead, ended_by
from vault.domain.intents import Note
from vault.usecases.chain_start import new_chain_id, start_chain, stop_entry
from vault.usecases.ports import Conflict, StoreBroken, StoreUnavailable


def test_chain_ids_are_in_the_order_of_time_and_random() -> None:
    ids = [new_chain_id(1_700_000_000_000_000 + step * 1_000) for step in range(100)]
    assert ids == sorted(ids)
    assert new_chain_id(5) != new_chain_id(5)
    assert {len(each) for each in ids} == {30}
    assert ids[0].startswith("chn_")


async def test_the_first_record_names_the_chains_it_ends() -> None:
    store = FakeAuditStore()
    first = await start_chain(store, store, "chn_a", lambda: 1)
    assert first.ended == ()
    store.add("chn_a", 3)
    head = store.head("chn_a")
    second = await start_chain(store, store, "chn_b", lambda: 2)
    assert second.ended == (head,)
    assert ended_by(second.row.record) == (head,)
    assert await store.open_chains() == [store.head("chn_b")]
    fields = json.loads(second.row.record)
    assert (fields["action"], fields["seq"], fields["time"]) == ("vault.start", 1, 2)
    assert "tenant" not in fields


async def test_a_chain_that_moves_meanwhile_is_looked_at_again() -> None:
    store = FakeAuditStore()
    await start_chain(store, store, "chn_a", lambda: 1)
    store.faults = [Conflict(), Conflict()]
    started = await start_chain(store, store, "chn_b", lambda: 2)
    assert [head.chain for head in started.ended] == ["chn_a"]


async def test_it_gives_up_in_the_end() -> None:
    store = FakeAuditStore()
    store.faults = [Conflict()] * 5
    with pytest.raises(StoreUnavailable):
        await start_chain(store, store, "chn_a", lambda: 1)
    store.faults = [StoreBroken()]
    with pytest.raises(StoreBroken):
        await start_chain(store, store, "chn_a", lambda: 1)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"{}",
        b'{"action":"card.reveal","note":"[[1,2,3]]"}',
        b'{"action":"vault.start"}',
        b'{"action":"vault.start","note":"x"}',
        b'{"action":"vault.start","note":"[[1,2]]"}',
        b'{"action":"vault.start","note":"[[\\"c\\",1,\\"zz\\"]]"}',
    ],
    ids=["empty", "list", "bare", "other", "first", "noise", "short", "hash"],
)
def test_other_records_end_nothing(record: bytes) -> None:
    assert ended_by(record) == ()


def test_a_claim_is_read_back() -> None:
    note = json.dumps([["chn_a", 7, "0a" * 32]])
    record = json.dumps({"action": "vault.start", "note": note}).encode()
    assert ended_by(record) == (ChainHead("chn_a", 7, b"\x0a" * 32),)


def test_the_stop_is_a_note_of_the_service_itself() -> None:
    entry = stop_entry()
    assert entry.intent == Note("vault.stop", "ok")
    assert (entry.caller.tenant, entry.caller.principal) == ("", "cardvault")
