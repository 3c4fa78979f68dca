"""Calls whose every ending is noted, and what a trial of faults comes to."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import grpc

from chassis.channel import MESSAGE_LIMIT
from chassis.tls import TlsFiles, channel_credentials
from tests.doubles.rpc_wire import Metadata, refusal_of
from tests.neighbours.judge import Answer, Fault, Judge

DEADLINE_S: Final = 8.0
GIVEN_UP_S: Final = 30.0
"""Without recovery for so long, a trial ends."""
_PACE_S: Final = 0.03


@dataclass(slots=True)
class Trial:
    """What came of one neighbour's faults."""

    seed: str
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    said: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """Count the faults."""
        return sum(map(len, self.recoveries.values()))


class Caller(Protocol):
    """One who calls without pause."""

    async def turn(self) -> None:
        """Make the next call, or a few that belong together."""


class Watch:
    """Asks, and gives what was answered to the judge. `tell` hears of each fault that is over."""

    def __init__(self, trial: Trial, tell: Callable[[str], None]) -> None:
        self.judge: Final = Judge()
        self.trial: Final = trial
        self._tell: Final = tell
        self._answers: list[Answer] = []
        self._flying = 0
        self._open = asyncio.Event()
        self._open.set()
        self._landed = asyncio.Event()

    async def ask(
        self,
        call: str,
        method: Callable[..., Awaitable[Any]],
        request: object,
        metadata: Metadata = (),
        *,
        check: Callable[[Any], str] = lambda _answer: "",
        since: float | None = None,
        expects: str = "",
    ) -> tuple[Any, str]:
        """Call once; return the answer and "", or None and the reason.

        `since`: when what it depends on was made. `expects`: a refusal that is always right.
        """
        while not self._open.is_set():
            await self._open.wait()
        self._flying += 1
        began = time.monotonic()
        try:
            answer, refusal = await method(request, timeout=DEADLINE_S, metadata=metadata), None
        except grpc.aio.AioRpcError as error:
            answer, refusal = None, refusal_of(error)
        finally:
            self._flying -= 1
            self._landed.set()
        took = time.monotonic() - began
        reason = "" if refusal is None else refusal.reason or refusal.code
        if refusal is not None and expects == refusal.reason:
            return None, reason
        self._answers.append(
            Answer(
                call,
                began,
                took,
                DEADLINE_S,
                code=refusal.code if refusal else "OK",
                reason=refusal.reason if refusal else "",
                retry=refusal.retry if refusal else False,
                wrong=check(answer) if refusal is None else "",
                since=began if since is None else since,
            )
        )
        return answer, reason

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Let all calls end, and begin none, while the block runs."""
        self._open.clear()
        try:
            while self._flying:
                self._landed.clear()
                await self._landed.wait()
            yield
        finally:
            self._open.set()

    @asynccontextmanager
    async def calling(self, callers: Sequence[Caller]) -> AsyncIterator[None]:
        """Have them call while the block runs; on return each has ended its last turn."""
        over = False

        async def calls(caller: Caller) -> None:
            while not over:
                await caller.turn()
                await asyncio.sleep(_PACE_S)

        async with asyncio.TaskGroup() as tasks:
            for each in callers:
                tasks.create_task(calls(each))
            try:
                yield
            finally:
                over = True

    async def recover(self, fault: Fault, works: Callable[[], Awaitable[bool]]) -> None:
        """Wait until all works again, note how long that took, and judge what was said so far."""
        while not await works():
            if time.monotonic() - fault.healed > GIVEN_UP_S:
                break
            await asyncio.sleep(_PACE_S)
        now = time.monotonic()
        self.judge.recovered(fault, now)
        self.trial.recoveries[fault.name].append(now - fault.healed)
        self.settle()
        self._tell(f"{self.trial.faults} faults, {self.judge.answered} calls answered")

    def settle(self) -> None:
        """Judge what was said, and bring the trial up to date."""
        answers, self._answers = self._answers, []
        self.judge.take(answers)
        self.trial.found = list(self.judge.found)
        self.trial.said, self.trial.answered = self.judge.said, self.judge.answered


def hold_s(chance: random.Random) -> float:
    """Return how long a fault lasts: seconds; one in twenty long enough for patience to wear off.

    Whoever waits between two attempts waits longest then, and must be back in time all the same.
    """
    return chance.uniform(10.0, 20.0) if chance.random() < 0.05 else chance.uniform(0.3, 3.0)


def plain_channel(address: str, files: TlsFiles) -> grpc.aio.Channel:
    """Open a channel that retries nothing, so that every refusal is seen."""
    options = (("grpc.enable_retries", 0), ("grpc.max_receive_message_length", MESSAGE_LIMIT))
    return grpc.aio.secure_channel(address, channel_credentials(files), options=options)
