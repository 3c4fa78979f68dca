"""The key service throttled, broken, down, slow, or no longer ours, under a vault's calls.

Keys in use are served from memory until they are an hour old, so an outage of half an hour is
not noticed by who has them. A tenant whose keys must be had meanwhile is refused
(KEY_SERVICE_UNAVAILABLE, to be tried again), until the service is back (docs/howto/kms.md).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from chassis.channel import tenant_metadata
from tests.doubles.kms_door import VAULT_ANSWERS, Door, Mode, door_to
from tests.doubles.kms_transit import TransitKey, TransitServer, transit_server
from tests.doubles.scrape import reading
from tests.doubles.vault_site import POLICY, vault_site
from tests.neighbours.customer import PLAIN, READ, Customer, Stubs
from tests.neighbours.judge import Fault
from tests.neighbours.watch import Trial, Watch, plain_channel

CUSTOMERS: Final = 3
COLD: Final = "cold "
TOKEN: Final = "hvs.of-tests"
KEY: Final = "transit/cards"
_REFUSED: Final = frozenset({"KEY_SERVICE_UNAVAILABLE"})
_STORM: Final = 1.2
_BUDGET: Final = 8
"""Retries at hand, however few calls went well (vault/adapters/kms/calls.py)."""
_TICK_S: Final = 1.1  # past the keyring's own


class Trouble(StrEnum):
    """What the key service does."""

    THROTTLED = "throttles"
    BROKEN = "is sealed"
    DOWN = "hangs up"
    SLOW = "does not answer"
    REVOKED = "says no: our rights were taken away"


class Story(StrEnum):
    """How long it lasts, by the vault's clocks."""

    SHORT = "for seconds"
    HALF_HOUR = "for 25 minutes"
    TOO_LONG = "for longer than keys are kept"

    @property
    def explains(self) -> Mapping[str, frozenset[str]]:
        """Return which refusals are documented; all other calls must succeed."""
        cold = {f"{COLD}{call}": _REFUSED for call in PLAIN if call != READ}
        if self is Story.TOO_LONG:  # what is shown masked needs no key
            return {**cold, **{call: _REFUSED for call in PLAIN if call != READ}}
        return cold


class KmsFault(NamedTuple):
    """A trouble and a story."""

    trouble: Trouble
    story: Story

    def __str__(self) -> str:
        return f"it {self.trouble}, {self.story}"


def planned(seed: str, volume: int) -> list[KmsFault]:
    """Return `volume` faults: as many of each trouble, three of five for seconds."""
    stories = (*[Story.SHORT] * 2, *Story)
    every = [KmsFault(*each) for each in product(Trouble, stories)]
    plan, chance = list[KmsFault](), random.Random(f"{seed}/plan")
    while len(plan) < volume:
        plan += chance.sample(every, len(every))
    return plan[:volume]


class JumpingClock:
    """The host's clocks, both ahead by what was jumped."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now_us(self) -> int:
        """Return microseconds since the epoch."""
        return time.time_ns() // 1000 + int(self._ahead_s * 1e6)

    def monotonic(self) -> float:
        """Return seconds."""
        return time.monotonic() + self._ahead_s

    def jump(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead_s += seconds


def run_trial(seed: str, volume: int, directory: Path, tell: Callable[[str], None]) -> Trial:
    """Do `volume` faults, one after the other; `found` names every broken promise."""
    return asyncio.run(_run(seed, volume, directory, tell))


async def _run(seed: str, volume: int, directory: Path, tell: Callable[[str], None]) -> Trial:
    trial, clock = Trial(seed), JumpingClock()
    watch = Watch(trial, tell)
    make_policy(directory, volume)
    token = make_token(directory)
    with _service() as (door, server):
        key = f"vault-transit:{door.url}/{KEY}"
        async with (
            vault_site(directory, clock=clock, kms_key=key, kms_token_file=token) as site,
            AsyncExitStack() as stack,
        ):
            channel = plain_channel(site.address, site.tls("root"))
            await stack.enter_async_context(channel)
            ops = f"127.0.0.1:{site.running.ops_port}"
            striker = _Striker(watch, door, server, clock, Stubs.over(channel, channel), seed)
            await striker.warm()
            async with watch.calling(striker.callers):
                for number, kind in enumerate(planned(seed, volume)):
                    await striker.fault(number, kind)
                    if trial.found:
                        break
            watch.settle()
            made = await reading(ops, "cardvault_kms_calls_total")
            again = await reading(ops, "cardvault_kms_retries_total")
            _no_storm(trial, striker.seen, int(made), int(again), door.seen)
    return trial


def make_policy(directory: Path, cold: int) -> None:
    """Write a policy for so many tenants beside the first, each to be called when it is cold."""
    tenants = ["demo", *(f"cold-{number}" for number in range(cold))]
    named = f"tenants: [{', '.join(tenants)}]"
    root = '"spiffe://demo/root"}, tenants: [demo]'
    (directory / "policy.yaml").write_text(
        POLICY.replace(root, root.replace("tenants: [demo]", named))
    )


def make_token(directory: Path) -> Path:
    """Write the token that the key service takes."""
    token = directory / "token"
    token.write_text(TOKEN)
    token.chmod(0o400)
    return token


@contextmanager
def _service() -> Iterator[tuple[Door, TransitServer]]:
    with transit_server() as server, door_to(server.url, dict(VAULT_ANSWERS)) as door:
        server.keys[KEY] = TransitKey()
        server.allow(TOKEN, KEY)
        yield door, server


def _no_storm(trial: Trial, each: list[int], made: int, again: int, arrived: int) -> None:
    """Hold what arrived at the service against what there was to ask it."""
    asked = made - again
    trial.counts["calls at the key service"] = arrived
    trial.measured.append(
        f"{arrived} calls arrived for {asked} to be made ({arrived / max(1, asked):.2f}x), at most"
        f" {max(each, default=0)} while it was in trouble"
    )
    if arrived > _STORM * asked + _BUDGET:
        trial.found.append(f"a storm: {arrived} calls arrived at the key service for {asked}")


class _Striker:
    """Strikes, holds, heals, and waits until all works."""

    def __init__(
        self,
        watch: Watch,
        door: Door,
        server: TransitServer,
        clock: JumpingClock,
        stubs: Stubs,
        seed: str,
    ) -> None:
        self._watch: Final = watch
        self._door: Final = door
        self._server: Final = server
        self._clock: Final = clock
        self._stubs: Final = stubs
        self._seed: Final = seed
        self._rights: Final = dict(server.tokens)
        self.callers: Final = [self._customer("demo", f"customer/{n}") for n in range(CUSTOMERS)]
        self._prober: Final = self._customer("demo", "prober")
        self.seen: Final[list[int]] = []  # calls that arrived during each fault

    async def warm(self) -> None:
        """Have the tenant's first keys made."""
        if not await self._prober.works():
            raise RuntimeError("the vault does not work")

    async def fault(self, number: int, kind: KmsFault) -> None:
        """Do one; returns when all works again."""
        chance = random.Random(f"{self._seed}/fault/{number}")
        await asyncio.sleep(chance.uniform(0.2, 0.5))
        cold = self._customer(f"cold-{number}", f"cold/{number}", COLD)
        fault = Fault(str(kind), time.monotonic(), kind.story.explains)
        self._watch.judge.strike(fault)
        counted = self._door.counted()
        self._strike(kind.trouble)
        async with self._watch.calling([cold]):
            await self._hold(kind, chance, cold)
            self.seen.append(counted())
            self._heal()
            fault.healed = time.monotonic()

            async def works() -> bool:
                # By one who calls for that tenant for the first time, too.
                fresh = self._customer(f"cold-{number}", f"fresh/{number}", COLD)
                return await self._prober.works() and await fresh.works()

            await self._watch.recover(fault, works)

    async def _hold(self, kind: KmsFault, chance: random.Random, cold: Customer) -> None:
        if kind.story is Story.SHORT:
            await asyncio.sleep(chance.uniform(0.3, 3.0))
        elif kind.story is Story.HALF_HOUR:
            for _ in range(3):
                await self._pass(500)
                await asyncio.sleep(chance.uniform(0.1, _TICK_S))
        else:
            await self._pass(3_700)
            # However long it lasts: callers come back as soon as they may, and are refused.
            for _ in range(1 if kind.trouble is Trouble.SLOW else 8):
                await self._pass(40)
                await cold.store()
                await self._prober.store()

    async def _pass(self, seconds: float) -> None:
        """Let time pass between calls: a deadline is not what is tested here."""
        async with self._watch.still():
            self._clock.jump(seconds)

    def _strike(self, trouble: Trouble) -> None:
        modes: dict[Trouble, Mode] = {
            Trouble.THROTTLED: "throttled",
            Trouble.BROKEN: "broken",
            Trouble.DOWN: "down",
            Trouble.SLOW: "slow",
        }
        if trouble is Trouble.REVOKED:
            self._server.tokens.clear()
        else:
            self._door.mode = modes[trouble]

    def _heal(self) -> None:
        self._server.tokens.update(self._rights)
        self._door.mode = "open"

    def _customer(self, tenant: str, name: str, prefix: str = "") -> Customer:
        chance = random.Random(f"{self._seed}/{name}")
        return Customer(self._watch, self._stubs, chance, tenant_metadata(tenant), prefix)
