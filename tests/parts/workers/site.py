"""Vaults as processes on real PostgreSQL and Redis: a supervisor with workers, or single ones."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.request import urlopen

from tests.parts.servers.postgres import PostgresServer
from tests.parts.servers.redis import redis_server
from tools.running.process import Process
from tools.running.site import Site

OPS: Final = "CARDVAULT_OPS_LISTEN"
TRANSPORT: Final = "CARDVAULT_TRANSPORT"
TRANSPORTS: Final = ("grpcio", "envoy")
_LOOK_S: Final = 0.05


@asynccontextmanager
async def shared_site(root: Path, postgres: PostgresServer, **settings: str) -> AsyncIterator[Site]:
    """Make an installation whose stores several processes can share; nothing is started."""
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(root))
        # What killed processes leave goes with the site; a short path, for Envoy's socket.
        room = stack.enter_context(TemporaryDirectory(prefix="cv-"))
        shared = {
            "CARDVAULT_DATABASE_URL": await postgres.database(),
            "CARDVAULT_REDIS_URL": f"redis://127.0.0.1:{redis.port}",
            "CARDVAULT_EVENTS_URL": "none",
            "TMPDIR": room,
            "CARDVAULT_CONNECTION_AGE": "PT2S",
            # As an installation has it: else each start compiles everything anew.
            "PYTHONPYCACHEPREFIX": str(root / "bytecode"),
            "PYTHONDONTWRITEBYTECODE": "",
            **settings,
        }
        yield await stack.enter_async_context(Site.temporary(root, shared))


def supervised(site: Site, workers: int) -> Process:
    """Name a supervisor with its workers; it isn't started."""
    return site.process("workers", "-m", "vault", "serve", "--workers", str(workers))


async def started(site: Site, process: Process, workers: int) -> list[int]:
    """Start a supervisor and wait until all its workers are ready; return their process ids."""
    process.start()
    await process.ready(site.addresses[OPS], within=120)
    return await all_ready(site, process, workers)


async def all_ready(
    site: Site, process: Process, workers: int, without: frozenset[int] = frozenset()
) -> list[int]:
    """Wait until there are exactly so many workers, all ready, none of them of `without`."""
    async with asyncio.timeout(240):  # each is started on its own, on a machine that may be busy
        while True:
            assert process.running, "the supervisor has ended"
            children = children_of(process.pid)
            ready = await reading(site, "cardvault_workers_ready")
            if len(children) == workers == ready and not without & set(children):
                return children
            await asyncio.sleep(_LOOK_S)


def children_of(pid: int) -> list[int]:
    """Return a process's children, oldest first, without those that have ended."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if _state(int(child)) not in {"Z", ""}]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    return _state(pid) in {"Z", ""}


async def until_gone(pid: int, within: float = 40.0) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(within):
        while not gone(pid):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK_S)


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to one process of ours."""
    os.kill(pid, number)


async def probed(site: Site, path: str) -> tuple[int, str]:
    """Ask the ops port."""

    def ask() -> tuple[int, str]:
        import urllib.error  # noqa: PLC0415

        try:
            with urlopen(f"http://{site.addresses[OPS]}{path}", timeout=10) as found:
                return found.status, found.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(ask)


async def reading(site: Site, name: str) -> float:
    """Return a metric without labels of its own, or the sum over its labels; -1: not there."""
    try:
        _status, page = await probed(site, "/metrics")
    except (OSError, HTTPException):  # the latter: it ended in the middle of the page
        return -1.0
    lines = [line for line in page.splitlines() if line.partition("{")[0].split(" ")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in lines) if lines else -1.0
