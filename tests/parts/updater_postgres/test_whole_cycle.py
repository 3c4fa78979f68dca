"""Real processes on PostgreSQL: the command line, and two services of which one is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_processes import (
    make_keys,
    served,
    simulate,
    store,
    updater,
    whole_cycle,
)
from tests.doubles.vault_site import vault_site
from tests.parts.updater_postgres.opening import until
from tools.running.guardian import mind

CARDS = 8


async def test_the_command_line_on_postgresql(tmp_path: Path, dsn: str) -> None:
    await whole_cycle(tmp_path, dsn)


@dataclass
class Service:
    """A running `cardvault-updater serve`."""

    process: asyncio.subprocess.Process
    log: Path

    async def says(self, event: str) -> bool:
        return f'"event":"{event}"' in self.log.read_text().replace('": "', '":"')


@asynccontextmanager
async def service(root: Path, name: str, environment: Mapping[str, str]) -> AsyncIterator[Service]:
    log = root / f"{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "updater", "serve"),
            stdout=output,
            stderr=output,
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **environment},
        )
    mind(process.pid)
    try:
        yield Service(process, log)
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def test_the_idle_service_takes_over_from_a_killed_one(tmp_path: Path, dsn: str) -> None:
    make_keys(tmp_path)
    async with vault_site(tmp_path) as site:
        await store(site, [number_for_test(Brand.VISA, number) for number in range(CARDS)])
        environment = served(site, dsn, DRAIN_TIMEOUT="PT1S")
        async with service(tmp_path, "first", environment) as first:
            await until(lambda: first.says("works"), 30)
            async with service(tmp_path, "second", environment) as second:
                await until(lambda: second.says("serving"), 30)
                await until(lambda: outbox(tmp_path), 30)
                first.process.kill()
                await first.process.wait()
                assert not await second.says("works")
                await simulate(tmp_path)
                await until(lambda: applied(dsn), 60)
                assert await second.says("works")
                assert "APPLIED" in await updater(site, dsn, "feeds")
                # The first one's inquiry was answered; nothing was asked a second time for it.
                assert await counted(dsn, "SELECT count(*) FROM answers") >= CARDS
                assert await counted(dsn, "SELECT max(fence) FROM leases") == 2


async def outbox(root: Path) -> bool:
    return any((root / "exchange" / "outbox").iterdir())


async def applied(dsn: str) -> bool:
    return await counted(dsn, "SELECT count(*) FROM feed_files WHERE state = 'APPLIED'") > 0


async def counted(dsn: str, sql: str) -> int:
    db = await asyncpg.connect(dsn)
    try:
        return int(await db.fetchval(sql))
    finally:
        await db.close()
