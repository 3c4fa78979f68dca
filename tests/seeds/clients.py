"""Clients: they call, give up, and call again with the same request id until answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.seeds.installation import Installation
from tests.seeds.judge import Attempt, Judge
from tests.seeds.life import Life
from tests.seeds.ops import Drawer, Op
from tests.seeds.promises import Findings, Promise
from tests.seeds.replies import Replies
from vault.domain.intents import Caller, Entry, Note
from vault.domain.outcome import Applied, Outcome, Refused, Replayed
from vault.domain.reasons import Reason, VaultError

TRIES: Final = 5
PATIENT_TRIES: Final = 30  # longer than a keyring's longest pause
Told = Sequence[Outcome] | None
"""What a client hears: nothing, where the connection broke or its patience ended."""


@dataclass
class Tally:
    """How much was done, and how much of what is interesting was met."""

    calls: int = 0
    sent: int = 0
    acknowledged: int = 0
    reveals: int = 0
    replayed: int = 0
    unheard: int = 0  # attempts without an answer, or in doubt
    resolved: int = 0  # calls that had been in doubt, and ended in an answer


@dataclass
class Clients:
    """All clients of a run. What they have no answer to in the end is in `open`."""

    installation: Installation
    judge: Judge
    replies: Replies
    drawer: Drawer
    chance: Random
    findings: Findings
    tally: Tally = field(default_factory=Tally)
    open: list[Op] = field(default_factory=list)

    async def work(self, principal: str, calls: int) -> None:
        """Be one client, until it has made so many calls."""
        left = calls
        while left > 0:
            await asyncio.sleep(self.chance.random() ** 3 * 0.9)
            batch = self.chance.choice((1, 1, 1, 1, 2, 3))
            ops = [self.drawer.draw(principal) for _each in range(min(batch, left))]
            left -= len(ops)
            self.tally.calls += len(ops)
            await self.insist(ops, TRIES)

    async def insist(self, ops: Sequence[Op], tries: int) -> None:
        """Call until all are answered for good, or patience ends."""
        waiting = list(ops)
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(min(0.1 * 2**attempt, 1.6) * (0.5 + self.chance.random()))
            answers = await self._call(waiting)
            if answers is None:
                self.tally.unheard += len(waiting)
                continue
            left = []
            for op, outcome in zip(waiting, answers, strict=True):
                if isinstance(outcome, Applied | Replayed | Refused):
                    self.tally.acknowledged += 1
                    self.tally.reveals += op.kind == "reveal" and isinstance(outcome, Applied)
                    self.tally.replayed += isinstance(outcome, Replayed)
                    self.tally.resolved += op in self.open
                else:
                    left.append(op)
            waiting = left
            if not waiting:
                return
        self.open += [op for op in waiting if op not in self.open and op.kind != "note"]

    async def resolve(self) -> None:
        """Ask again for what has no answer yet, now that all is well."""
        left, self.open = self.open, []
        for op in left:
            before = self.tally.acknowledged
            await self.insist([op], PATIENT_TRIES)
            self.tally.resolved += self.tally.acknowledged - before

    async def touch(self) -> None:
        """Have each process write one more record: its next checkpoint covers all before it."""
        for life in self.installation.living():
            work = life.refuse(Caller("acme", f"touch-{life}"), Note("touch", "refused", "NONE"))
            loop = self.installation.around.loop
            await asyncio.wait([loop.create_task(work, context=life.actor.context)])

    async def _call(self, ops: Sequence[Op]) -> Told:
        life = self.installation.any_life()
        if life is None or not life.serving or life.gone:
            return None  # nobody listens there: nothing was sent
        self.tally.sent += len(ops)
        loop = self.installation.around.loop
        hung_up = False
        entries = [op.entry(lambda: not hung_up) for op in ops]
        attempts = [Attempt(op) for op in ops]
        for entry, attempt in zip(entries, attempts, strict=True):
            self.judge.attempts[entry.caller.origin] = attempt
        reply: asyncio.Future[Told] = loop.create_future()
        life.calls[reply] = None
        work = self._handled(life, attempts, entries, reply)
        handler = loop.create_task(work, context=life.actor.context)
        try:
            async with asyncio.timeout(1.5 + 3 * self.chance.random()):
                return await reply
        except TimeoutError:
            hung_up = True
            loop.call_soon(handler.cancel, context=life.actor.context)
            return None
        finally:
            life.calls.pop(reply, None)

    async def _handled(
        self,
        life: Life,
        attempts: Sequence[Attempt],
        entries: Sequence[Entry],
        reply: asyncio.Future[Told],
    ) -> None:
        """Be the process's handler of one call."""
        loop = self.installation.around.loop
        for attempt in attempts:
            attempt.begun = loop.time()
        try:
            outcomes = await self._applied(life, entries)
        except VaultError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            self.findings.broken(Promise.LIVES, f"a call ended by {type(error).__name__}")
            return
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            if attempt.op.kind != "note":
                seen = self.replies.answered(life, attempt, outcome)
                if seen is not None:
                    self.drawer.note(seen)
        loop.later(self.chance.random() * 0.003, _hears, reply, outcomes)

    @staticmethod
    async def _applied(life: Life, entries: Sequence[Entry]) -> Sequence[Outcome]:
        notes = [entry for entry in entries if isinstance(entry.intent, Note)]
        for entry in notes:
            assert isinstance(entry.intent, Note)
            await life.refuse(entry.caller, entry.intent)
        rest = [entry for entry in entries if entry not in notes]
        outcomes = iter(await life.apply(rest) if rest else ())
        refused = Refused(Reason.PERMISSION_DENIED)
        return [refused if entry in notes else next(outcomes) for entry in entries]


def _hears(reply: asyncio.Future[Told], outcomes: Told) -> None:
    if not reply.done():
        reply.set_result(outcomes)
