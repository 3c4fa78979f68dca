"""Real Redis servers in temporary directories, stopped by their process ids."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from redis import Redis

from tools.running.guardian import mind
from tools.running.ports import free_ports

START_S = 20.0
NO_DISK = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")


@dataclass(frozen=True)
class RedisServer:
    """One running server."""

    port: int
    process: subprocess.Popen[bytes]

    def pause(self) -> None:
        """Stop answering, connections kept."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again, and what was asked meanwhile, too."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Die at once."""
        self.process.kill()
        self.process.wait(10)

    def admin(self) -> Redis:
        """Return a client beside the vault's, for a server without TLS and users."""
        return Redis(port=self.port, socket_timeout=5)


@contextmanager
def redis_server(directory: Path, *options: str, port: int = 0) -> Iterator[RedisServer]:
    """Run a server until the block is left; `options` may turn it into a TLS port or a sentinel."""
    port = port or free_ports(1)[0]
    home = directory / f"redis-{port}"
    home.mkdir(exist_ok=True)
    if not any(option.endswith(".conf") for option in options):
        options = (*NO_DISK, *options)
    if "--tls-port" not in options:
        options = (*options, "--port", str(port))
    where = ("--bind", "127.0.0.1", "--dir", str(home))
    order = [*options, *where]
    if order[0].startswith("--"):
        order = ["-", *order]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/bin/redis-server", *order], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    mind(process.pid)
    try:
        wait_until(lambda: _listens(port), home / "log")
        yield RedisServer(port, process)
    finally:
        process.kill()
        process.wait(10)


@dataclass(frozen=True)
class Watched:
    """A master, its two replicas and three sentinels."""

    nodes: tuple[RedisServer, ...]
    sentinels: tuple[RedisServer, ...]

    @property
    def url(self) -> str:
        """Return what the vault is given."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/vault"


@contextmanager
def watched(directory: Path) -> Iterator[Watched]:
    """Run six processes until the block is left; all see each other on entry."""
    with ExitStack() as stack:

        def start(*options: str) -> RedisServer:
            return stack.enter_context(redis_server(directory, *options))

        master = start()
        replicas = [start("--replicaof", f"127.0.0.1 {master.port}") for _ in range(2)]
        for each in replicas:
            wait_until(partial(_linked, each), directory)
        sentinels = []
        for number in range(3):
            file = directory / f"sentinel-{number}.conf"
            file.write_text(
                f"sentinel monitor vault 127.0.0.1 {master.port} 2\n"
                "sentinel down-after-milliseconds vault 1000\n"
                "sentinel failover-timeout vault 5000\n"
            )
            sentinels.append(start(str(file), "--sentinel"))
        for each in sentinels:
            wait_until(partial(_sees_all, each), directory)
        yield Watched((master, *replicas), tuple(sentinels))


def wait_until(ready: Callable[[], bool], log: Path) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + START_S
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(log.read_text("utf-8")[-2000:] if log.is_file() else "not in time")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _linked(server: RedisServer) -> bool:
    with server.admin() as admin:
        return bool(admin.info("replication").get("master_link_status") == "up")


def _sees_all(server: RedisServer) -> bool:
    with server.admin() as admin:
        state = admin.sentinel_masters()["vault"]
    return bool(state["num-slaves"] == 2 and state["num-other-sentinels"] == 2)
