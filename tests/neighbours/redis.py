"""Redis killed, stopped, wiped, forged, set back, filled and cut off under a vault's calls.

It keeps security codes and masked cards. Without it everything works but security codes, which are
refused (UNAVAILABLE, to be tried again); what it lost is SECURITY_CODE_GONE, also what somebody
else wrote; what it is fed never shows (docs/howto/redis.md).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tests.doubles.scrape import reading
from tests.doubles.vault_site import VaultSite, vault_site
from tests.neighbours.codes import CodeCustomer
from tests.neighbours.customer import READ, Customer, Stubs
from tests.neighbours.judge import Fault, p99
from tests.neighbours.redis_troubles import RedisFault, trouble
from tests.neighbours.watch import Trial, Watch, hold_s, plain_channel
from tests.parts.servers.redis import RedisServer, redis_server

CUSTOMERS: Final = 3
CODES: Final = 2
_PATIENCE: Final = timedelta(milliseconds=250)
"""The cache's, as for codes: on a busy machine a probe of 50 ms may fail; the next is 5 s off."""
_REFUSED: Final = "cardvault_card_cache_refused_total"
_OUTDATED: Final = "cardvault_card_cache_outdated_total"
_HITS: Final = "cardvault_card_cache_hits_total"


def planned(seed: str, volume: int) -> list[RedisFault]:
    """Return `volume` faults, as many of each kind, shuffled."""
    plan = (list(RedisFault) * (volume // len(RedisFault) + 1))[:volume]
    random.Random(f"{seed}/plan").shuffle(plan)
    return plan


class Server:
    """The server of a trial: it can die, and come back at the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._life = ExitStack()
        self.running: RedisServer = self._life.enter_context(redis_server(directory))
        self.url: Final = f"redis://127.0.0.1:{self.running.port}"

    def start(self) -> None:
        """Start again, with nothing in it."""
        self._life.close()
        port = self.running.port
        self.running = self._life.enter_context(redis_server(self._directory, port=port))

    def close(self) -> None:
        """End it."""
        self._life.close()


def run_trial(seed: str, volume: int, directory: Path, tell: Callable[[str], None]) -> Trial:
    """Do `volume` faults, one after the other; `found` names every broken promise."""
    plan = [(kind, None) for kind in planned(seed, volume)]
    return asyncio.run(_run(seed, plan, directory, tell))


def run_pauses(
    seed: str, lengths: Sequence[float], directory: Path, tell: Callable[[str], None]
) -> Trial:
    """Stop it as often, for so many seconds each; `found` names every broken promise."""
    plan = [(RedisFault.PAUSED, seconds) for seconds in lengths]
    return asyncio.run(_run(seed, plan, directory, tell))


async def _run(
    seed: str,
    plan: Sequence[tuple[RedisFault, float | None]],
    directory: Path,
    tell: Callable[[str], None],
) -> Trial:
    trial = Trial(seed)
    watch = Watch(trial, tell)
    server = Server(directory)
    try:
        async with (
            vault_site(
                directory, redis_url=server.url, card_cache="redis", card_cache_timeout=_PATIENCE
            ) as site,
            AsyncExitStack() as stack,
        ):
            stubs = await _stubs(site, stack)
            ops = f"127.0.0.1:{site.running.ops_port}"
            striker = _Striker(watch, server, stubs, ops, seed)
            async with watch.calling(_callers(watch, stubs, seed)):
                for number, (kind, lasts_s) in enumerate(plan):
                    await striker.fault(kind, random.Random(f"{seed}/fault/{number}"), lasts_s)
                    if trial.found:
                        break
            watch.settle()
            trial.counts["forged entries refused"] = int(await reading(ops, _REFUSED))
            trial.counts["older entries passed over"] = int(await reading(ops, _OUTDATED))
            trial.counts["reads from the cache"] = int(await reading(ops, _HITS))
    finally:
        server.close()
    _measure(trial, watch)
    return trial


async def _stubs(site: VaultSite, stack: AsyncExitStack) -> Stubs:
    channel = plain_channel(site.address, site.tls("root"))
    await stack.enter_async_context(channel)
    return Stubs.over(channel, channel)


def _callers(watch: Watch, stubs: Stubs, seed: str) -> list[Any]:
    plain = [
        Customer(watch, stubs, random.Random(f"{seed}/customer/{n}")) for n in range(CUSTOMERS)
    ]
    codes = [CodeCustomer(watch, stubs, random.Random(f"{seed}/codes/{n}")) for n in range(CODES)]
    return [*plain, *codes]


class _Striker:
    """Strikes, holds, heals, and waits until all works."""

    def __init__(self, watch: Watch, server: Server, stubs: Stubs, ops: str, seed: str) -> None:
        self._watch: Final = watch
        self._server: Final = server
        self._ops: Final = ops
        self._prober: Final = Customer(watch, stubs, random.Random(f"{seed}/prober"))
        self._codes: Final = CodeCustomer(watch, stubs, random.Random(f"{seed}/code prober"))

    async def fault(
        self, kind: RedisFault, chance: random.Random, lasts_s: float | None = None
    ) -> None:
        """Do one, for so long or for as long as chance has it; returns when all works again."""
        await asyncio.sleep(chance.uniform(0.2, 0.5))
        fault = self._watch.judge.strike(Fault(kind, time.monotonic(), kind.explains))
        await asyncio.to_thread(self._meet, kind, chance, lasts_s)
        fault.healed = time.monotonic()
        hits = await reading(self._ops, _HITS)

        async def cached() -> bool:
            return await reading(self._ops, _HITS) > hits

        left = [self._prober.works, self._codes.works, cached]

        async def works() -> bool:
            left[:] = [each for each in left if not await each()]
            return not left

        await self._watch.recover(fault, works)

    def _meet(self, kind: RedisFault, chance: random.Random, given_s: float | None) -> None:
        """Strike, hold and heal. Blocks."""
        running, lasts_s = self._server.running, given_s or hold_s(chance)
        if kind is RedisFault.KILLED:
            running.kill()
            time.sleep(lasts_s)
            self._server.start()
        elif kind is RedisFault.PAUSED:
            running.pause()
            time.sleep(lasts_s)
            running.resume()
        else:
            with running.admin() as admin:
                trouble(admin, kind, chance, time.monotonic() + lasts_s)


def _measure(trial: Trial, watch: Watch) -> None:
    quiet, during = (p99(times.get(READ, ())) for times in (watch.judge.quiet, watch.judge.during))
    trial.measured.append(
        f"masked reads p99 {quiet * 1e3:.0f} ms when all is well, {during * 1e3:.0f} ms in faults"
    )
