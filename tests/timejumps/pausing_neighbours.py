"""Redis and the key service stopped under a vault's calls: what callers are told, and for how long.

The judge is that of the neighbours' part of the proof: only what is documented may be refused, no
answer may be wrong, and ten seconds after the neighbour goes on all works.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from chassis.channel import tenant_metadata
from tests.doubles.vault_site import vault_site
from tests.neighbours.customer import Customer, Stubs
from tests.neighbours.judge import Fault
from tests.neighbours.kms import (
    COLD,
    CUSTOMERS,
    KEY,
    TOKEN,
    Story,
    make_policy,
    make_token,
)
from tests.neighbours.redis import run_pauses
from tests.neighbours.watch import Trial, Watch, plain_channel
from tests.timejumps.pausing import Paused, lengths
from tools.running.process import Process
from tools.running.site import IMPORTS, ROOT

_START_S: Final = 30.0


def pause_redis(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    """Pause the Redis that keeps a vault's security codes and masked cards."""
    plan = lengths(random.Random(seed), pauses, longest_s)
    return _paused("Redis", run_pauses(seed, plan, place, _say_nothing), plan)


def pause_the_key_service(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    """Pause the key service of a vault, some of whose tenants have no keys yet."""
    plan = lengths(random.Random(seed), pauses, longest_s)
    trial = asyncio.run(_keys(seed, plan, place))
    return _paused("the key service", trial, plan)


def _paused(name: str, trial: Trial, plan: list[float]) -> Paused:
    paused = Paused(seconds=plan[: trial.faults], acknowledged=trial.answered)
    paused.pauses[name] = trial.faults
    paused.refused += trial.said
    paused.found += trial.found
    return paused


def _say_nothing(_text: str) -> None:
    """Drop it: who runs this tells of the whole."""


@contextmanager
def _service(place: Path) -> Iterator[tuple[int, str]]:
    """Run a key service as a process of its own; yield its id and URL."""
    process = Process(
        "key-service",
        (sys.executable, "-m", "tests.timejumps.key_service", TOKEN, KEY),
        env=IMPORTS,
        cwd=ROOT,
        log=place / "key-service.log",
    )
    process.start()
    try:
        until = time.monotonic() + _START_S
        while not (said := process.log.read_text()).endswith("\n"):
            if not process.running or time.monotonic() > until:
                raise RuntimeError("the key service did not start")
            time.sleep(0.05)
        yield process.pid, said.splitlines()[0]
    finally:
        process.close()


async def _keys(seed: str, plan: list[float], place: Path) -> Trial:
    trial = Trial(seed)
    watch = Watch(trial, _say_nothing)
    make_policy(place, len(plan))
    with _service(place) as (pid, url):
        key = f"vault-transit:{url}/{KEY}"
        async with (
            vault_site(place, kms_key=key, kms_token_file=make_token(place)) as site,
            plain_channel(site.address, site.tls("root")) as channel,
        ):
            callers = _Callers(watch, Stubs.over(channel, channel), seed)
            if not await callers.prober.works():
                raise RuntimeError("the vault does not work")
            async with watch.calling(callers.warm):
                for number, seconds in enumerate(plan):
                    async with callers.pausing(pid, number, seconds):
                        await asyncio.sleep(seconds)
                    if trial.found:
                        break
            watch.settle()
    return trial


class _Callers:
    """Tenants whose keys are in use, and for each pause one that calls for the first time."""

    def __init__(self, watch: Watch, stubs: Stubs, seed: str) -> None:
        self._watch: Final = watch
        self._stubs: Final = stubs
        self._seed: Final = seed
        self.warm: Final = [self._customer("demo", f"customer/{n}") for n in range(CUSTOMERS)]
        self.prober: Final = self._customer("demo", "prober")

    @asynccontextmanager
    async def pausing(self, pid: int, number: int, seconds: float) -> AsyncIterator[None]:
        """Have the service stopped while the block runs; on return all works again."""
        tenant = f"cold-{number}"
        named = f"stopped for {seconds:.0f} s"
        fault = Fault(named, time.monotonic(), Story.SHORT.explains)
        self._watch.judge.strike(fault)
        os.kill(pid, signal.SIGSTOP)
        async with self._watch.calling([self._customer(tenant, f"cold/{number}", COLD)]):
            try:
                yield
            finally:
                os.kill(pid, signal.SIGCONT)
            fault.healed = time.monotonic()

            async def works() -> bool:
                fresh = self._customer(tenant, f"fresh/{number}", COLD)
                return await self.prober.works() and await fresh.works()

            await self._watch.recover(fault, works)

    def _customer(self, tenant: str, name: str, prefix: str = "") -> Customer:
        chance = random.Random(f"{self._seed}/{name}")
        return Customer(self._watch, self._stubs, chance, tenant_metadata(tenant), prefix)
