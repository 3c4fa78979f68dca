"""Whole vaults on PostgreSQL whose events go to Kafka, and callers that change cards."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import grpc
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.channel import open_channel
from tests.doubles.rpc_requests import tokenize
from tests.doubles.vault_site import request_id
from tests.parts.kafka.consuming import Subject
from tests.parts.servers.kafka import KafkaServer
from tools.running.ports import free_ports
from tools.running.process import Process
from tools.running.site import ROOT, Site

LISTENS = ("CARDVAULT_LISTEN", "CARDVAULT_OPS_LISTEN", "CARDVAULT_HEALTH_LISTEN")


@dataclass
class Vault:
    """One vault's process, and where it listens."""

    process: Process
    addresses: dict[str, str]

    async def start(self) -> None:
        """Start and wait until it is ready."""
        self.process.start()
        await self.process.ready(self.addresses["CARDVAULT_OPS_LISTEN"], 60.0)


@asynccontextmanager
async def vaults(
    dsn: str, kafka: KafkaServer, topic: str, root: Path, count: int
) -> AsyncIterator[tuple[Site, list[Vault]]]:
    """Run several vaults on one database until the block is left."""
    settings = {
        "CARDVAULT_DATABASE_URL": dsn,
        "CARDVAULT_EVENTS_URL": f"kafka://{kafka.address}/{topic}",
    }
    async with Site.temporary(root, settings) as site:
        running = []
        for number in range(count):
            ports = free_ports(len(LISTENS))
            addresses = {
                name: f"127.0.0.1:{port}" for name, port in zip(LISTENS, ports, strict=True)
            }
            process = Process(
                f"vault-{number}",
                [sys.executable, "-m", "vault", "serve"],
                env=site.env | addresses,
                cwd=ROOT,
                log=site.logs / f"vault-{number}.log",
            )
            running.append(Vault(process, addresses))
        try:
            for vault in running:
                await vault.start()
            yield site, running
        finally:
            for vault in running:
                vault.process.close()


@dataclass
class Callers:
    """Tokenize and update, at several vaults; failed calls are counted and nothing else."""

    site: Site
    vaults: list[Vault]
    chance: random.Random
    answered: int = 0
    failed: int = 0
    slowest_s: float = 0.0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def calling(self, callers: int = 6) -> AsyncIterator[None]:
        """Call while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            for place in range(callers):
                tasks.create_task(self._call(self.vaults[place % len(self.vaults)]))
            try:
                yield
            finally:
                self._stop.set()

    async def _call(self, vault: Vault) -> None:
        channel = open_channel(vault.addresses["CARDVAULT_LISTEN"], self.site.tls("app"))
        async with channel:
            stub = VaultServiceStub(channel)
            while not self._stop.is_set():
                with suppress(grpc.aio.AioRpcError):
                    await self._one_card(stub)
                await asyncio.sleep(0.02)

    async def _one_card(self, stub: VaultServiceStub) -> None:
        card = (await self._timed(stub.Tokenize, tokenize(customer="c"))).card
        for number in range(self.chance.randrange(4)):
            request = pb.UpdateCardRequest(
                request_id=request_id(), token=card.token, expected_revision=card.revision
            )
            request.metadata["tag"] = f"t{number}"
            request.update_mask.paths.append("metadata")
            card = (await self._timed(stub.UpdateCard, request)).card

    async def _timed(self, method: Any, request: object) -> Any:
        began = asyncio.get_running_loop().time()
        try:
            answer = await method(request, timeout=10)
        except grpc.aio.AioRpcError:
            self.failed += 1
            raise
        self.answered += 1
        self.slowest_s = max(self.slowest_s, asyncio.get_running_loop().time() - began)
        return answer


async def committed(dsn: str) -> dict[Subject, int]:
    """Return every card's revision: so many events of it there must be."""
    db = await asyncpg.connect(dsn)
    try:
        rows = await db.fetch("SELECT tenant, token, revision FROM cards")
    finally:
        await db.close()
    return {(row["tenant"], row["token"]): row["revision"] for row in rows}


async def waiting(dsn: str) -> int:
    """Return how many events wait."""
    db = await asyncpg.connect(dsn)
    try:
        return int(await db.fetchval("SELECT count(*) FROM outbox"))
    finally:
        await db.close()


async def emptied(dsn: str, within_s: float = 60.0) -> float:
    """Wait until no event waits; return how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while await waiting(dsn):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.1)
    return loop.time() - began
