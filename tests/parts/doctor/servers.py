"""PostgreSQL as it must be, with a real synchronous standby, and as it must not be."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from chassis.pki import Leaf, ensure_pki
from tests.parts.servers.postgres import BINARIES, PostgresServer
from tests.parts.servers.redis import wait_until
from tools.running.guardian import mind
from tools.running.ports import free_ports
from vault.adapters.postgres.address import Address

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


@dataclass(frozen=True)
class Primary:
    """A server, and who vouches for its certificate."""

    server: PostgresServer
    ca: Path


@contextmanager
def pooled(server: PostgresServer, *, mode: str) -> Iterator[str]:
    """Run a PgBouncer that drops what sessions ask for; yield the address, without a database."""
    root = Path(mkdtemp(prefix="cardvault-doctor-"))
    shutil.chown(root, "postgres", "postgres")
    port = free_ports(1)[0]
    (root / "users").write_text('"vault_app" ""\n')
    dropped = sorted([*Address("").settings(), "extra_float_digits"])
    (root / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\n"
        f"auth_file = {root}/users\npool_mode = {mode}\nunix_socket_dir =\n"
        f"ignore_startup_parameters = {','.join(dropped)}\n"
    )
    with (root / "log").open("wb") as log:
        command = ["runuser", "-u", "postgres", "--", "/usr/sbin/pgbouncer", str(root / "ini")]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=root)
    mind(process.pid)
    try:
        wait_until(lambda: not _free(port), root / "log")
        yield f"postgresql://vault_app@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(root)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def cluster() -> Iterator[Primary]:
    """Run a primary with checksums, TLS, and a standby that every commit waits for."""
    root = Path(mkdtemp(prefix="cardvault-doctor-"))
    shutil.chown(root, "postgres", "postgres")
    primary, standby = free_ports(2)
    try:
        data = root / "primary"
        _as_postgres(BINARIES / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-k")
        tls = _tls(root)
        with _running(root, data, primary, *GOOD, *tls) as server:
            copy = root / "standby"
            source = f"host=127.0.0.1 port={primary} user=postgres application_name=second"
            _as_postgres(
                BINARIES / "pg_basebackup", "-D", copy, "-R", "-N", "-c", "fast", "-d", source
            )
            with _running(root, copy, standby, *GOOD):
                asyncio.run(synchronous(server))
                yield Primary(server, root / "pki" / "ca.pem")
                asyncio.run(server.admin("ALTER SYSTEM RESET synchronous_standby_names"))
                asyncio.run(server.admin("SELECT pg_reload_conf()"))
    finally:
        shutil.rmtree(root)


@contextmanager
def misconfigured() -> Iterator[PostgresServer]:
    """Run a server with everything wrong that a server can have wrong."""
    root = Path(mkdtemp(prefix="cardvault-doctor-"))
    shutil.chown(root, "postgres", "postgres")
    try:
        data = root / "data"
        _as_postgres(BINARIES / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N")
        with _running(root, data, free_ports(1)[0], *BAD) as server:
            yield server
    finally:
        shutil.rmtree(root)


@contextmanager
def _running(root: Path, data: Path, port: int, *options: str) -> Iterator[PostgresServer]:
    settings = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={root}",
        *options,
    ]
    flags = [text for setting in settings for text in ("-c", setting)]
    with data.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            ["runuser", "-u", "postgres", "--", BINARIES / "postgres", "-D", data, *flags],
            stdout=log,
            stderr=log,
            cwd=root,
        )
    mind(process.pid)
    try:
        asyncio.run(_ready(port))
        yield PostgresServer(port, data, int((data / "postmaster.pid").read_text().split()[0]))
    finally:
        process.send_signal(signal.SIGCONT)  # runuser stops with its child, and stays so
        _as_postgres(BINARIES / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        process.wait(30)


async def _ready(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                db = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.1)
            else:
                await db.close()
                return


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


def _as_postgres(*command: object) -> None:
    subprocess.run(
        ["runuser", "-u", "postgres", "--", *map(str, command)],
        check=True,
        capture_output=True,
        cwd="/",
    )
