"""Histories where the store is a server's, and where vaults are processes that are killed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from tests.doubles.rpc_wire import refusal_of
from tests.e2e.kills.lives import planned
from tests.e2e.kills.stubs import Stubs
from tests.e2e.processes import Site, killable_vault
from tests.histories.clients import InDoubt, NotDone, Refusal
from tests.histories.dice import Dice
from tests.histories.grounds import Ground, Played, rounds, running
from tests.histories.history import Kind
from vault.adapters.memory.ports import open_memory
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres

POSTGRES: Final = "PostgreSQL, two vaults"
PROCESSES: Final = "processes over gRPC, killed"
_SHARED: Final = Ground(POSTGRES, lambda _place: open_memory(), 2, together=True)
_TIMEOUT_S: Final = 10.0
_FLUSHES: Final = (20, 120)
_LIFE_S: Final = 120.0
_IN_DOUBT: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_NOT_DONE: Final = frozenset({"CONTENTION", "OVERLOADED"})


async def play_postgres(seed: str, operations: int, dsn: str) -> Played:
    """Play rounds on two vaults that share a database, each with connections of its own."""
    async with open_postgres(Address(dsn)) as one, open_postgres(Address(dsn)) as two:
        dice = Dice(random.Random(f"{seed}/dice"), turns=1)
        async with running(_SHARED, [one, two], seed, dice) as (sends, _dice):
            played = await rounds(seed, operations, sends)
    played.met += dice.met
    return played


async def play_processes(seed: str, operations: int, place: Path) -> Played:
    """Play rounds on a vault's process over mTLS, killed in the phases of its flushes."""
    kills: Counter[str] = Counter()
    async with Site.temporary(place) as site, Stubs.to(site) as stubs:

        async def send(kind: Kind, request: Message) -> Any:
            try:
                return await stubs[kind.value](request, timeout=_TIMEOUT_S, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                if error.code() in _IN_DOUBT:
                    raise InDoubt from None
                said = refusal_of(error)
                name = said.reason or said.code
                raise (NotDone() if name in _NOT_DONE else Refusal(name)) from None

        async with _dying(site, seed, kills):
            played = await rounds(seed, operations, [send])
    played.met["processes killed"] += kills.total()
    return played


@asynccontextmanager
async def _dying(site: Site, seed: str, kills: Counter[str]) -> AsyncIterator[None]:
    """Run one vault after another, each until it kills itself where the plan says."""

    async def live() -> None:
        for phase, times in cycle(planned(seed, flushes=_FLUSHES)):
            vault = killable_vault(site, {phase: times})
            vault.start()
            try:
                await vault.ended(_LIFE_S)
            finally:
                vault.close()
            kills[phase] += 1

    lives = asyncio.ensure_future(live())
    try:
        yield
    finally:
        lives.cancel()
        await asyncio.wait([lives])
    if not lives.cancelled():
        lives.result()
