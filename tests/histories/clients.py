"""Clients that ask everything at once about one card, and write down what they heard, and when."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from google.protobuf.message import Message

from tests.histories.asking import NUMBERS, request_of, said_in
from tests.histories.history import READS, Ask, Kind, Op, Refused, Shown

CLIENTS: Final = 5
CALLS: Final = 24
_EXPIRIES: Final = (203001, 203105, 203206)
_STATUSES: Final = ("ACTIVE", "ACTIVE", "NEEDS_CARDHOLDER", "CLOSED")
_WEIGHTS: Final = {
    Kind.GET: 20,
    Kind.VERSIONS: 16,
    Kind.REVEAL: 14,
    Kind.UPDATE: 30,
    Kind.STATUS: 10,
    Kind.DELETE: 3,
    Kind.UNDELETE: 3,
}
_GIVES_UP, _GOES, _AGAIN, _TURNS = 0.1, 0.03, 0.04, 12


class InDoubt(Exception):
    """No answer: it may have happened, may yet happen, or never will."""


class NotDone(Exception):
    """The vault said that it did nothing, for a reason that passes."""


class Refusal(Exception):
    """The vault said no; the text is its reason."""


Send = Callable[[Kind, Message], Awaitable[Any]]
"""Make one call. Raises InDoubt, NotDone, Refusal."""


@dataclass(slots=True)
class Round:
    """One card and everybody who asks about it."""

    name: str
    send: Send
    chance: random.Random
    ticks: Iterator[int]
    clients: int = CLIENTS
    calls: int = CALLS
    ops: list[Op] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    met: Counter[str] = field(default_factory=Counter)
    _sent: list[Ask] = field(default_factory=list)

    @property
    def customer(self) -> str:
        """Name the one whose card it is."""
        return f"c-{blake2b(self.name.encode(), digest_size=12).hexdigest()}"

    async def play(self) -> None:
        """Store the card, all clients at once; then ask, all clients at once; then look."""
        async with asyncio.TaskGroup() as tasks:
            for place in range(self.clients):
                tasks.create_task(self._store(place))
        if len(self.tokens) != 1:
            return
        async with asyncio.TaskGroup() as tasks:
            for place in range(self.clients):
                tasks.create_task(self._ask(place))
        for kind in (Kind.GET, Kind.VERSIONS, Kind.REVEAL):
            await self._insist(self.clients, Ask(kind), gives_up=0.0)

    async def _store(self, place: int) -> None:
        ask = self._intended(Ask(Kind.TOKENIZE, 0, 0, NUMBERS[0], _EXPIRIES[0], "first"))
        await self._insist(place, ask, gives_up=0.0)

    async def _ask(self, place: int) -> None:
        known = 1
        for _call in range(self.calls):
            if self.chance.random() < _AGAIN:
                ask = self.chance.choice(self._sent)  # as a network does that delivers twice
            else:
                ask = self._drawn(known)
            shown = await self._insist(place, ask, gives_up=_GIVES_UP)
            known = shown.revision if shown is not None else known

    def _drawn(self, known: int) -> Ask:
        chance = self.chance
        kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind in READS:
            return Ask(kind)
        # One that was right a moment ago, one that is over, one that is yet to come.
        revision = max(1, known + chance.choice((0, 0, 0, 0, 0, -1, 1)))
        if kind is Kind.STATUS:
            return self._intended(Ask(kind, 0, revision, status=chance.choice(_STATUSES)))
        if kind is not Kind.UPDATE:
            return self._intended(Ask(kind, 0, chance.choice((0, revision))))
        number, expiry = chance.choice((0, 0, *NUMBERS)), chance.choice((0, 0, *_EXPIRIES))
        tag = f"t{len(self._sent)}" if chance.random() < 0.5 or not number + expiry else ""
        return self._intended(Ask(kind, 0, revision, number, expiry, tag))

    def _intended(self, ask: Ask) -> Ask:
        intended = ask._replace(intent=len(self._sent))
        self._sent.append(intended)
        return intended

    async def _insist(self, place: int, ask: Ask, *, gives_up: float) -> Shown | None:
        """Ask until there is an answer or it is given up, each attempt with the same id."""
        while True:
            try:
                return await self._once(place, ask)
            except NotDone:
                await asyncio.sleep(0)
            except InDoubt:
                if self.chance.random() < gives_up:
                    return None

    async def _once(self, place: int, ask: Ask) -> Shown | None:
        token = next(iter(self.tokens), "")
        request = request_of(ask, token, self._request_id(ask), self.customer)
        for _turn in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        op = Op(place, ask, next(self.ticks))
        self.ops.append(op)
        try:
            answer = await self._sent_off(ask.kind, request)
        except Refusal as refusal:
            op.said = Refused(str(refusal))
        except NotDone:
            self.ops.remove(op)
            self.met["not done"] += 1
            raise
        except InDoubt:
            if ask.kind in READS:
                self.ops.remove(op)
            self.met["in doubt"] += 1
            raise
        else:
            op.said = said_in(ask.kind, answer)
            if ask.kind is Kind.TOKENIZE:
                self.tokens.add(answer.card.token)
        op.answered = next(self.ticks)
        return op.said if isinstance(op.said, Shown) else None

    async def _sent_off(self, kind: Kind, request: Message) -> Any:
        if self.chance.random() >= _GOES:
            return await self.send(kind, request)
        # It goes away in the middle of the call.
        call = asyncio.ensure_future(self.send(kind, request))
        for _turn in range(self.chance.randrange(_TURNS)):
            await asyncio.sleep(0)
        if not call.done():
            call.cancel()
        try:
            return await call
        except asyncio.CancelledError:
            self.met["gone"] += 1
            raise InDoubt from None

    def _request_id(self, ask: Ask) -> str:
        attempt = ask.intent < 0  # a reveal has an id of its own each time
        chance = self.chance if attempt else random.Random(f"{self.name}/{ask.intent}")
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))
