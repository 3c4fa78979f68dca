"""Checkpoints come when something is new, link to each other, and outlive their process."""

import asyncio

import pytest

from tests.doubles.vault_ports_audit import FakeAuditStore
from tests.doubles.vault_ports_keys import FakeKeyStore, FakeKms
from vault.crypto.checkpoints import (
    BodyInvalid,
    ChainMark,
    CheckpointBody,
    CheckpointKey,
    PublicKeys,
    body_hash,
    parse_body,
)
from vault.crypto.merkle import CompactRange, leaf_hash
from vault.domain.audit import GENESIS, AuditRow
from vault.domain.queries import Checkpoint
from vault.usecases.chain_start import Started, start_chain
from vault.usecases.checkpointer import Checkpointer, Pace, checkpoint_keys, public_pem
from vault.usecases.key_making import KeyMaker
from vault.usecases.ports import (
    CommitInDoubt,
    Conflict,
    DataDamaged,
    StoreBroken,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

KEY = CheckpointKey(b"\x07" * 32)
SLOW = Pace(interval_s=60.0)


async def _begin(
    store: FakeAuditStore, chain: str, pace: Pace = SLOW
) -> tuple[Checkpointer, Started]:
    started = await start_chain(store, store, chain, lambda: 5)
    checkpointer = Checkpointer(store, [KEY], lambda: 9, pace)
    await checkpointer.resume(started)
    return checkpointer, started


def _marks(checkpoint: Checkpoint | None) -> dict[str, ChainMark]:
    assert checkpoint is not None
    return {mark.chain: mark for mark in parse_body(checkpoint.body).chains}


def _root(rows: list[AuditRow]) -> bytes:
    tree = CompactRange()
    for row in rows:
        tree.append(leaf_hash(row.record))
    return tree.root()


async def test_a_checkpoint_says_where_the_chain_stands() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a")
    checkpointer.committed(store.add("chn_a", 10))
    signed = await checkpointer.checkpoint()
    mark = _marks(signed)["chn_a"]
    assert (mark.size, mark.ended) == (11, False)
    assert mark.head == store.head("chn_a").hash
    assert mark.root == _root(store.rows["chn_a"])
    assert CompactRange(mark.size, mark.nodes).root() == mark.root
    assert store.signed == [signed]
    assert PublicKeys(KEY.public).signed(store.signed[0])
    assert checkpointer.counts.gaps == 0


async def test_nothing_new_is_not_signed() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a")
    assert await checkpointer.checkpoint() is not None
    assert await checkpointer.checkpoint() is None
    checkpointer.committed([])
    assert await checkpointer.checkpoint() is None
    checkpointer.committed(store.add("chn_a", 1))
    assert await checkpointer.checkpoint() is not None
    assert checkpointer.counts.signed == 2


async def test_each_names_the_one_before() -> None:
    store = FakeAuditStore()
    for chain in ("chn_a", "chn_b"):
        checkpointer, _started = await _begin(store, chain)
        for _turn in range(3):
            checkpointer.committed(store.add(chain, 2))
            await checkpointer.checkpoint()
    bodies = [parse_body(each.body) for each in store.signed]
    assert [body.number for body in bodies] == [1, 2, 3, 4, 5, 6]
    assert [body.previous for body in bodies] == [
        GENESIS,
        *[body_hash(each.body) for each in store.signed[:-1]],
    ]


async def test_a_dead_chain_is_covered_to_its_end_once() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a")
    checkpointer.committed(store.add("chn_a", 1_500))
    await checkpointer.checkpoint()
    store.add("chn_a", 2_200)  # and then it dies
    store.reads = 0
    successor, _started = await _begin(store, "chn_b")
    assert store.reads == 3  # only what is behind the last checkpoint, in pages
    marks = _marks(await successor.checkpoint())
    assert marks["chn_a"].ended
    assert marks["chn_a"].size == 3_701
    assert marks["chn_a"].root == _root(store.rows["chn_a"])
    assert marks["chn_a"].head == store.head("chn_a").hash
    successor.committed(store.add("chn_b", 1))
    assert set(_marks(await successor.checkpoint())) == {"chn_b"}
    third, _started = await _begin(store, "chn_c")
    assert set(_marks(await third.checkpoint())) == {"chn_b", "chn_c"}


async def test_a_last_checkpoint_of_somebody_else_is_not_built_upon() -> None:
    store = FakeAuditStore()
    first, _started = await _begin(store, "chn_a")
    store.add("chn_a", 5)
    await first.checkpoint()
    store.signed[0] = CheckpointKey(b"\x08" * 32).sign(parse_body(store.signed[0].body))
    successor, _started = await _begin(store, "chn_b")
    marks = _marks(await successor.checkpoint())
    assert successor.counts.distrusted == 1
    assert marks["chn_a"].root == _root(store.rows["chn_a"])


class _Newer(CheckpointBody):
    """A checkpoint of a release that is not written yet."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b'{"v":2}'


async def test_an_unreadable_last_checkpoint_is_not_built_upon() -> None:
    store = FakeAuditStore()
    first, _started = await _begin(store, "chn_a")
    await first.checkpoint()

    store.signed[0] = KEY.sign(_Newer(1, 2, ()))
    successor, _started = await _begin(store, "chn_b")
    assert successor.counts.distrusted == 1
    assert _marks(await successor.checkpoint())["chn_a"].size == 1


async def test_records_that_do_not_link_are_counted_and_signed_as_they_are() -> None:
    store = FakeAuditStore()
    await _begin(store, "chn_a")
    rows = store.add("chn_a", 5)
    store.rows["chn_a"][3] = rows[2]._replace(record=b"{}")
    successor, _started = await _begin(store, "chn_b")
    assert successor.counts.broken_links == 1
    assert _marks(await successor.checkpoint())["chn_a"].root == _root(store.rows["chn_a"])


async def test_records_that_are_gone_are_counted() -> None:
    store = FakeAuditStore()
    await _begin(store, "chn_a")
    store.add("chn_a", 5)
    started = await start_chain(store, store, "chn_b", lambda: 5)
    del store.rows["chn_a"][3:]
    successor = Checkpointer(store, [KEY], lambda: 9)
    await successor.resume(started)
    assert successor.counts.broken_links == 1
    assert _marks(await successor.checkpoint())["chn_a"].size == 3


async def test_records_of_a_commit_in_doubt_are_read_back() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a")
    checkpointer.committed(store.add("chn_a", 3))
    store.add("chn_a", 4)  # durable, but nobody was told
    checkpointer.committed(store.add("chn_a", 2))
    mark = _marks(await checkpointer.checkpoint())["chn_a"]
    assert mark.size == 10
    assert mark.root == _root(store.rows["chn_a"])
    assert checkpointer.counts.gaps == 1
    assert await checkpointer.checkpoint() is None


@pytest.mark.parametrize("fault", [StoreUnavailable(), StoreFull(), CommitInDoubt()], ids=repr)
async def test_a_store_in_trouble_is_tried_again(fault: StoreError) -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a")
    store.faults = [fault]
    assert await checkpointer.checkpoint() is None
    assert checkpointer.counts.failures == 1
    assert await checkpointer.checkpoint() is not None
    assert len(store.signed) == 1


async def test_a_checkpoint_whose_answer_was_lost_is_followed() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a")
    store.lost_answer = CommitInDoubt()
    assert await checkpointer.checkpoint() is None
    signed = await checkpointer.checkpoint()  # the number is taken: look, then sign again
    assert signed is not None
    assert signed.number == 2
    assert checkpointer.counts.conflicts == 1
    bodies = [parse_body(each.body) for each in store.signed]
    assert [body.number for body in bodies] == [1, 2]
    assert bodies[1].previous == body_hash(store.signed[0].body)


async def test_a_broken_store_is_not_hidden() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a", Pace(interval_s=0.001))
    store.faults = [StoreBroken()]
    with pytest.raises(StoreBroken):
        await checkpointer.run()


@pytest.mark.parametrize("damage", ["type", "text"])
async def test_a_damaged_last_checkpoint_ends_the_vault_with_a_sentence(
    damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeAuditStore()
    checkpointer, started = await _begin(store, "chn_a")
    await checkpointer.checkpoint()
    stored = store.signed[-1]

    async def last() -> Checkpoint:
        if damage == "text":
            raise DataDamaged("UnicodeDecodeError")
        return stored._replace(body="{}")  # type: ignore[arg-type]

    monkeypatch.setattr(store, "last_checkpoint", last)
    store.faults = [Conflict("the number is taken")]
    checkpointer.committed([started.row._replace(sequence=started.row.sequence + 1)])
    with pytest.raises(StoreBroken, match="the last checkpoint is damaged: see `audit verify`"):
        await checkpointer.checkpoint()
    with pytest.raises(StoreBroken, match="the last checkpoint is damaged"):
        await checkpointer.resume(started)


async def _until_signed(store: FakeAuditStore, count: int) -> None:
    async with asyncio.timeout(5.0):
        while len(store.signed) < count:  # noqa: ASYNC110 - the store is no event
            await asyncio.sleep(0.001)


async def test_a_thousand_records_do_not_wait_for_the_second() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a", Pace(interval_s=60.0, records=10))
    async with asyncio.TaskGroup() as group:
        group.create_task(checkpointer.run())
        checkpointer.committed(store.add("chn_a", 8))
        await asyncio.sleep(0.01)
        assert store.signed == []
        checkpointer.committed(store.add("chn_a", 1))
        await _until_signed(store, 1)
        checkpointer.committed(store.add("chn_a", 2))
        checkpointer.close()
    assert [_marks(each)["chn_a"].size for each in store.signed] == [10, 12]


async def test_a_single_record_waits_for_the_second_only() -> None:
    store = FakeAuditStore()
    checkpointer, _started = await _begin(store, "chn_a", Pace(interval_s=0.01))
    async with asyncio.TaskGroup() as group:
        group.create_task(checkpointer.run())
        await _until_signed(store, 1)
        await asyncio.sleep(0.05)
        assert len(store.signed) == 1
        checkpointer.close()


async def test_before_it_resumes_it_does_nothing() -> None:
    store = FakeAuditStore()
    checkpointer = Checkpointer(store, [KEY], lambda: 9)
    checkpointer.committed(store.add("chn_a", 1))
    assert await checkpointer.checkpoint() is None


async def test_the_key_is_wrapped_like_the_others_and_its_public_half_exported() -> None:
    keys, kms = FakeKeyStore(), FakeKms()
    maker = KeyMaker(keys, kms, lambda: 1)
    first = await checkpoint_keys(maker)
    assert [(row.tenant, row.purpose) for row in keys.rows] == [("", "checkpoint")]
    keys.rows = [row._replace(state="RETIRED") for row in keys.rows]
    both = await checkpoint_keys(maker)
    assert both[1].key_id == first[0].key_id != both[0].key_id
    public = PublicKeys.from_pem(public_pem(both))
    body = parse_body(KEY.sign(parse_body(_BODY)).body)
    assert all(public.signed(key.sign(body)) for key in both)
    assert not public.signed(KEY.sign(body))
    assert repr(first[0]) == f"<CheckpointKey {first[0].key_id}>"


_BODY = b'{"v":1,"number":1,"time":2,"chains":[],"previous":"%s"}' % (b"00" * 32)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        _BODY.replace(b'"v":1', b'"v":2'),
        _BODY.replace(b"00" * 32, b"zz"),
        _BODY.replace(b"[]", b'[{"chain":"a"}]'),
        _BODY.replace(b"[]", b'[{"chain":"a","size":3,"head":"","root":"","nodes":[""]}]'),
    ],
    ids=["empty", "list", "bare", "newer", "hex", "mark", "nodes"],
)
def test_what_is_no_checkpoint_is_refused(body: bytes) -> None:
    with pytest.raises(BodyInvalid):
        parse_body(body)
