"""PgBouncer in transaction mode: Debian's own, and one that keeps prepared statements apart."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chassis.postgres.address import Pooler
from tests.parts.servers.network import as_postgres
from tests.parts.servers.postgres import directory
from tools.running.guardian import mind
from tools.running.ports import free_ports

PROGRAMS: Final[dict[Pooler, Path]] = {
    "pgbouncer": Path("/usr/sbin/pgbouncer"),  # 1.18
    "pgbouncer-prepared": Path("/var/cache/cardvault/pgbouncer-prepared/bin/pgbouncer"),
}
USERS: Final = ("vault_app", "vault_owner", "updater_app", "postgres")
# Fewer than one store alone opens: every client shares a session with another one.
SERVER_CONNECTIONS: Final = 3
_START_S: Final = 20.0


@dataclass(frozen=True)
class PgBouncer:
    """A running pooler."""

    port: int
    pooler: Pooler

    def dsn(self, direct: str) -> str:
        """Return the way to a database through it, given the one past it."""
        user = direct.partition("://")[2].partition("@")[0]
        return f"postgresql://{user}@127.0.0.1:{self.port}/{direct.rpartition('/')[2]}"


@contextmanager
def pgbouncer(pooler: Pooler, server_port: int) -> Iterator[PgBouncer]:
    """Run a pooler in front of a server until the block is left."""
    settings = [
        "pool_mode = transaction",
        "max_client_conn = 200",
        f"default_pool_size = {SERVER_CONNECTIONS}",
        "server_idle_timeout = 2",
        "server_login_retry = 1",
    ]
    if pooler == "pgbouncer-prepared":
        settings.append("max_prepared_statements = 200")
    with pooling(PROGRAMS[pooler], server_port, *settings) as port:
        yield PgBouncer(port, pooler)


@contextmanager
def pooling(program: Path, server_port: int, *settings: str) -> Iterator[int]:
    """Run a PgBouncer with settings of its own until the block is left; yield its port."""
    with directory("cardvault-pgbouncer-") as root:
        (port,) = free_ports(1)
        (root / "users").write_text("".join(f'"{user}" ""\n' for user in USERS))
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={server_port}",
            "[pgbouncer]",
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
            f"auth_type = trust\nauth_file = {root / 'users'}",
            *settings,
        ]
        (root / "ini").write_text("\n".join(lines) + "\n")
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                as_postgres((str(program), str(root / "ini"))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=root,
            )
        mind(process.pid)
        try:
            _wait_ready(port, root / "log")
            yield port
        finally:
            process.kill()
            process.wait(10)


def _wait_ready(port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > end:
            raise RuntimeError(log.read_text("utf-8", errors="replace")[-2000:])
        time.sleep(0.05)
