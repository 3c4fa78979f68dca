"""The stores that are measured: where the vault finds one, and what it says about its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import apsw
import asyncpg

from tests.bench.proc import tree_cpu_seconds
from tests.parts.servers.postgres import PostgresServer, as_superuser, postgres_server


class BenchStore(Protocol):
    """One store of one run. Rows and sizes are asked for between phases, by the runner."""

    name: str
    url: str
    version: str
    shared: bool
    """Whether several vault processes may use it at once."""
    transport: str
    """What carries the calls of the vault that is measured on it."""

    def cpu_seconds(self) -> float:
        """Return the CPU time that processes of the store itself have used so far."""
        ...

    def rows(self) -> dict[str, int]:
        """Count the rows of every table."""
        ...

    def bytes_by_table(self) -> dict[str, int]:
        """Return the bytes of each table with its indexes; empty where the store can't tell."""
        ...

    def total_bytes(self) -> int:
        """Return what all tables take; of SQLite when its server has stopped."""
        ...

    def sync_directory(self) -> Path:
        """Return where a bare sync is measured: beside the store's own files."""
        ...


_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


class SqliteFile:
    """The embedded default: its work is in the server's own CPU time."""

    def __init__(self, directory: Path) -> None:
        self._dir = directory
        self._path = directory / "vault.db"
        self.name = "SQLite"
        self.shared = False
        self.transport = "grpcio"
        self.url = f"sqlite:///{self._path}"
        self.version = f"SQLite {apsw.sqlite_lib_version()}, apsw {apsw.apsw_version()}"

    def cpu_seconds(self) -> float:
        """Return 0: there is no other process."""
        return 0.0

    def rows(self) -> dict[str, int]:
        """Count the rows of every table, in one snapshot."""
        db = self._opened()
        try:
            with db:
                names = [str(name) for (name,) in db.execute(_TABLES)]
                found = {
                    name: int(db.execute(f'SELECT count(*) FROM "{name}"').get)  # noqa: S608
                    for name in names
                }
        finally:
            db.close()
        return found

    def bytes_by_table(self) -> dict[str, int]:
        """Return the pages of each table with its indexes; empty without dbstat."""
        db = self._opened()
        try:
            rows = db.execute(
                "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d"
                " JOIN sqlite_schema AS s ON s.name = d.name GROUP BY 1 ORDER BY 2 DESC"
            ).fetchall()
        except apsw.SQLError:
            return {}
        finally:
            db.close()
        return {str(name): int(str(size)) for name, size in rows}

    def total_bytes(self) -> int:
        """Return the size of database and log; of a stopped server's, whose log is emptied."""
        paths = (self._path, self._dir / "vault.db-wal")
        return sum(path.stat().st_size for path in paths if path.exists())

    def sync_directory(self) -> Path:
        """Return the database's directory."""
        return self._dir

    def _opened(self) -> apsw.Connection:
        return apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)


# A partitioned table is one table: its days are added up under its own name.
_SIZES: Final = """
SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
LEFT JOIN pg_class AS p ON p.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 2 DESC
"""
_NAMES: Final = """
SELECT c.relname FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
AND c.relnamespace = 'public'::regnamespace
"""


@dataclass(slots=True)
class PostgresDatabase:
    """A database of a server of its own, `fsync` and `synchronous_commit` on."""

    server: PostgresServer
    url: str
    version: str
    name: str = "PostgreSQL"
    shared: bool = True
    transport: str = "grpcio"

    def cpu_seconds(self) -> float:
        """Return the CPU time of the server and all its backends, ended ones included."""
        return tree_cpu_seconds(self.server.pid)

    def rows(self) -> dict[str, int]:
        """Count the rows of every table."""
        return asyncio.run(self._rows())

    async def _rows(self) -> dict[str, int]:
        names = [str(row[0]) for row in await self._asked(_NAMES)]
        counts = ", ".join(f'(SELECT count(*) FROM "{name}")' for name in names)  # noqa: S608
        (found,) = await self._asked(f"SELECT {counts}")
        return dict(zip(names, found, strict=True))

    def bytes_by_table(self) -> dict[str, int]:
        """Return the bytes of each table with its indexes."""
        return {str(row[0]): int(row[1]) for row in asyncio.run(self._asked(_SIZES))}

    def total_bytes(self) -> int:
        """Return what all tables take with their indexes, without the write-ahead log."""
        return sum(self.bytes_by_table().values())

    def sync_directory(self) -> Path:
        """Return the server's directory."""
        return self.server.data.parent

    async def _asked(self, statement: str) -> list[Any]:
        db = await asyncpg.connect(as_superuser(self.url))
        try:
            return list(await db.fetch(statement))
        finally:
            await db.close()


@contextmanager
def _sqlite(directory: Path) -> Iterator[BenchStore]:
    yield SqliteFile(directory)


@contextmanager
def _postgres(_directory: Path) -> Iterator[BenchStore]:
    with postgres_server("fsync=on", "synchronous_commit=on") as server:
        yield asyncio.run(_database(server))


@contextmanager
def _envoy(directory: Path) -> Iterator[BenchStore]:
    with _postgres(directory) as store:
        store.name, store.transport = "PostgreSQL, Envoy", "envoy"
        yield store


async def _database(server: PostgresServer) -> PostgresDatabase:
    url = await server.database()
    db = await asyncpg.connect(url)
    try:
        version = await db.fetchval("SHOW server_version")
    finally:
        await db.close()
    return PostgresDatabase(server, url, f"PostgreSQL {version}, asyncpg {asyncpg.__version__}")


STORES: Final[dict[str, Callable[[Path], AbstractContextManager[BenchStore]]]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "envoy": _envoy,
}
"""Each opens a fresh, empty store for a run in a directory. The last is PostgreSQL again, with the
other transport before it."""
