"""Several processes over one database, one KMS and one bus; who dies is started again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.seeds.life import Life, Surroundings
from tests.seeds.trace import Trace

_AWAKE_S: Final = 3.0
"""How long a process that was paused may take to renew its lease."""


@dataclass
class Installation:
    """The processes: `slots` of them, each one life after another."""

    around: Surroundings
    chance: Random
    trace: Trace
    slots: list[Life | None] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    skews: list[int] = field(default_factory=list)
    closing: bool = False
    kills: int = 0
    stops: int = 0
    pauses: int = 0

    async def keep_running(self, slot: int) -> None:
        """Start a process, and another one a moment after it has ended."""
        while not self.closing:
            life = Life(self.around, f"v{slot}.{len(self.lives)}", self.skews[slot])
            self.trace.note("start", life)
            self.lives.append(life)
            self.slots[slot] = life
            while not life.gone:  # noqa: ASYNC110 - the dead set no event
                await asyncio.sleep(0.25)
            self.trace.note("ended", life)
            await asyncio.sleep(0.2 + self.chance.random() * 1.5)

    def any_life(self) -> Life | None:
        """Return the process that a client's next call goes to."""
        return self.chance.choice(self.slots) if self.slots else None

    def living(self) -> list[Life]:
        """Return those that serve."""
        return [life for life in self.slots if life is not None and life.serving and not life.gone]

    def kill(self, life: Life) -> None:
        self.trace.note("kill", life)
        self.kills += 1
        life.kill()

    def stop(self, life: Life) -> None:
        self.trace.note("stop", life)
        self.stops += 1
        life.stop()

    async def pause(self, life: Life, seconds: float) -> None:
        """Stop a process as SIGSTOP does, and let it go on."""
        self.trace.note("pause", life, f"{seconds:.2f}")
        self.pauses += 1
        self.around.loop.pause(life.actor)
        await asyncio.sleep(seconds)
        self.around.loop.resume(life.actor)
        life.resumed = self.around.loop.time()

    def may_be_ended(self, life: object) -> bool:
        """Tell whether a process is dead, leaves, or has just slept: others may end its chain."""
        assert isinstance(life, Life)
        slept = life.actor.paused or self.around.loop.time() < life.resumed + _AWAKE_S
        return life.gone or slept or (not life.serving and life.core is not None)
