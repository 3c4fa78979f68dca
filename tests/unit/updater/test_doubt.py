"""A transaction whose outcome is not known holds up reads until it is, whoever asked before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from chassis.store_errors import CommitInDoubt, StoreUnavailable
from updater.adapters.postgres.database import SETTLE, Fenced
from updater.domain.errors import StoreUnavailable as Unavailable


class FakeLink:
    """A link that one at a time uses, and that ends a transaction as it is told."""

    def __init__(self, said: list[str]) -> None:
        self._turn = asyncio.Lock()
        self._said = said
        self.fault: Exception | None = None
        self.held = asyncio.Event()
        self.held.set()

    async def transact(self, _work: Callable[[Any], Awaitable[object]]) -> None:
        async with self._turn:
            await self.held.wait()
            fault, self.fault = self.fault, None
            self._said.append("transaction")
            if fault is not None:
                raise fault

    async def read(self, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        async with self._turn:
            assert (sql, values) == (SETTLE, (FakeLease.name,))
            await asyncio.sleep(0)
            self._said.append("settled")
        return []


class FakeReads:
    def __init__(self, said: list[str]) -> None:
        self._said = said

    async def rows(self, _sql: str, _values: Sequence[Any]) -> list[Sequence[Any]]:
        self._said.append("read")
        return []


class FakeLease:
    """The lease of some work, which is not asked about here."""

    name = "channel:one"


class Bench:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.link = FakeLink(self.said)
        reads: Any = FakeReads(self.said)
        link: Any = self.link
        lease: Any = FakeLease()
        self.database = Fenced(reads, link, lease)

    async def run(self) -> None:
        async def work(_db: object) -> None:
            raise AssertionError("the link does not call it")

        await self.database.run(work)

    async def read(self) -> None:
        await self.database.rows("SELECT 1")


async def test_a_read_behind_doubt_waits_until_it_is_settled() -> None:
    bench = Bench()
    bench.link.fault = CommitInDoubt()
    with pytest.raises(Unavailable):
        await bench.run()
    await bench.read()
    await bench.read()
    assert bench.said == ["transaction", "settled", "read", "read"]


async def test_what_was_given_up_is_in_doubt() -> None:
    bench = Bench()
    bench.link.held.clear()
    task = asyncio.create_task(bench.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await bench.read()
    assert bench.said == ["settled", "read"]


async def test_what_has_failed_is_not_in_doubt() -> None:
    bench = Bench()
    bench.link.fault = StoreUnavailable()
    with pytest.raises(Unavailable):
        await bench.run()
    await bench.read()
    assert bench.said == ["transaction", "read"]


async def test_reads_that_settle_an_older_doubt_do_not_hide_a_newer_one() -> None:
    bench = Bench()
    bench.link.fault = CommitInDoubt()
    with pytest.raises(Unavailable):
        await bench.run()
    first = asyncio.create_task(bench.read())
    newer = asyncio.create_task(bench.run())
    late = asyncio.create_task(bench.read())
    await asyncio.sleep(0)
    bench.link.fault = CommitInDoubt()
    await asyncio.wait([first, newer, late])
    bench.said.clear()
    await bench.read()
    assert bench.said == ["settled", "read"]


async def test_a_read_does_not_wait_for_a_transaction_under_way() -> None:
    bench = Bench()
    bench.link.held.clear()
    under_way = asyncio.create_task(bench.run())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await bench.read()
    assert bench.said == ["read"]
    bench.link.held.set()
    await under_way
