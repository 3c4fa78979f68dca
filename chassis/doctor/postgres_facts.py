"""What a PostgreSQL server tells the role that asks, in one short read-only session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg

SETTINGS: Final = (
    *("server_version_num", "fsync", "full_page_writes", "synchronous_commit"),
    *("synchronous_standby_names", "data_sync_retry", "data_checksums", "wal_level"),
    *("max_connections", "superuser_reserved_connections", "reserved_connections"),
    *("transaction_isolation", "default_transaction_isolation", "default_transaction_read_only"),
    *("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"),
    *("idle_session_timeout", "lock_timeout", "autovacuum", "plan_cache_mode", "track_counts"),
)
_ASK_SETTINGS: Final = "SELECT name, setting, source FROM pg_settings WHERE name = ANY($1::text[])"
_ASK_ROLE: Final = """
SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolconnlimit,
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database())
FROM pg_roles WHERE rolname = current_user
"""
_ASK_OVERRIDES: Final = """
SELECT coalesce(r.rolname, '(all roles)'), coalesce(d.datname, '(all databases)'), c.setting
FROM pg_db_role_setting AS s
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
CROSS JOIN unnest(s.setconfig) AS c (setting)
WHERE s.setdatabase = 0 OR d.datname = current_database()
"""
_ASK_STANDBYS: Final = "SELECT state, sync_state FROM pg_stat_replication"
_ASK_TLS: Final = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
_ASK_PLATFORM: Final = """
SELECT to_regproc('aurora_version') IS NOT NULL,
    EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser')
"""
_ASK_TIME: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_PINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Role:
    """The role that asked, and what it may do to the whole server."""

    name: str
    superuser: bool = False
    bypasses_rls: bool = False
    creates_roles: bool = False
    creates_databases: bool = False
    replicates: bool = False
    connection_limit: int = -1
    database_limit: int = -1


@dataclass(frozen=True, slots=True)
class Standbys:
    """Connected standbys. `sync` is None where this role may not see their states."""

    connected: int
    sync: int | None


@dataclass(frozen=True, slots=True)
class Pooler:
    """What stands between: None as far as one can see, or a pooler, and whether it is sharing."""

    there: bool
    shares: bool | None = None


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What was read. What could not be is in `unread`, by its name, with the reason."""

    settings: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)
    role: Role | None = None
    overrides: Sequence[tuple[str, str, str]] = ()  # role, database, "name=value"
    standbys: Standbys | None = None
    tls: bool | None = None
    aurora: bool = False
    rds: bool = False
    skew_s: float | None = None  # the server's clock ahead of ours
    skew_known_to_s: float = 0.0
    pooler: Pooler = Pooler(there=False)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """A session that remembers what it could not read."""

    db: asyncpg.Connection
    unread: dict[str, str] = field(default_factory=dict)

    async def rows(self, what: str, sql: str, *values: object) -> list[Sequence[Any]] | None:
        """Return a statement's rows, or None where the server refuses it."""
        try:
            rows: list[Sequence[Any]] = await self.db.fetch(sql, *values)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.unread[what] = type(error).__name__
            return None
        return rows


async def connect(dsn: str, settings: Mapping[str, str], timeout_s: float) -> asyncpg.Connection:
    """Connect as the service does, with its session settings. Raises what asyncpg raises.

    Time-outs are harmless here: this session never writes.
    """
    return await asyncpg.connect(
        dsn,
        timeout=timeout_s,
        command_timeout=timeout_s,
        statement_cache_size=0,  # a pooler in transaction mode may stand between
        server_settings=dict(settings),
        target_session_attrs="primary",  # a default of read-only is a finding, not a failure
    )


async def server_facts(
    reading: Reading,
    dsn: str,
    settings: Mapping[str, str],
    *,
    timeout_s: float = 5.0,
    now: Callable[[], float] = time.time,
) -> PostgresFacts:
    """Ask about the server, the session and the role."""
    facts = replace(await cheap_facts(reading), standbys=await _standbys(reading))
    if tls := await reading.rows("TLS", _ASK_TLS):
        facts = replace(facts, tls=tls[0][0])
    skew, within = await _skew(reading, now)
    pooler = await _pooler(reading, lambda: connect(dsn, settings, timeout_s))
    return replace(facts, skew_s=skew, skew_known_to_s=within, pooler=pooler, unread=reading.unread)


async def cheap_facts(reading: Reading) -> PostgresFacts:
    """Ask for settings, overrides, the role and the platform only: what a start looks at."""
    shown = await reading.rows("settings", _ASK_SETTINGS, list(SETTINGS)) or []
    overrides = await reading.rows("role and database settings", _ASK_OVERRIDES) or []
    platform = await reading.rows("platform", _ASK_PLATFORM)
    return PostgresFacts(
        settings={name: value for name, value, _source in shown},
        sources={name: source for name, _value, source in shown},
        overrides=[(role, base, setting) for role, base, setting in overrides],
        role=await _role(reading),
        aurora=bool(platform and platform[0][0]),
        rds=bool(platform and platform[0][1]),
        unread=reading.unread,
    )


async def _role(reading: Reading) -> Role | None:
    rows = await reading.rows("role", _ASK_ROLE)
    return Role(*rows[0]) if rows else None


async def _standbys(reading: Reading) -> Standbys | None:
    rows = await reading.rows("standbys", _ASK_STANDBYS)
    if rows is None:
        return None
    if any(state is None for state, _sync in rows):
        return Standbys(len(rows), None)
    counted = [s for state, s in rows if state == "streaming" and s in {"sync", "quorum"}]
    return Standbys(len(rows), len(counted))


async def _skew(reading: Reading, now: Callable[[], float]) -> tuple[float | None, float]:
    """Compare the clocks by the quickest of a few round trips; return skew and uncertainty."""
    best: tuple[float, float] | None = None
    for _ping in range(_PINGS):
        before, begun = now(), time.monotonic()
        rows = await reading.rows("clock", _ASK_TIME)
        if not rows:
            return None, 0.0
        trip = time.monotonic() - begun
        if best is None or trip < best[1]:
            best = (rows[0][0] / 1e6 - (before + trip / 2), trip)
    assert best is not None  # noqa: S101 - five round trips were made
    return best[0], best[1] / 2


async def _pooler(reading: Reading, another: Callable[[], Any]) -> Pooler:
    """Tell a pooler by its made-up process id, and transaction mode by a shared backend."""
    said = reading.db.get_server_pid()
    rows = await reading.rows("pooler", "SELECT pg_backend_pid()")
    if not rows or rows[0][0] == said:
        return Pooler(there=False)
    try:
        other = await another()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return Pooler(there=True)
    try:
        async with other.transaction(readonly=True):
            held = await other.fetchval("SELECT pg_backend_pid()")
            # Both of us are connected: whoever meets the same backend shares it.
            return Pooler(there=True, shares=held == rows[0][0])
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return Pooler(there=True)
    finally:
        other.terminate()


def why_not(error: Exception) -> str:
    """Say why there is no connection: types and SQL states, never an address or password."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate})"
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return type(error).__name__
