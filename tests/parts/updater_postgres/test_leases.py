"""Updaters on one database share the work by leases: one has each piece, and none works twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import asyncpg
import pytest

from chassis.postgres.connection import Link, Reads, open_pool
from tests.contract.updater_rows import (
    TENANT,
    a_credential,
    a_mark,
    an_inquiry,
    enrol,
    enrolled,
    incidents,
)
from tests.parts.updater_postgres.opening import until, working
from tools.running.guardian import mind
from updater.adapters.engine import Engine
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.exchange_on_duty import ExchangeOnDuty
from updater.adapters.postgres import address as addresses
from updater.adapters.postgres.address import Address
from updater.adapters.postgres.database import Fenced
from updater.adapters.postgres.incidents import PostgresIncidents, open_incidents
from updater.adapters.postgres.lease import Lease
from updater.adapters.postgres.open import open_postgres
from updater.domain.errors import StandsBy, StoreUnavailable
from updater.domain.feed import ExceptionKind, Incident, IncidentState
from updater.usecases.ports import Duty

WORK = "channel:test"
SPAN_S = 4.0  # a busy machine may stand still for seconds


class Hasty(Address):
    """Sessions that end soon when their process stops in the middle of a transaction."""

    __slots__ = ()
    session: ClassVar[Mapping[str, str]] = {
        **addresses.SETTINGS,
        "idle_in_transaction_session_timeout": "400",
    }


@dataclass
class Process:
    """One updater's part of the database, whose lease is renewed only when a test says so."""

    lease: Lease
    database: Fenced
    incidents: PostgresIncidents


@asynccontextmanager
async def process(address: Address, span_s: float = 60.0) -> AsyncIterator[Process]:
    links = [Link(address) for _ in range(2)]
    pool = await open_pool(address)
    lease = Lease(WORK, links[1], span_s)
    database = Fenced(Reads(pool, address), links[0], lease)
    try:
        yield Process(lease, database, PostgresIncidents(database))
    finally:
        for link in links:
            await link.close()
        await pool.close()


async def expire(dsn: str) -> None:
    """Let the lease run out, as if its holder had been silent for long."""
    admin = await asyncpg.connect(dsn)
    await admin.execute("UPDATE leases SET until = 1")
    await admin.close()


def an_incident(subject: str) -> Incident:
    return Incident(ExceptionKind.APPLY_REFUSED, subject, "r", opened_at=1)


async def subjects(store: PostgresIncidents | Engine) -> list[str]:
    incidents = store.incidents if isinstance(store, Engine) else store
    found = await incidents.page(tenant="", channel="", states=(), kinds=(), after=0, limit=999_999)
    return [each.subject for each in found]


async def works(duty: Duty) -> bool:
    """Tell whether a process works."""
    try:
        async with asyncio.timeout(0.05):
            await duty.taken()
    except TimeoutError:
        return False
    return True


async def test_the_second_one_serves_calls_and_does_no_work(dsn: str) -> None:
    async with open_postgres(Address(dsn)) as first, open_postgres(Address(dsn)) as idle:
        engine = await working(first)
        await enrol(engine, a_credential("tok_1"))
        await engine.incidents.open(an_incident("s"))
        bench = idle.bench(WORK)
        assert not await works(bench.duty)
        with pytest.raises(StandsBy):
            await bench.inquiries.create(an_inquiry(), [])
        with pytest.raises(StandsBy):
            await bench.pauses.resume("gp", TENANT, at=1, mark=a_mark())
        with pytest.raises(StandsBy):
            await bench.duty.confirm()
        assert (await enrolled(idle, "tok_1")).enrolled
        key = (TENANT, "tok_1", "shop")
        await idle.enrolments.set_enrolled(key, enrolled=False, at=1, mark=a_mark())
        (incident,) = await incidents(idle)
        settled = (incident.exception_id, IncidentState.RESOLVED, "done")
        await idle.incidents.settle(*settled, at=2, mark=a_mark("r-2"))
        assert not (await enrolled(engine, "tok_1")).enrolled
        assert await engine.inquiries.find(an_inquiry().batch_id) is None


async def test_pieces_of_work_are_shared_out(dsn: str) -> None:
    async with open_postgres(Address(dsn)) as one, open_postgres(Address(dsn)) as other:
        async with asyncio.timeout(30):
            await one.bench("channel:a").duty.taken()
            await other.bench("channel:b").duty.taken()
        taken = (one.bench("channel:b").duty, other.bench("channel:a").duty)
        assert [await works(duty) for duty in taken] == [False, False]
        await one.bench("channel:a").incidents.open(an_incident("a"))
        await other.bench("channel:b").incidents.open(an_incident("b"))
        for bench in (one.bench("channel:b"), other.bench("channel:a")):
            with pytest.raises(StandsBy):
                await bench.incidents.open(an_incident("neither"))
        assert await subjects(one) == ["a", "b"]


async def test_who_only_looks_never_asks_for_work(dsn: str, beside: Engine) -> None:
    assert not await works(beside.bench(WORK).duty)
    with pytest.raises(StandsBy):
        await beside.bench(WORK).incidents.open(an_incident("s"))
    async with open_postgres(Address(dsn)) as other:
        await enrol(await working(other), a_credential("tok_1"))


async def test_an_orderly_stop_hands_the_work_over_at_once(dsn: str) -> None:
    async with open_postgres(Address(dsn)) as first:
        await working(first)
    async with open_postgres(Address(dsn)) as second:
        await enrol(await working(second), a_credential("tok_1"))


async def test_a_silent_one_is_replaced_and_a_working_one_is_not(dsn: str) -> None:
    async with (
        open_postgres(Address(dsn), span_s=SPAN_S) as busy,
        open_postgres(Address(dsn), span_s=SPAN_S) as waiting,
    ):
        await working(busy)
        waiting.bench(WORK)
        await asyncio.sleep(1.25 * SPAN_S)
        assert [await works(each.bench(WORK).duty) for each in (busy, waiting)] == [True, False]
    async with process(Address(dsn), SPAN_S) as silent:
        await silent.lease.turn()
        assert await works(silent.lease)
        async with open_postgres(Address(dsn), span_s=SPAN_S) as waiting:
            async with asyncio.timeout(60):
                await waiting.bench(WORK).duty.taken()
            await enrol(await working(waiting), a_credential("tok_1"))


async def test_one_that_wakes_up_after_the_takeover_is_refused(dsn: str, tmp_path: Path) -> None:
    async with process(Address(dsn)) as paused, process(Address(dsn)) as other:
        await paused.lease.turn()
        await paused.incidents.open(an_incident("before"))
        exchange = ExchangeOnDuty(ExchangeDirectory(tmp_path), paused.lease)
        await exchange.stage("a", b"sealed")
        await expire(dsn)
        await other.lease.turn()
        await other.incidents.open(an_incident("other"))
        # By its own clock the lease still lasts: it is the number that refuses it.
        assert await works(paused.lease)
        assert paused.lease.fence < other.lease.fence
        with pytest.raises(StandsBy):
            await exchange.send("a")
        await paused.lease.turn()
        with pytest.raises(StandsBy):
            await paused.incidents.open(an_incident("late"))
        assert not await works(paused.lease)
        async with asyncio.timeout(1):
            await paused.lease.lost()
        assert await subjects(other.incidents) == ["before", "other"]
    assert list((tmp_path / "outbox").iterdir()) == []


async def test_a_write_is_refused_by_the_number_alone(dsn: str) -> None:
    async with process(Address(dsn)) as paused, process(Address(dsn)) as other:
        await paused.lease.turn()
        await expire(dsn)
        await other.lease.turn()
        with pytest.raises(StandsBy):
            await paused.incidents.open(an_incident("late"))
        assert await subjects(other.incidents) == []


async def turned(process: Process) -> bool:
    """Ask for the lease; tell whether the process has it."""
    await process.lease.turn()
    return process.lease.held


@asynccontextmanager
async def under_way(slow: Process, subject: str) -> AsyncIterator[None]:
    """Have a transaction of a process open during the block; it ends well after it."""
    compared, go_on = asyncio.Event(), asyncio.Event()

    async def work(db: asyncpg.Connection) -> None:
        compared.set()
        await go_on.wait()
        await open_incidents(db, [an_incident(subject)])

    writing = asyncio.ensure_future(slow.database.run(work))
    await compared.wait()
    try:
        yield
    finally:
        go_on.set()
        await writing


async def test_nobody_takes_over_while_a_transaction_is_under_way(dsn: str) -> None:
    async with process(Address(dsn)) as slow, process(Address(dsn)) as other:
        await slow.lease.turn()
        await expire(dsn)
        async with under_way(slow, "slow"):
            async with asyncio.timeout(2):  # it doesn't wait: other leases want their turns
                await other.lease.turn()
            assert not await works(other.lease)
        await other.lease.turn()
        # The transaction has renewed the lease as it went: there is nothing to take over.
        assert (await works(slow.lease), await works(other.lease)) == (True, False)
        assert await subjects(other.incidents) == ["slow"]


async def test_a_turn_in_ones_own_transaction_neither_waits_nor_loses(dsn: str) -> None:
    async with process(Address(dsn), span_s=3) as slow:
        await slow.lease.turn()
        async with under_way(slow, "slow"):
            await asyncio.sleep(1.8)  # past half of the lease, where a turn renews it
            async with asyncio.timeout(1):
                await slow.lease.turn()
            assert slow.lease.held
        await slow.incidents.open(an_incident("after"))


async def test_one_that_stops_in_the_middle_of_a_transaction_is_ended_by_the_server(
    dsn: str,
) -> None:
    async with process(Hasty(dsn)) as stopped, process(Address(dsn)) as other:
        await stopped.lease.turn()
        await expire(dsn)
        written = asyncio.Event()

        async def work(db: asyncpg.Connection) -> None:
            await open_incidents(db, [an_incident("stopped")])
            written.set()
            await asyncio.sleep(2)  # no message to the server, as of a stopped process

        writing = asyncio.ensure_future(stopped.database.run(work))
        await written.wait()
        assert not await turned(other)
        await until(lambda: turned(other), 5)  # the server lets the row go
        await other.incidents.open(an_incident("other"))
        with pytest.raises(StoreUnavailable):
            await writing
        assert await subjects(other.incidents) == ["other"]
        with pytest.raises(StandsBy):
            await stopped.incidents.open(an_incident("late"))


async def test_a_lease_whose_database_is_away_runs_out_by_itself(dsn: str) -> None:
    async with process(Address(dsn), span_s=0.3) as cut_off:
        await cut_off.lease.turn()
        assert await works(cut_off.lease)
        await asyncio.sleep(0.4)
        with pytest.raises(StandsBy):
            await cut_off.incidents.open(an_incident("late"))
        async with asyncio.timeout(1):
            await cut_off.lease.lost()
        before = await fence(dsn)
        await cut_off.lease.turn()  # its own lease it may take again, under a new number
        assert cut_off.lease.fence == before + 1


async def fence(dsn: str) -> int:
    admin = await asyncpg.connect(dsn)
    try:
        return int(await admin.fetchval("SELECT fence FROM leases WHERE name = $1", WORK))
    finally:
        await admin.close()


@asynccontextmanager
async def writer(dsn: str, name: str, *channels: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process that works on channels."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("writer.py")),
        *(dsn, str(SPAN_S), name, *channels),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    mind(child.pid)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_a_stopped_process_that_is_continued_writes_nothing_more(
    dsn: str, beside: Engine
) -> None:
    """SIGSTOP, a takeover, SIGCONT: on a real process that writes as fast as it can."""
    async with writer(dsn, "child", WORK) as child:
        await until(lambda: count(beside, "child"), 60)
        os.kill(child.pid, signal.SIGSTOP)
        async with open_postgres(Address(dsn), span_s=SPAN_S) as other:
            async with asyncio.timeout(90):
                await other.bench(WORK).duty.taken()
            await other.bench(WORK).incidents.open(an_incident("other"))
            before = await subjects(beside)
            os.kill(child.pid, signal.SIGCONT)
            out, _ = await asyncio.wait_for(child.communicate(), 60)
            assert out.decode().split() == [f"child/{WORK}", "StandsBy"]
            await asyncio.sleep(0.2)
            assert await subjects(beside) == before


async def test_a_killed_ones_channels_go_to_the_other_one(dsn: str, beside: Engine) -> None:
    """Two real processes, each with a channel of its own and asking for the other's, too."""
    async with writer(dsn, "one", "a") as one, writer(dsn, "two", "b") as two:
        await until(lambda: count(beside, "one/a"), 60)
        await until(lambda: count(beside, "two/b"), 60)
        async with writer(dsn, "three", "a", "b") as three:
            await asyncio.sleep(1)
            assert not await count(beside, "three")
            one.kill()
            await until(lambda: count(beside, "three/a"), 60)
            assert not await count(beside, "three/b")
            two.kill()
            await until(lambda: count(beside, "three/b"), 60)
            three.kill()
            await three.wait()
    for channel in ("a", "b"):
        writers = [
            each.partition("/")[0]
            for each in await subjects(beside)
            if each.split("/")[1] == channel
        ]
        first = "one" if channel == "a" else "two"
        # One worked, then the other: nothing of the first one's came after the takeover.
        assert writers == sorted(writers, key=[first, "three"].index)


async def count(engine: Engine, beginning: str) -> int:
    return sum(each.startswith(beginning) for each in await subjects(engine))
