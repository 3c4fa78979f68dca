"""The lives of one vault under load: when each ends is planned from a seed, and counted."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tests.e2e.deadly import ALL_PHASES, MID_CHECKPOINT
from tests.e2e.processes import Process, ProcessFailed, Site, killable_vault

KILLS_EACH: Final = 9
FLUSHES: Final = (3, 60)  # how many of them a life gets to see
_CHECKPOINT_WRITES: Final = (1, 120)
_LIFE_TIMEOUT: Final = 60.0
Killable = Callable[[Site, Mapping[str, int]], Process]


@dataclass(slots=True)
class Lives:
    """What became of the vaults: kills per phase, and the seconds from start to serving.

    `unseen` are the seconds from the starts of those that were dead before anyone saw them serve.
    """

    kills: Counter[str] = field(default_factory=Counter)
    restarts: list[float] = field(default_factory=list)
    unseen: list[float] = field(default_factory=list)
    killable: Killable = killable_vault

    @property
    def starts(self) -> list[float]:
        """Return the seconds of every start, sorted; of those that nobody saw serve, until death.

        They had served by then, or got no further in that time: it is no less than what it took.
        """
        return sorted([*self.restarts, *self.unseen])

    async def start(self, site: Site, vault: Process) -> None:
        """Start a vault and wait until it serves."""
        began = time.perf_counter()
        vault.start()
        await vault.ready(site.addresses["CARDVAULT_OPS_LISTEN"], within=60)
        self.restarts.append(time.perf_counter() - began)

    async def live_through(self, site: Site, plan: Sequence[tuple[str, int]]) -> None:
        """Let one vault after another live until it kills itself where the plan says.

        Raises ProcessFailed where one does not start, or does not get there in time.
        """
        for phase, times in plan:
            vault = self.killable(site, {phase: times})
            began = time.perf_counter()
            try:
                await self.start(site, vault)
            except ProcessFailed:
                # The clients are waiting: it may serve, and die, before anyone sees it ready.
                if vault.running:
                    raise
                self.unseen.append(time.perf_counter() - began)
            status = await vault.ended(_LIFE_TIMEOUT)
            if status != -signal.SIGKILL:
                raise ProcessFailed(f"{vault.name} ended with {status}: {_last_lines(vault)}")
            self.kills[phase] += 1

    def __str__(self) -> str:
        spread = ", ".join(f"{p} {self.kills[p]}" for p in ALL_PHASES if self.kills[p])
        took = self.starts
        middle, worst = median(took or [0.0]), max(took, default=0.0)
        return (
            f"{self.kills.total()} kills: {spread};"
            f" start to serving {middle:.2f} s in the middle, {worst:.2f} s at worst,"
            f" {len(self.unseen)} of {len(took)} dead before they were seen ready"
        )


def _last_lines(vault: Process) -> str:
    return "\n".join(vault.log.read_text(errors="replace").splitlines()[-20:])


def planned(
    seed: int | str,
    phases: Sequence[str] = ALL_PHASES,
    each: int = KILLS_EACH,
    flushes: tuple[int, int] = FLUSHES,
) -> list[tuple[str, int]]:
    """Return where to die, each phase as often, in an order and at times that the seed decides."""
    chance = random.Random(f"{seed}/plan")
    deaths = list(phases) * each
    chance.shuffle(deaths)
    return [
        (phase, chance.randint(*(_CHECKPOINT_WRITES if phase == MID_CHECKPOINT else flushes)))
        for phase in deaths
    ]
