"""`python -m tests.parts.workers.rolling --restarts 200`: servers come and go, nobody notices.

`--transport envoy` does it with Envoy.

Two ways: the workers of one supervisor, replaced by SIGHUP; and three single servers behind one
channel, each stopped by SIGTERM and started again.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.parts.servers.postgres import PostgresServer, postgres_server
from tests.parts.workers.load import Report, loaded
from tests.parts.workers.site import (
    OPS,
    TRANSPORT,
    TRANSPORTS,
    all_ready,
    kill,
    shared_site,
    started,
    supervised,
)
from tools.running.ports import free_ports
from tools.running.process import Process
from tools.running.site import Site

WORKERS: Final = 2
SERVERS: Final = 3
# What a rollout waits at least from one server's being ready to the next one's stop: clients look
# for a lost server again after 1 s, then 1.6 s, then 2.6 s.
SETTLED_S: Final = 3.0


async def workers_replaced(
    root: Path, postgres: PostgresServer, restarts: int, transport: str = "grpcio"
) -> Report:
    """Replace so many workers of one supervisor, by SIGHUPs, under load."""
    async with shared_site(root, postgres, **{TRANSPORT: transport}) as site:
        process = supervised(site, WORKERS)
        children = await started(site, process, WORKERS)
        async with loaded(site, site.vault_address) as report:
            for _ in range(-(-restarts // WORKERS)):
                kill(process.pid, signal.SIGHUP)
                children = await all_ready(site, process, WORKERS, frozenset(children))
        assert await process.stop() == 0
        return report


async def servers_restarted(
    root: Path, postgres: PostgresServer, restarts: int, transport: str = "grpcio"
) -> Report:
    """Restart so many of three single servers, in turn, under load."""
    async with shared_site(root, postgres, **{TRANSPORT: transport}) as site:
        servers = [_single(site) for _ in range(SERVERS)]
        for server, where in servers:
            server.start()
            await server.ready(where[OPS], within=120)
        listens = [where["CARDVAULT_LISTEN"] for _server, where in servers]
        async with loaded(site, "ipv4:" + ",".join(listens)) as report:
            for number in range(restarts):
                server, where = servers[number % SERVERS]
                assert await server.stop() == 0
                server.start()
                await server.ready(where[OPS], within=120)
                await asyncio.sleep(SETTLED_S)
        for server, _where in servers:
            assert await server.stop() == 0
        return report


def _single(site: Site) -> tuple[Process, dict[str, str]]:
    """Name a server of its own ports on the site's stores."""
    names = ("CARDVAULT_LISTEN", OPS, "CARDVAULT_HEALTH_LISTEN")
    ports = free_ports(len(names))
    where = {name: f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
    directory = site.logs / f"single-{ports[0]}"
    settings = {name: site.env[name] for name in site.env if name not in site.addresses}
    other = Site(site.data, directory, {**site.addresses, **where}, settings)
    return other.vault, where


def main() -> int:
    """Run both ways and say what was seen; 1: somebody saw an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=200)
    parser.add_argument("--way", choices=("workers", "servers", "both"), default="both")
    parser.add_argument("--transport", choices=TRANSPORTS, default="grpcio")
    options = parser.parse_args()
    ways = {"workers": workers_replaced, "servers": servers_restarted}
    failed = False
    with postgres_server() as postgres:
        for name, run in ways.items():
            if options.way in {name, "both"}:
                began = time.monotonic()
                with TemporaryDirectory(prefix="cardvault-rolling-") as root:
                    report = asyncio.run(
                        run(Path(root), postgres, options.restarts, options.transport)
                    )
                took = time.monotonic() - began
                said = [f"{name}: {options.restarts} restarts in {took:.0f} s: {report}"]
                said += report.errors[:20] + report.wrong[:20]
                sys.stdout.write("\n  ".join(said) + "\n")
                sys.stdout.flush()
                failed |= bool(report.errors or report.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
