"""Clients that keep calling while vaults are killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from tests.e2e.kills.calls import Calls, Shared
from tests.e2e.kills.client import Client
from tests.e2e.kills.history import History
from tests.e2e.kills.stubs import Stubs

SHARED: Final = range(4)


@asynccontextmanager
async def load(
    every: Sequence[Stubs],
    history: History,
    seed: int | str,
    clients: int,
    made: type[Calls] = Calls,
) -> AsyncIterator[None]:
    """Keep clients calling while the block runs; on return each has settled its last call.

    They are spread over the stubs, in turn; `made` knows what may be said meanwhile.
    """
    over = False
    shared, numbers = Shared(SHARED), count(len(SHARED))
    async with asyncio.TaskGroup() as tasks:
        for place in range(clients):
            chance = random.Random(f"{seed}/client/{place}")
            calls = made(place, every[place % len(every)], history, shared, chance)
            tasks.create_task(Client(calls, numbers).run(lambda: over))
        yield
        over = True
