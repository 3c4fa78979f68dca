"""PgBouncer in transaction mode: Debian's own, and one that keeps prepared statements apart."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from chassis.postgres.address import Pooler
from tests.parts.servers.network import as_postgres
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
    root = Path(mkdtemp(prefix="cardvault-pgbouncer-"))
    shutil.chown(root, "postgres", "postgres")
    (port,) = free_ports(1)
    (root / "users").write_text("".join(f'"{user}" ""\n' for user in USERS))
    prepared = "max_prepared_statements = 200\n" if pooler == "pgbouncer-prepared" else ""
    (root / "ini").write_text(
        "[databases]\n"
        f"* = host=127.0.0.1 port={server_port}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {root / 'users'}\n"
        "pool_mode = transaction\nmax_client_conn = 200\n"
        f"default_pool_size = {SERVER_CONNECTIONS}\nserver_idle_timeout = 2\n"
        f"server_login_retry = 1\n{prepared}"
    )
    log = (root / "log").open("wb")
    with log:
        process = subprocess.Popen(
            as_postgres((str(PROGRAMS[pooler]), str(root / "ini"))),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
        )
    mind(process.pid)
    try:
        _wait_ready(port, root / "log")
        yield PgBouncer(port, pooler)
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(root)


def _wait_ready(port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > end:
            raise RuntimeError(log.read_text("utf-8", errors="replace")[-2000:])
        time.sleep(0.05)
