"""Connecting to whichever host leads, through failovers, cuts and poolers.

A database on several hosts is asked at all of them at once: one that a network cut made silent
must not hold up the one that took over. Where two say that they lead, as after a failover that
could not stop the old one, the newer timeline is right; an older one than was seen is refused.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from chassis.postgres.address import Address, hosts_of
from chassis.postgres.faults import DRIVER
from chassis.store_errors import UnsuitableDatabase

# A plan that was made while a table was empty, right after an ANALYZE, walks all of it. The server
# makes it again when it has analysed the grown table; this is sooner, at two round trips a time.
PREPARED_S: Final = 10.0
STATEMENTS: Final = 512  # kept prepared, per connection: a flush's text names only what it has
GRACE_S: Final = 0.25  # for the other hosts, once one has said that it leads, or that it does not
# A connection whose packets all get lost is given up after five seconds; Linux waits for hours.
_KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5_000),
)
_TIMELINE: Final = (
    "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint"
)
_ASKED: Final = "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])"


class Lively(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose other end is missed within seconds when it is gone."""

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        link = transport.get_extra_info("socket")
        if link is not None and link.family in (socket.AF_INET, socket.AF_INET6):
            for option in _KEEP_ALIVE:
                link.setsockopt(*option)


class _Found(NamedTuple):
    timeline: int
    db: asyncpg.Connection


class _Asked:
    """The hosts that have answered, none of them as the leader."""

    def __init__(self, hosts: int) -> None:
        self._hosts = hosts
        self._refused: set[str] = set()
        self._enough = asyncio.Event()

    def enough(self) -> None:
        """Ask nobody again: one leads, or none of all does."""
        self._enough.set()

    async def in_vain(self, host: str) -> bool:
        """Note a host's refusal; tell soon whether to ask it no more."""
        self._refused.add(host)
        if len(self._refused) == self._hosts:
            self.enough()
        try:
            async with asyncio.timeout(GRACE_S):
                await self._enough.wait()
        except TimeoutError:
            return False
        return True


class Leader:
    """Where the database is led from, as far as this store has seen."""

    def __init__(self, address: Address) -> None:
        self._address: Final = address
        self._hosts: Final = hosts_of(address.dsn)
        self._timeline: int = 0
        self._moved: Final[list[Callable[[], Awaitable[None]]]] = []

    def on_moved(self, tell: Callable[[], Awaitable[None]]) -> None:
        """Await `tell` whenever another host turns out to lead: older connections are stale."""
        self._moved.append(tell)

    async def connect(
        self, kind: type[Lively] = Lively, *, listing: bool = False
    ) -> asyncpg.Connection:
        """Connect. Raises what the driver raises; UnsuitableDatabase behind a pooler."""
        if len(self._hosts) == 1:
            return await self._connect(self._hosts[0], kind, listing=listing)
        asked = _Asked(len(self._hosts))
        tasks = [
            asyncio.ensure_future(self._insist(host, kind, asked, listing=listing))
            for host in self._hosts
        ]
        chosen: _Found | None = None
        try:
            chosen = await self._newest(tasks, asked)
        finally:
            await _let_go(tasks, chosen)
        return chosen.db

    async def _newest(self, tasks: Sequence[asyncio.Task[_Found]], asked: _Asked) -> _Found:
        """Return the leader on the newest timeline, of those who answer in time."""
        waiting, found = set(tasks), list[_Found]()
        while waiting:
            done, waiting = await asyncio.wait(
                waiting,
                timeout=GRACE_S if found else None,  # without one, `connect_s` bounds them all
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                break
            found += [task.result() for task in done if task.exception() is None]
            if found:
                asked.enough()
        if not found:
            raise _telling([error for task in tasks if (error := task.exception())])
        best = max(found, key=lambda each: each.timeline)
        if best.timeline < self._timeline:
            raise asyncpg.TargetServerAttributeNotMatched("a leader of the past")
        if best.timeline > self._timeline > 0:
            for tell in self._moved:
                await tell()
        self._timeline = best.timeline
        return best

    async def _insist(
        self, dsn: str, kind: type[Lively], asked: _Asked, *, listing: bool
    ) -> _Found:
        """Ask a host again while another one says nothing: it may be taking over from that one."""
        while True:
            try:
                return await self._candidate(dsn, kind, listing=listing)
            except (*DRIVER, UnsuitableDatabase) as error:
                if await asked.in_vain(dsn):
                    raise error from None

    async def _candidate(self, dsn: str, kind: type[Lively], *, listing: bool) -> _Found:
        db = await self._connect(dsn, kind, listing=listing)
        try:
            return _Found(await db.fetchval(_TIMELINE, timeout=self._address.connect_s), db)
        except BaseException:
            db.terminate()
            raise

    async def _connect(self, dsn: str, kind: type[Lively], *, listing: bool) -> asyncpg.Connection:
        address = self._address
        db = await asyncpg.connect(
            dsn,
            timeout=address.connect_s,
            connection_class=kind,
            statement_cache_size=STATEMENTS if address.prepares else 0,
            max_cached_statement_lifetime=PREPARED_S,
            server_settings=address.at_start(listing=listing),
            target_session_attrs="read-write",
        )
        if address.pooled:
            try:
                await check_session(db, address)
            except BaseException:
                db.terminate()
                raise
        return db


async def check_session(db: asyncpg.Connection, address: Address) -> None:
    """Compare a session with what is asked of it. Raises UnsuitableDatabase with the statement.

    A pooler's sessions come with the role's settings, and with nothing of ours.
    """
    asked = address.settings()
    rows = await db.fetch(_ASKED, list(asked), timeout=address.connect_s)
    there = {row[0]: row[1] for row in rows}
    for name, wanted in asked.items():
        held = there.get(name, "")
        # Shorter than ours is as good; 0 would mean to wait for ever.
        fits = 0 < int(held) <= int(wanted) if name == "lock_timeout" else held == wanted
        if not fits and name != "application_name":
            raise UnsuitableDatabase(
                f"behind the pooler, {name} is not {wanted}: run `migrate` directly, or"
                f" ALTER ROLE ... SET {name} = '{wanted}', and RECONNECT the pooler"
            )


def _telling(errors: Sequence[BaseException]) -> BaseException:
    """Return the error that says most: that a standby is a standby says least."""
    return next(
        (
            error
            for error in errors
            if isinstance(error, (*DRIVER, UnsuitableDatabase))
            and not isinstance(error, asyncpg.TargetServerAttributeNotMatched)
        ),
        errors[0],
    )


async def _let_go(tasks: Sequence[asyncio.Task[_Found]], chosen: _Found | None) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and task.exception() is None and task.result() is not chosen:
            task.result().db.terminate()
