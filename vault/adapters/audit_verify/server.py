"""A PostgreSQL database's audit in one snapshot, through the driver's cursors.

Needs SELECT on `audit`, `chains` and `checkpoints`, whole: a role in `cardvault_auditing`. Where
row-level security would hide a row from the role, the server refuses the statement instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import asyncpg

from vault.adapters.audit_verify.rows import Statements, TrailOfRows
from vault.adapters.audit_verify.trail import NotReadable, StoredRecord

T = TypeVar("T")
PAGE: Final = 1_000
CONNECT_S: Final = 10.0
PAGE_S: Final = 120.0  # a thousand rows of a table that nobody has read for a year
_REFUSED: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError)
# Within the transaction: so a pooler in between passes them on. Sorting a chain of millions would
# spill to the server's disk, where its index has the order.
_SESSION: Final = """
SET LOCAL row_security = off;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL lock_timeout = '10s';
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
SET LOCAL jit = off;
"""
_STATEMENTS: Final = Statements(
    chains='SELECT chain, sequence, hash, ended FROM chains ORDER BY chain COLLATE "C"',
    name="SELECT min(chain) FROM audit WHERE chain > $1",  # one index step a chain and day
    records=(
        "SELECT sequence, time, record, hash FROM audit WHERE chain = $1 ORDER BY sequence, time"
    ),
    record=(
        "SELECT sequence, time, record, hash FROM audit"
        " WHERE chain = $1 AND sequence = $2 ORDER BY time LIMIT 1"
    ),
)
_MOST: Final = 1 << 62


class ServerTrail(TrailOfRows):
    """`Trail` over PostgreSQL; used from one thread."""

    shared: Final = True
    statements = _STATEMENTS

    def __init__(self, runner: asyncio.Runner, db: asyncpg.Connection) -> None:
        self._runner: Final = runner
        self._db: Final = db

    def record(self, chain: str, sequence: int) -> StoredRecord | None:
        """Return one record."""
        return super().record(chain, sequence) if -_MOST < sequence < _MOST else None

    def _rows(self, sql: str, *values: str | int) -> Iterator[Sequence[Any]]:
        cursor = self._run(_opened(self._db, sql, values))
        while page := self._run(_page(cursor)):
            yield from page

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(work)
        except asyncpg.InsufficientPrivilegeError:
            raise NotReadable(
                "this role may not read the whole audit: it takes one in cardvault_auditing"
            ) from None
        except asyncpg.UndefinedTableError:
            raise NotReadable("this is no vault's database") from None
        except _REFUSED as error:
            raise NotReadable(f"the server did not answer: {type(error).__name__}") from None


@contextmanager
def open_server(dsn: str) -> Iterator[ServerTrail]:
    """Open one REPEATABLE READ, read-only snapshot. Raises NotReadable.

    Called from a thread without a running event loop. While it is open, the server keeps dead rows
    back: read from a standby, or from a dump, where the audit is large.
    """
    with asyncio.Runner() as runner:
        try:
            db = runner.run(_connected(dsn))
        except _REFUSED as error:
            raise NotReadable(f"no connection to the server: {type(error).__name__}") from None
        try:
            yield ServerTrail(runner, db)
        finally:
            db.terminate()  # nothing was written, and no cursor is worth a round trip
            runner.run(asyncio.sleep(0))


async def _connected(dsn: str) -> asyncpg.Connection:
    db = await asyncpg.connect(
        dsn,
        timeout=CONNECT_S,
        command_timeout=PAGE_S,
        server_settings={"application_name": "cardvault-audit"},
    )
    try:
        await db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await db.execute(_SESSION)
    except BaseException:
        db.terminate()
        raise
    return db


async def _opened(db: asyncpg.Connection, sql: str, values: Sequence[object]) -> Any:
    return await db.cursor(sql, *values)


async def _page(cursor: Any) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = await cursor.fetch(PAGE, timeout=PAGE_S)
    return rows
