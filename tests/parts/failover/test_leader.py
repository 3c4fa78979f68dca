"""Finding who leads among several hosts: silent ones, two at once, one of the past, a new one."""

from __future__ import annotations

import asyncio
import socket as sockets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from chassis.postgres import leader as leader_module
from chassis.postgres.address import Address
from chassis.postgres.connection import Link, Reads, open_pool
from chassis.postgres.leader import Leader
from chassis.store_errors import StoreUnavailable
from tests.doubles.postgres_cutter import cutter
from tests.parts.servers.postgres import PostgresServer, postgres_server

WHO = "SELECT current_setting('cardvault.name')"


@pytest.fixture(scope="module")
def older() -> Iterator[PostgresServer]:
    """Run a server that says it leads on timeline 1."""
    with postgres_server("cardvault.timeline=1", "cardvault.name=older") as server:
        yield server


@pytest.fixture(scope="module")
def newer() -> Iterator[PostgresServer]:
    """Run another one, on timeline 2."""
    with postgres_server("cardvault.timeline=2", "cardvault.name=newer") as server:
        yield server


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers say their timelines: a real one needs a standby and a promotion each."""
    monkeypatch.setattr(
        leader_module, "_TIMELINE", "SELECT current_setting('cardvault.timeline')::bigint"
    )


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """Listen and never say a word, as a host that a cut has made silent."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def at(*ports: int, connect_s: float = 5.0) -> Address:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return Address(f"postgresql://postgres@{hosts}/postgres?sslmode=disable", connect_s=connect_s)


async def test_a_silent_host_does_not_hold_up_the_leader(newer: PostgresServer) -> None:
    async with silent() as port:
        began = time.monotonic()
        db = await Leader(at(port, newer.port)).connect()
        assert time.monotonic() - began < 4
        assert await db.fetchval(WHO) == "newer"
        await db.close()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("first", [True, False])
async def test_of_two_that_lead_the_newer_timeline_is_right(
    older: PostgresServer, newer: PostgresServer, first: bool
) -> None:
    ports = (older.port, newer.port) if first else (newer.port, older.port)
    db = await Leader(at(*ports)).connect()
    assert await db.fetchval(WHO) == "newer"
    await db.close()


@pytest.mark.usefixtures("told")
async def test_a_leader_of_the_past_is_refused(
    older: PostgresServer, newer: PostgresServer
) -> None:
    async with cutter(newer.port) as proxy:
        link = Link(at(older.port, proxy.port))
        assert [tuple(row) for row in await link.read(WHO, ())] == [("newer",)]
        await link.close()
        proxy.refuse()
        with pytest.raises(StoreUnavailable):
            await link.read(WHO, ())
        await link.close()


@pytest.mark.usefixtures("told")
async def test_connections_to_the_old_leader_end_once_a_new_one_is_found(
    older: PostgresServer, newer: PostgresServer
) -> None:
    async with cutter(newer.port) as proxy:
        proxy.refuse()
        address = at(older.port, proxy.port)
        leader = Leader(address)
        pool = await open_pool(address, leader)
        reads, link = Reads(pool, address), Link(address, leader)
        assert [tuple(row) for row in await reads.rows(WHO, ())] == [("older",)]
        proxy.accept()
        assert [tuple(row) for row in await reads.rows(WHO, ())] == [("older",)]  # nothing asked
        assert [tuple(row) for row in await link.read(WHO, ())] == [("newer",)]
        assert [tuple(row) for row in await reads.rows(WHO, ())] == [("newer",)]
        await link.close()
        await pool.close()


async def test_a_host_that_takes_over_is_found_while_another_one_says_nothing(
    newer: PostgresServer,
) -> None:
    """It refused at first, as a standby does; asking again must not wait for the silent one."""
    async with silent() as port, cutter(newer.port) as proxy:
        proxy.refuse()
        connecting = asyncio.ensure_future(Leader(at(port, proxy.port, connect_s=20)).connect())
        await asyncio.sleep(0.6)
        assert not connecting.done()
        proxy.accept()
        async with asyncio.timeout(8):
            db = await connecting
        assert await db.fetchval(WHO) == "newer"
        await db.close()


async def test_no_leader_is_told_as_soon_as_all_hosts_have_refused(
    newer: PostgresServer,
) -> None:
    async with cutter(newer.port) as one, cutter(newer.port) as two:
        one.refuse()
        two.refuse()
        began = time.monotonic()
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await Leader(at(one.port, two.port, connect_s=20)).connect()
        assert time.monotonic() - began < 10


async def test_a_connection_whose_other_end_is_gone_is_missed_within_seconds(
    newer: PostgresServer,
) -> None:
    """What the kernel is asked for; the failover tests show that it does it."""
    db = await Leader(at(newer.port)).connect()
    link = db._transport.get_extra_info("socket")
    assert link.getsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE) == 1
    idle = link.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE)
    every = link.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPINTVL)
    probes = link.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPCNT)
    assert idle + every * probes <= 5
    await db.close()
