"""PostgreSQL as it must be, with a real synchronous standby, and as it must not be."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg

from chassis.pki import Leaf, ensure_pki
from tests.parts.servers.pgbouncer import PROGRAMS, pooling
from tests.parts.servers.postgres import (
    BINARIES,
    PostgresServer,
    directory,
    initialize,
    run_as_postgres,
    serving,
)
from tools.running.ports import free_ports
from vault.adapters.postgres.address import Address

PREFIX = "cardvault-doctor-"
GOOD = ("fsync=on", "synchronous_commit=on", "max_connections=100")
BAD = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "synchronous_standby_names=",
    "data_sync_retry=on",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=8",
    "autovacuum=off",
    "statement_timeout=30s",
    "idle_in_transaction_session_timeout=1s",
    "idle_session_timeout=60s",
)
# Nothing in them is wanted afterwards, and a bad one may not end in peace.
_serving = partial(serving, ending=signal.SIGQUIT)


@dataclass(frozen=True)
class Primary:
    """A server, and who vouches for its certificate."""

    server: PostgresServer
    ca: Path


@contextmanager
def pooled(server: PostgresServer, *, mode: str) -> Iterator[str]:
    """Run a PgBouncer that drops what sessions ask for; yield the address, without a database."""
    dropped = sorted([*Address("").settings(), "extra_float_digits"])
    ignored = f"ignore_startup_parameters = {','.join(dropped)}"
    with pooling(PROGRAMS["pgbouncer"], server.port, f"pool_mode = {mode}", ignored) as port:
        yield f"postgresql://vault_app@127.0.0.1:{port}"


@contextmanager
def cluster() -> Iterator[Primary]:
    """Run a primary with checksums, TLS, and a standby that every commit waits for."""
    primary, standby = free_ports(2)
    with directory(PREFIX) as root:
        data = root / "primary"
        initialize(data, "-k")
        tls = _tls(root)
        with _serving(data, primary, *GOOD, *tls) as server:
            copy = root / "standby"
            source = f"host=127.0.0.1 port={primary} user=postgres application_name=second"
            copying = ("-D", copy, "-R", "-N", "-c", "fast", "-d", source)
            run_as_postgres(BINARIES / "pg_basebackup", *copying)
            with _serving(copy, standby, *GOOD):
                asyncio.run(synchronous(server))
                yield Primary(server, root / "pki" / "ca.pem")
                asyncio.run(server.admin("ALTER SYSTEM RESET synchronous_standby_names"))
                asyncio.run(server.admin("SELECT pg_reload_conf()"))


@contextmanager
def misconfigured() -> Iterator[PostgresServer]:
    """Run a server with everything wrong that a server can have wrong."""
    with directory(PREFIX) as root:
        data = root / "data"
        initialize(data)
        with _serving(data, free_ports(1)[0], *BAD) as server:
            yield server


def _tls(root: Path) -> tuple[str, ...]:
    pki = root / "pki"
    pki.mkdir()
    ensure_pki(pki, (Leaf("server", server=True),), trust_domain="test", now=datetime.now(UTC))
    pki.chmod(0o755)
    for each in pki.iterdir():
        shutil.chown(each, "postgres", "postgres")
    files = (f"ssl_cert_file={pki}/server.pem", f"ssl_key_file={pki}/server.key")
    return ("ssl=on", *files)


async def synchronous(server: PostgresServer) -> None:
    await server.admin("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (second)'")
    await server.admin("SELECT pg_reload_conf()")
    db = await asyncpg.connect(server.dsn())
    asked = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    async with asyncio.timeout(60):
        while not await db.fetchval(asked):  # noqa: ASYNC110 - on the server
            await asyncio.sleep(0.1)
    await db.close()
