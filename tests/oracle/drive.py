"""Drive a proof: store cards, have them asked about, play the networks' days, kill meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from chassis.files import write_private
from tests.oracle.installation import SWEEP_S, Installation, store_cards
from tests.oracle.judge_cards import HOME
from tests.oracle.kills import Kills, kill_and_start, started
from tests.oracle.networks import done_file, due_times, job_of, order_file
from tests.oracle.operator import Operator
from tests.oracle.record import Stored
from tools.running.process import Process

_LOOK: Final = 0.2
_PATIENCE: Final = 120.0
"""How long any piece of work may take beside what its size explains, in seconds."""
_SLOWEST: Final = 2_000.0
"""Bytes of exchanged files a second: less is a hang."""

Say = Callable[[str], None]
Ready = Callable[[], Awaitable[bool]]


class TooSlow(Exception):
    """A piece of work didn't end in its time."""


@dataclass(slots=True)
class Times:
    """How long each part took, in seconds."""

    parts: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> float:
        """Note the time since the last lap under a name; return it."""
        now = time.monotonic()
        spent, self._began = now - self._began, now
        self.parts[name] = self.parts.get(name, 0.0) + spent
        return spent


class Drive:
    """One run, up to where nothing more is to come."""

    def __init__(self, installation: Installation, operator: Operator, say: Say) -> None:
        plan = installation.plan
        self.installation: Final = installation
        self.operator: Final = operator
        self.kills: Final = Kills(random.Random(plan.seed), plan.kills, 1)
        self.times: Final = Times()
        self.stored: Sequence[Stored] = ()
        self._networks: Final = installation.site.process(
            "networks", "-m", "tests.oracle.networks", job_of(installation)
        )
        self._say: Final = say
        self._rate: float = 100_000.0  # bytes a second that files were taken in with, lately

    async def run(self) -> None:
        """Drive it. Raises TooSlow, ProcessFailed."""
        site, kills = self.installation.site, self.kills
        await started(site, site.vault)
        self.stored = await store_cards(self.installation)
        self._say(f"stored {len(self.stored):,} cards in {self.times.lap('store'):.1f} s")
        kills.pieces_left = 8
        await self._ask()
        await self._play()
        await self._give_up_waiting()

    async def _ask(self) -> None:
        """Have every card asked about, then let nobody ask any more.

        First they are all enrolled: so cards with one number are asked about in one question.
        """
        site, kills = self.installation.site, self.kills
        cards = [each for each in self.stored if each.tenant == HOME and each.account]
        questions = len({(each.account, each.contents) for each in cards})

        async def all_enrolled() -> bool:
            return self.installation.enrolled() == len(cards)

        async def all_sent() -> bool:
            return await self.operator.asked() == (questions, 0)

        self.installation.ask_about(anybody=False)
        await started(site, site.updater)
        for anybody, ready, what in (
            (True, all_enrolled, "enrolling"),
            (False, all_sent, "asking"),
        ):
            await self._with_kills(
                ready,
                what,
                kills=kills.for_this_piece(),
                span=1 + questions / 10_000,
                within=questions / 100,
            )
            self.installation.ask_about(anybody=anybody)
            await kill_and_start(site, site.updater)
            kills.count(site.updater.name)
        self._say(f"asked {questions:,} questions in {self.times.lap('ask'):.1f} s")

    async def _play(self) -> None:
        """Play the networks' days, each to its end before the next one begins."""
        begun = now = int(time.time())
        days: list[int] = []
        while True:
            await self._deliver(now)
            if not days:
                days = [each for each in due_times(self.installation) if each > begun]
                self.kills.pieces_left = len(days) + 1
            self.times.lap("networks")
            size = self._waiting_bytes()
            if size:
                began = time.monotonic()
                span = size / self._rate
                await self._with_kills(
                    self._settled,
                    "applying",
                    kills=self.kills.for_this_piece(),
                    span=span,
                    within=size / _SLOWEST,
                )
                self._rate = max(10_000.0, size / (time.monotonic() - began))
            self.times.lap("apply")
            later = [each for each in days if each > now]
            if not later:
                break
            now = later[0]
        await asyncio.to_thread(self._networks.kill)
        self._say(f"played {len(days) + 1} moments of {(now - begun) // 86_400 + 1} days")

    async def _deliver(self, now: int) -> None:
        """Have the acquirers deliver what is due, though they may be killed in the middle of it."""
        networks, dice = self._networks, self.kills.dice
        write_private(order_file(self.installation), f"{now}\n".encode())
        if not networks.running:
            networks.start()
        if self.kills.left > 0 and dice.random() < 0.2:
            await asyncio.sleep(dice.uniform(0.05, 0.2 + len(self.stored) / 20_000))
            await asyncio.to_thread(networks.kill)
            self.kills.count(networks.name)
            networks.start()
        until = time.monotonic() + _PATIENCE + len(self.stored) / 500
        done = done_file(self.installation)
        while not (done.exists() and int(done.read_text()) == now):
            if not networks.running or time.monotonic() > until:
                raise TooSlow("the networks ended, or are not in time")
            await asyncio.sleep(_LOOK / 2)

    async def _with_kills(
        self, ready: Ready, what: str, *, kills: int, span: float, within: float
    ) -> None:
        """Wait until something is so, and kill meanwhile. Raises TooSlow."""
        over = asyncio.Event()
        until = time.monotonic() + _PATIENCE + within
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.kills.strike(self.installation.site, kills, span, over))
            try:
                while not await ready():
                    if time.monotonic() > until:
                        raise TooSlow(f"{what}: not in time")
                    await asyncio.sleep(_LOOK)
            finally:
                over.set()

    async def _settled(self) -> bool:
        """Tell whether every file is dealt with; approve what is held."""
        if not self._waiting_bytes():
            return True
        await self.operator.approve_held()
        return False

    def _waiting_bytes(self) -> int:
        total = 0
        for exchange in self.installation.exchanges:
            for path in (exchange / "inbox").iterdir():
                if not path.name.startswith("."):
                    total += path.stat().st_size if path.exists() else 1
        return total

    async def _give_up_waiting(self) -> None:
        """Let the time of unanswered questions run out."""
        site = self.installation.site
        await asyncio.to_thread(site.updater.kill)
        late: Process = self.installation.late_updater()
        late.start()
        await late.ready(site.addresses["CARDVAULT_UPDATER_OPS_LISTEN"], 60.0)

        async def given_up() -> bool:
            return not await self.operator.awaiting()

        await self._with_kills(
            given_up, "giving up", kills=0, span=0.0, within=len(self.stored) / 100
        )
        # Parked answers whose turn had come when a vault was killed are left to the sweeper.
        await asyncio.sleep(3 * SWEEP_S)
        self.times.lap("give up waiting")
