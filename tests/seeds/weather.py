"""What happens to a system while it works: faults, drawn from the seed, one after another."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.seeds.installation import Installation
from tests.seeds.life import Surroundings
from tests.seeds.ops import HOUR_US, Drawer
from tests.seeds.trace import Trace

FAULTS: Final = (
    "kill",
    "kill",
    "stop",
    "pause",
    "long_pause",
    "store_down",
    "store_slow",
    "store_full",
    "store_doubtful",
    "store_contended",
    "kms_down",
    "kms_slow",
    "kms_throttled",
    "revoked",
    "sealed",
    "bus_down",
    "bus_slow",
    "bus_forgetful",
    "poison",
    "clock_set",
    "days_pass",
    "half_a_year",
)


@dataclass
class Fates:
    """Brings faults, of the kinds that this seed has, until it is told that all is well."""

    around: Surroundings
    installation: Installation
    drawer: Drawer
    chance: Random
    trace: Trace
    kinds: tuple[str, ...]
    brought: Counter[str] = field(default_factory=Counter)

    async def strike(self) -> None:
        """Bring one fault after another, for ever."""
        while True:
            await asyncio.sleep(0.3 + self.chance.random() * 2.2)
            if self.kinds:
                await self._one(self.chance.choice(self.kinds))

    def clear(self) -> None:
        """Have everything be well from now on."""
        around = self.around
        around.database.weather.clear()
        around.kms.weather.clear()
        around.bus.weather.clear()
        self.trace.note("all is well")

    async def _one(self, kind: str) -> None:
        seconds = 0.4 + self.chance.random() ** 2 * 7
        self.trace.note("fault", kind, f"{seconds:.2f}")
        self.brought[kind] += 1
        if kind in {"kill", "stop", "pause", "long_pause"}:
            await self._to_a_process(kind, seconds)
        elif kind.startswith("store"):
            await self._to_the_store(kind, seconds)
        elif kind.startswith("kms") or kind in {"revoked", "sealed"}:
            await self._to_the_kms(kind, seconds)
        elif kind.startswith("bus") or kind == "poison":
            await self._to_the_bus(kind, seconds)
        else:
            self._to_the_clocks(kind)

    async def _to_a_process(self, kind: str, seconds: float) -> None:
        living = self.installation.living()
        if not living:
            return
        life = self.chance.choice(living)
        if kind == "kill":
            self.installation.kill(life)
        elif kind == "stop":
            self.installation.stop(life)
        else:
            # Longer than leases and a reaper's patience, or shorter than both.
            await self.installation.pause(life, seconds + (14 if kind == "long_pause" else 0))

    async def _to_the_store(self, kind: str, seconds: float) -> None:
        weather, until = self.around.database.weather, self.around.loop.time() + seconds
        if kind == "store_down":
            weather.down_until = until
        elif kind == "store_slow":
            weather.slow_until = until
        elif kind == "store_full":
            weather.full_until = until
        elif kind == "store_doubtful":
            weather.doubtful = 0.25
        else:
            weather.contended = 0.4
        await asyncio.sleep(seconds)
        weather.doubtful = weather.contended = 0.0

    async def _to_the_kms(self, kind: str, seconds: float) -> None:
        weather, until = self.around.kms.weather, self.around.loop.time() + 2 * seconds
        if kind == "kms_down":
            weather.down_until = until
        elif kind == "kms_slow":
            weather.slow_until = until
        elif kind == "kms_throttled":
            weather.throttled_until = until
        else:
            weather.revoked = kind == "revoked"
            for _each in range(3):  # the second time, keys are being unwrapped again
                for life in self.installation.living():
                    life.drop_keys()
                await asyncio.sleep(0.03 + self.chance.random() * 0.1)
            await asyncio.sleep(seconds)
            weather.revoked = False

    async def _to_the_bus(self, kind: str, seconds: float) -> None:
        weather, until = self.around.bus.weather, self.around.loop.time() + seconds
        if kind == "bus_down":
            weather.down_until = until
        elif kind == "bus_slow":
            weather.slow_until = until + 5
        elif kind == "poison":
            tokens = [seen.token for seen in self.drawer.seen]
            weather.poison.update(tokens[-2:])
        else:
            weather.forgetful = weather.partial = 0.3
        await asyncio.sleep(seconds)
        weather.forgetful = weather.partial = 0.0
        weather.poison.clear()

    def _to_the_clocks(self, kind: str) -> None:
        if kind == "clock_set":
            slot = self.chance.randrange(len(self.installation.skews))
            skew = self.chance.randint(-90_000_000, 90_000_000)
            self.installation.skews[slot] = skew
            life = self.installation.slots[slot]
            if life is not None:
                life.clock.skew_us = skew
        else:
            hours = 190 * 24 if kind == "half_a_year" else self.chance.randint(3, 72)
            self.around.wall.jumped_us += hours * HOUR_US
