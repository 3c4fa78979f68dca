"""Kill -9 at moments that dice choose, while work is under way, by the id of what we started."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tools.running.process import Process
from tools.running.site import Site

_READY_WITHIN = 60.0


@dataclass(slots=True)
class Kills:
    """So many kills, spread over so many pieces of work."""

    dice: random.Random
    left: int
    pieces_left: int
    done: Counter[str] = field(default_factory=Counter)

    def for_this_piece(self) -> int:
        """Return how many of the kills fall on the next piece of work."""
        if self.pieces_left <= 1:
            mine = self.left
        else:
            even = self.left / self.pieces_left
            mine = min(self.left, int(even) + (self.dice.random() < even % 1))
        self.pieces_left -= 1
        return mine

    def count(self, name: str) -> None:
        """Note a kill."""
        self.left -= 1
        self.done[name] += 1

    async def strike(self, site: Site, times: int, within: float, over: asyncio.Event) -> None:
        """Kill vault or updater `times` times during the next `within` seconds; start it again.

        Ends when the work is over; the kills that are left fall on other pieces.
        """
        begun = time.monotonic()
        for moment in sorted(self.dice.uniform(0, within) for _ in range(times)):
            victim = self.dice.choice((site.vault, site.updater))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(begun + moment - time.monotonic()):
                    await over.wait()
            if over.is_set():
                return
            await kill_and_start(site, victim)
            self.count(victim.name)


async def kill_and_start(site: Site, victim: Process) -> None:
    """Kill a service as a power cut would, and start it again at once."""
    await asyncio.to_thread(victim.kill)
    await started(site, victim)


async def started(site: Site, service: Process) -> None:
    """Start a service and wait until it is ready."""
    service.start()
    ops = "CARDVAULT_OPS_LISTEN" if service is site.vault else "CARDVAULT_UPDATER_OPS_LISTEN"
    await service.ready(site.addresses[ops], _READY_WITHIN)
