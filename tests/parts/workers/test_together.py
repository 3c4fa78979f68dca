"""Workers as one service: metrics and health of all, checkpoints of all, what a supervisor's death
leaves.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tests.parts.servers.postgres import PostgresServer, as_superuser
from tests.parts.workers.load import loaded
from tests.parts.workers.site import (
    TRANSPORT,
    TRANSPORTS,
    all_ready,
    kill,
    probed,
    reading,
    shared_site,
    started,
    supervised,
    until_gone,
)

WORKERS = 4
BUSY_S = 12.0


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_all_workers_serve_are_counted_and_sign_their_checkpoints(
    tmp_path: Path,
    postgres: PostgresServer,
    transport: str,
    record_property: Callable[[str, object], None],
) -> None:
    async with shared_site(tmp_path, postgres, **{TRANSPORT: transport}) as site:
        process = supervised(site, WORKERS)
        await started(site, process, WORKERS)
        began = time.monotonic()
        async with loaded(site, site.vault_address, clients=2, churning=2) as report:
            await asyncio.sleep(BUSY_S)
        took = time.monotonic() - began
        assert report.errors == report.wrong == []
        _status, page = await probed(site, "/metrics")
        flushes = [
            line for line in page.splitlines() if line.startswith("cardvault_ledger_flushes")
        ]
        by_worker = {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in flushes}
        assert by_worker.keys() == {str(place) for place in range(WORKERS)}
        assert min(by_worker.values()) > 10  # the kernel spreads connections, and they are short
        signed = await reading(site, "cardvault_checkpoints_signed_total")
        conflicts = await reading(site, "cardvault_checkpoints_conflicts_total")
        failures = await reading(site, "cardvault_checkpoints_failures_total")
        said = f"{signed:.0f} checkpoints of {WORKERS} workers in {took:.0f} s"
        record_property("said", f"{said}, {conflicts:.0f} of them signed again")
        assert failures == 0
        assert signed > WORKERS * took / 3  # about one a second and worker
        assert conflicts < 4 * signed
        assert (await probed(site, "/readyz"), await probed(site, "/healthz")) == (
            (200, "ok\n"),
            (200, "ok\n"),
        )
        assert await process.stop() == 0
        db = await asyncpg.connect(as_superuser(site.env["CARDVAULT_DATABASE_URL"]))
        heads = await db.fetch("SELECT chain, sequence, hash FROM chains")
        bodies = await db.fetch("SELECT number, body FROM checkpoints ORDER BY number")
        await db.close()
        assert [row["number"] for row in bodies] == list(range(1, len(bodies) + 1))
        last = {}
        for row in bodies:
            for mark in json.loads(row["body"])["chains"]:
                last[mark["chain"]] = (mark["size"], mark["head"])
        # Every record of every worker is signed for, the last ones at the stop.
        assert last == {row["chain"]: (row["sequence"], row["hash"].hex()) for row in heads}


async def test_one_dead_worker_makes_nobody_unready(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with shared_site(tmp_path, postgres) as site:
        process = supervised(site, 2)
        children = await started(site, process, 2)
        kill(children[0])
        while len(await all_ready(site, process, 2, frozenset())) < 2:
            assert (await probed(site, "/readyz"))[0] == 200
        kill(children[1], signal.SIGSTOP)
        async with asyncio.timeout(30):
            while (await probed(site, "/healthz"))[0] == 200:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.2)
        assert (await probed(site, "/healthz"))[1] == "missing: worker 1\n"
        assert (await probed(site, "/readyz"))[0] == 200
        kill(children[1], signal.SIGCONT)
        assert await process.stop() == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_workers_leave_in_order_when_their_supervisor_is_killed(
    tmp_path: Path, postgres: PostgresServer, transport: str
) -> None:
    async with shared_site(tmp_path, postgres, **{TRANSPORT: transport}) as site:
        process = supervised(site, 2)
        children = await started(site, process, 2)
        process.kill()
        for child in children:
            await until_gone(child)
        log = await asyncio.to_thread(process.log.read_text)
        assert log.count('"event":"stopped"') == 2
