"""Reads in flight become one, nobody gets an answer from before the question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from vault.domain.card import CardKey
from vault.domain.reasons import Reason, VaultError
from vault.usecases.coalesced import MOST_KEYS, MOST_WAITING, CoalescedReads
from vault.usecases.ports import DataFault, StoreError, StoreUnavailable


def key(name: str, tenant: str = "demo") -> CardKey:
    return CardKey(tenant, name)


class Backend:
    """Answers each key with a number that grows; waits while the gate is closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = 0
        self.batches: list[list[str]] = []
        self.bad: dict[str, StoreError] = {}

    async def read(self, keys: Sequence[CardKey]) -> Mapping[CardKey, int]:
        self.batches.append([each.token for each in keys])
        now = self.now
        await self.gate.wait()
        for each in keys:
            if each.token in self.bad:
                raise self.bad[each.token]
        return {each: now for each in keys if each.token != "none"}


@asynccontextmanager
async def reading(backend: Backend, lanes: int = 1) -> AsyncIterator[CoalescedReads[int]]:
    reads = CoalescedReads(backend.read, lanes)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(reads.run())
        yield reads
        task.cancel()


async def turns(count: int = 5) -> None:
    for _turn in range(count):
        await asyncio.sleep(0)


async def test_what_arrives_during_a_read_is_the_next_one() -> None:
    backend = Backend()
    async with reading(backend) as reads:
        backend.gate.clear()
        first = asyncio.create_task(reads.read([key("a")]))
        await turns()
        rest = [asyncio.create_task(reads.read([key(f"b{n}"), key("a")])) for n in range(64)]
        await turns()
        assert backend.batches == [["a"]]
        backend.now = 1
        backend.gate.set()
        assert await first == {key("a"): 0}
        # Asked after the change: answered from after it, though the same card was in flight.
        for n, each in enumerate(rest):
            assert await each == {key(f"b{n}"): 1, key("a"): 1}
        assert len(backend.batches) == 2
        assert len(backend.batches[1]) == 65
        assert (reads.counts.calls, reads.counts.batches) == (65, 2)


async def test_a_caller_gets_its_own_keys_only() -> None:
    backend = Backend()
    async with reading(backend) as reads:
        mine, theirs = await asyncio.gather(
            reads.read([key("a"), key("none")]), reads.read([key("a", "other")])
        )
    assert mine == {key("a"): 0}
    assert theirs == {key("a", "other"): 0}


async def test_an_idle_lane_waits_for_nobody() -> None:
    backend = Backend()
    async with reading(backend, lanes=2) as reads:
        backend.gate.clear()
        first = asyncio.create_task(reads.read([key("a")]))
        await turns()
        second = asyncio.create_task(reads.read([key("b")]))
        await turns()
        assert backend.batches == [["a"], ["b"]]
        backend.gate.set()
        await asyncio.gather(first, second)


async def test_one_callers_bad_key_is_its_own_trouble() -> None:
    backend = Backend()
    backend.bad["bad"] = DataFault("22P05")
    async with reading(backend) as reads:
        found = await asyncio.gather(
            reads.read([key("a")]),
            reads.read([key("bad")]),
            reads.read([key("b")]),
            return_exceptions=True,
        )
    assert found[0] == {key("a"): 0}
    assert isinstance(found[1], DataFault)
    assert found[2] == {key("b"): 0}


async def test_a_store_that_is_away_is_asked_once_for_all() -> None:
    backend = Backend()
    backend.bad["a"] = StoreUnavailable("down")
    async with reading(backend) as reads:
        found = await asyncio.gather(
            *[reads.read([key("a")]) for _ in range(10)], return_exceptions=True
        )
        assert [type(each) for each in found] == [StoreUnavailable] * 10
        assert len(backend.batches) == 1
        del backend.bad["a"]
        assert await reads.read([key("a")]) == {key("a"): 0}


async def test_callers_who_give_up_are_dropped_and_harm_nobody() -> None:
    backend = Backend()
    async with reading(backend) as reads:
        backend.gate.clear()
        picked = asyncio.create_task(reads.read([key("a")]))
        await turns()
        waiting = asyncio.create_task(reads.read([key("gone")]))
        stays = asyncio.create_task(reads.read([key("b")]))
        await turns()
        for task in (picked, waiting):
            task.cancel()
        await turns()
        backend.gate.set()
        assert await stays == {key("b"): 0}
    assert backend.batches == [["a"], ["b"]]


async def test_batches_are_bounded_and_so_is_the_line() -> None:
    backend = Backend()
    async with reading(backend) as reads:
        backend.gate.clear()
        first = asyncio.create_task(reads.read([key("a")]))
        await turns()
        many = [key(f"k{n}") for n in range(MOST_KEYS)]
        others = [asyncio.create_task(reads.read(many)) for _ in range(MOST_WAITING // MOST_KEYS)]
        await turns()
        with pytest.raises(VaultError) as refused:
            await reads.read([key("late")])
        assert refused.value.reason is Reason.OVERLOADED
        backend.gate.set()
        await asyncio.gather(first, *others)
        assert max(map(len, backend.batches)) == MOST_KEYS


async def test_at_the_end_everybody_is_told() -> None:
    backend = Backend()
    backend.gate.clear()
    async with reading(backend) as reads:
        picked = asyncio.create_task(reads.read([key("a")]))
        await turns()
        waiting = asyncio.create_task(reads.read([key("b")]))
        await turns()
    for task in (picked, waiting):
        with pytest.raises(StoreUnavailable):
            await task
    with pytest.raises(StoreUnavailable):
        await reads.read([key("c")])
