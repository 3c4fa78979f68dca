"""Updaters on one database share the work evenly, and leave it between two turns only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from tests.parts.updater_postgres.opening import until
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.open import open_postgres
from updater.usecases.duty import work_while_on_duty
from updater.usecases.ports import Duty

SPAN_S = 4.0  # a busy machine may stand still for seconds
CHANNELS = ("channel:a", "channel:b", "channel:c", "enrol")


@asynccontextmanager
async def worker(dsn: str) -> AsyncIterator[Sequence[asyncio.Lock]]:
    """Have a process work on all channels as the service does; yield what it holds in turns."""
    busy = [asyncio.Lock() for _ in CHANNELS]
    async with open_postgres(Address(dsn), span_s=SPAN_S) as engine:
        tasks = [
            asyncio.ensure_future(_worked(engine.bench(name).duty, lock))
            for name, lock in zip(CHANNELS, busy, strict=True)
        ]
        yield busy
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _worked(duty: Duty, busy: asyncio.Lock) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    await work_while_on_duty(duty, work, lambda _: None, busy)


async def held_by(dsn: str) -> list[int]:
    """Return how many leases each process has, in order."""
    admin = await asyncpg.connect(dsn)
    try:
        rows = await admin.fetch(
            "SELECT count(*) FROM leases WHERE until > extract(epoch FROM now()) * 1000000"
            " GROUP BY holder ORDER BY 1"
        )
        return [int(count) for (count,) in rows]
    finally:
        await admin.close()


async def test_one_that_joins_gets_its_share_between_turns_and_its_end_gives_it_back(
    dsn: str,
) -> None:
    async def are(*counts: int) -> bool:
        return await held_by(dsn) == list(counts)

    async with worker(dsn) as busy:
        await until(lambda: are(4), 20)
        for lock in busy:
            await lock.acquire()  # in a turn of every work
        async with worker(dsn):
            await asyncio.sleep(2 * SPAN_S)
            assert await are(4)
            for lock in busy:
                lock.release()
            await until(lambda: are(2, 2), 10 * SPAN_S)
            await asyncio.sleep(2 * SPAN_S)
            assert await are(2, 2)
        await until(lambda: are(4), SPAN_S)


async def test_who_is_here_to_do_all_work_once_shares_none(dsn: str) -> None:
    async with open_postgres(Address(dsn), span_s=SPAN_S, sharing=False) as once:
        async with asyncio.timeout(20):
            for name in CHANNELS:
                await once.bench(name).duty.taken()
        async with open_postgres(Address(dsn), span_s=SPAN_S) as service:
            for name in CHANNELS:
                service.bench(name)
            await asyncio.sleep(1.5 * SPAN_S)
            wanted = [asyncio.ensure_future(once.bench(name).duty.wanted()) for name in CHANNELS]
            await asyncio.sleep(0.1)
            assert not any(each.done() for each in wanted)
            for each in wanted:
                each.cancel()
            assert await held_by(dsn) == [4]
