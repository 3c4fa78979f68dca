"""A real PostgreSQL server in a temporary directory, stopped by its process id."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from tests.parts.servers.network import as_postgres
from tools.running.guardian import mind
from tools.running.ports import free_ports
from vault.adapters.postgres.migrating import migrate

BINARIES = Path("/usr/lib/postgresql/15/bin")
_START_S = 60.0
_numbers = count(1)


class PostgresServer:
    """One running server; every test makes itself a database."""

    def __init__(self, port: int, data: Path, pid: int) -> None:
        self.port = port
        self.data = data
        self.pid = pid
        self._template = False

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return where a database is."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    async def admin(self, statement: str) -> None:
        """Run one statement outside any transaction, as the superuser."""
        db = await asyncpg.connect(self.dsn())
        try:
            await db.execute(statement)
        finally:
            await db.close()

    async def empty_database(self) -> str:
        """Make an empty database owned by a role that is no superuser; return the owner's DSN."""
        name = f"empty_{next(_numbers)}"
        await self._owner()
        await self.admin(f"CREATE DATABASE {name} OWNER vault_owner")
        await self._public(name)
        return self.dsn(name, "vault_owner")

    async def database(self) -> str:
        """Make a migrated database; return the serving role's DSN."""
        if not self._template:
            self._template = True
            await self._owner()
            await self.admin("CREATE DATABASE vault_template OWNER vault_owner")
            await self._public("vault_template")
            await migrate(self.dsn("vault_template", "vault_owner"))
            await self.admin("CREATE ROLE vault_app LOGIN IN ROLE cardvault_serving")
        name = f"vault_{next(_numbers)}"
        await self.admin(f"CREATE DATABASE {name} TEMPLATE vault_template OWNER vault_owner")
        return self.dsn(name, "vault_app")

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[str]:
        """Make a migrated database, and drop it when the block is left; yield as `database`."""
        dsn = await self.database()
        yield dsn
        await self.drop(dsn)

    async def drop(self, dsn: str) -> None:
        """Drop a database: a thousand of them take 14 GB."""
        await self.admin(f"DROP DATABASE {dsn.rpartition('/')[2]} WITH (FORCE)")

    async def _owner(self) -> None:
        try:
            await self.admin("CREATE ROLE vault_owner LOGIN CREATEROLE")
        except asyncpg.DuplicateObjectError:
            return

    async def _public(self, name: str) -> None:
        db = await asyncpg.connect(self.dsn(name))
        await db.execute("ALTER SCHEMA public OWNER TO vault_owner")
        await db.close()


def as_owner(dsn: str) -> str:
    """Return the owner's way into a database."""
    return dsn.replace("vault_app@", "vault_owner@")


def as_superuser(dsn: str) -> str:
    """Return the superuser's way into a database."""
    return dsn.replace("vault_app@", "postgres@").replace("vault_owner@", "postgres@")


@contextmanager
def postgres_server(*options: str, place: Path | None = None) -> Iterator[PostgresServer]:
    """Run a server on a free loopback port; `options` are settings of its own.

    `fsync` is off unless they say otherwise. `place` is where its directory is made.
    """
    with directory("cardvault-pg-", place) as root:
        data = root / "data"
        initialize(data)
        # No power is lost here.
        with serving(data, free_ports(1)[0], "fsync=off", "max_connections=200", *options) as made:
            yield made


@contextmanager
def directory(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Make a directory that is the user postgres's own, until the block is left."""
    root = Path(mkdtemp(prefix=prefix, dir=place))
    shutil.chown(root, "postgres", "postgres")
    try:
        yield root
    finally:
        shutil.rmtree(root)


def initialize(data: Path, *options: str) -> None:
    """Make an empty cluster that lets everybody in; `options` are initdb's."""
    run_as_postgres(
        BINARIES / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", *options
    )


def run_as_postgres(*command: object) -> None:
    """Run a command to its end; raise CalledProcessError if it fails."""
    subprocess.run(as_postgres([*map(str, command)]), check=True, capture_output=True, cwd="/")


@contextmanager
def serving(
    data: Path, port: int, *options: str, ending: signal.Signals = signal.SIGINT
) -> Iterator[PostgresServer]:
    """Run a server on a cluster until the block is left, its socket and its log beside that.

    `ending` is how it is shut down: SIGINT is a fast shutdown, SIGQUIT an immediate one.
    """
    log = data.with_suffix(".log")
    settings = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={data.parent}",
        *options,
    ]
    flags = [text for setting in settings for text in ("-c", setting)]
    command = as_postgres([str(BINARIES / "postgres"), "-D", str(data), *flags])
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, cwd=data.parent)
    mind(server.pid)
    try:
        _wait_ready(port, log)
        yield PostgresServer(port, data, server.pid)
    finally:
        server.send_signal(ending)
        server.wait(30)


def _wait_ready(port: int, log: Path) -> None:
    """Ask as PostgreSQL's own tool does: asyncpg leaves a socket open where TLS meets a start."""
    asking = [str(BINARIES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "5"]
    end = time.monotonic() + _START_S
    while subprocess.run(asking, check=False).returncode:
        if time.monotonic() > end:
            raise RuntimeError(log.read_text("utf-8"))
        time.sleep(0.1)
