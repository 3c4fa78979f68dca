"""Who works: what is cancelled at a takeover, and what a directory is spared."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.updater_rows import a_file
from tests.doubles.updater_duty import HandDuty
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.exchange_on_duty import ExchangeOnDuty
from updater.domain.errors import DatabaseInUse, StandsBy
from updater.usecases.duty import Alone, take_duty, work_while_on_duty
from updater.usecases.ports_exchange import Shelf


class Work:
    """Work without an end, which counts its beginnings and ends."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    async def __call__(self) -> None:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_work_is_done_on_duty_and_cancelled_off_it() -> None:
    duty, work, told, busy = HandDuty(), Work(), list[bool](), asyncio.Lock()
    running = asyncio.ensure_future(work_while_on_duty(duty, work, told.append, busy))
    await turns()
    assert (work.begun, told) == (0, [])
    for number in (1, 2):
        duty.take()
        await turns()
        assert (work.begun, work.ended) == (number, number - 1)
        duty.lose()
        await turns()
        assert (work.begun, work.ended) == (number, number)
    assert told == [True, False, True, False]
    duty.take()
    await turns()
    running.cancel()
    await asyncio.wait([running])
    assert work.ended == 3


async def test_what_another_one_wants_is_left_between_two_turns() -> None:
    duty, work, told, busy = HandDuty(), Work(), list[bool](), asyncio.Lock()
    running = asyncio.ensure_future(work_while_on_duty(duty, work, told.append, busy))
    duty.take()
    await turns()
    async with busy:  # a turn
        duty.want()
        await turns()
        assert (work.ended, told) == (0, [True])
    await turns()
    assert (work.ended, told) == (1, [True, False])
    async with asyncio.timeout(1):
        await busy.acquire()
    busy.release()
    duty.take()  # and it may come back
    await turns()
    assert (work.begun, work.ended) == (2, 1)
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_wanted_no_more_is_kept() -> None:
    duty, work, busy = HandDuty(), Work(), asyncio.Lock()
    running = asyncio.ensure_future(work_while_on_duty(duty, work, lambda _: None, busy))
    duty.take()
    async with busy:
        duty.want()
        await turns()
        duty.want(wanted=False)
    await turns()
    assert (work.begun, work.ended) == (1, 0)
    assert not busy.locked()
    duty.want()
    await turns()
    assert work.ended == 1
    running.cancel()
    await asyncio.wait([running])


async def test_what_fails_in_the_work_is_not_kept_quiet() -> None:
    async def fails() -> None:
        raise ConnectionError

    with pytest.raises(ExceptionGroup):
        await work_while_on_duty(Alone(), fails, lambda _: None, asyncio.Lock())


async def test_alone_is_always_on_duty() -> None:
    await take_duty(Alone(), timedelta(seconds=1))
    await Alone().confirm()
    losing = asyncio.ensure_future(Alone().lost())
    await turns()
    assert not losing.done()
    losing.cancel()


async def test_waiting_for_the_work_has_an_end() -> None:
    duty = HandDuty()
    with pytest.raises(DatabaseInUse):
        await take_duty(duty, timedelta(milliseconds=10))
    duty.take()
    await take_duty(duty, timedelta(milliseconds=10))


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


async def test_off_duty_the_exchange_is_read_and_not_changed(tmp_path: Path) -> None:
    duty = HandDuty()
    exchange = ExchangeOnDuty(ExchangeDirectory(tmp_path), duty)
    (tmp_path / "inbox" / "a").write_bytes(b"there")
    assert [each.name for each in await exchange.arrivals()] == ["a"]
    assert await exchange.read("a", limit=9) == b"there"
    changes = (
        lambda: exchange.stage("b", b"sealed"),
        lambda: exchange.send("b"),
        lambda: exchange.shelve("a", Shelf.DONE, a_file(name="a")),
        lambda: exchange.purge(timedelta(0)),
    )
    before = files(tmp_path)
    for change in changes:
        with pytest.raises(StandsBy):
            await change()
    assert files(tmp_path) == before
    duty.take()
    for change in changes[:3]:
        await change()
    assert (tmp_path / "outbox" / "b").exists()
    assert (tmp_path / "done" / "a~feed_1").exists()
    assert await exchange.purge(timedelta(days=-1)) == 2
