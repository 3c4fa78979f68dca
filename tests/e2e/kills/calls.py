"""One client's calls: tried until they are answered, and every attempt and answer written down."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from cardvault.vault.v1.card_pb2 import Card, CardStatus
from google.rpc.status_pb2 import Status

from cards.brands import Brand
from cards.testcards import test_pan
from tests.doubles.rpc_wire import refusal_in, refusal_of
from tests.e2e.kills.history import Change, End, History, Kind, Read, Reveal
from tests.e2e.kills.stubs import Stubs

CALL_TIMEOUT: Final = 10.0
_IN_DOUBT: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_GIVE_UP: Final = 0.1


class Refusal(Exception):
    """The vault said no; the text is its reason."""


class InDoubt(Exception):
    """No answer: it may have happened."""


@dataclass(slots=True)
class OwnCard:
    """What a client knows of a card that only it changes; the number by its counter."""

    token: str
    revision: int
    status: str
    number: int

    def learn(self, card: Card) -> None:
        """Take over an answer."""
        self.revision = card.revision
        self.status = status_of(card)


@dataclass(slots=True)
class Shared:
    """Numbers of customers that every client tokenizes, and the tokens it was told."""

    numbers: Sequence[int]
    tokens: dict[int, str] = field(default_factory=dict)

    def races(self, token: str, reason: str) -> bool:
        """Tell whether a refusal only says that another client was faster."""
        return reason == "REVISION_CONFLICT" and token in self.tokens.values()


@dataclass(slots=True)
class Calls:
    """Makes a client's calls; `chance` is the client's own source of randomness."""

    place: int
    stubs: Stubs
    history: History
    shared: Shared
    chance: random.Random

    def new_id(self) -> str:
        """Return a request id; the seed decides it."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def change(self, kind: Kind, request_id: str, token: str, **wants: str | int) -> Change:
        """Write down what is going to be asked."""
        change = Change(self.place, kind, request_id, token, wants)
        self.history.changes.append(change)
        return change

    def reveal(self, card: OwnCard, request_id: str) -> Reveal:
        """Write down one attempt to reveal a card."""
        reveal = Reveal(self.place, card.token, request_id, card.number)
        self.history.reveals.append(reveal)
        return reveal

    async def once(self, name: str, request: Any) -> Any:
        """Try once. Raises InDoubt and Refusal."""
        try:
            return await self.stubs[name](request, timeout=CALL_TIMEOUT, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            if error.code() in _IN_DOUBT:
                raise InDoubt from None
            said = refusal_of(error)
            raise Refusal(said.reason or said.code) from None

    async def settled(self, name: str, request: Any, changes: Sequence[Change]) -> Any | None:
        """Try until there is an answer; None: it was refused, or is given up while in doubt."""
        while True:
            for change in changes:
                change.attempts += 1
            try:
                return await self.once(name, request)
            except Refusal as refusal:
                for change in changes:
                    self.refused(change, str(refusal))
                return None
            except InDoubt:
                if self.chance.random() < _GIVE_UP:
                    return None

    async def shown(self, name: str, request: Any) -> Any | None:
        """Try to read or reveal once; None: no answer. A refusal is against the rules here."""
        try:
            return await self.once(name, request)
        except InDoubt:
            return None
        except Refusal as refusal:
            self.unexpected(f"{refusal} to {name}")
            return None

    def answered(self, change: Change, card: Card) -> None:
        """Write down that a change was acknowledged, with the card that the answer shows."""
        change.end, change.token, change.revision = End.DONE, card.token, card.revision

    def refused(self, change: Change, reason: str) -> None:
        """Write down a refusal; nothing that a client asks for is refused, but a lost race."""
        change.end = End.REFUSED
        if not self.shared.races(change.token, reason):
            self.unexpected(f"{reason} to {change.kind}")

    def read(self, card: Card, floor: int) -> None:
        """Write down what a masked read showed."""
        self.history.reads.append(Read(card.token, floor, card.revision))

    def unexpected(self, what: str) -> None:
        """Write down what no kill explains."""
        self.history.unexpected.append(f"client {self.place}: {what}")


def reason_in(status: Status) -> str:
    """Return why one item of a batch failed."""
    said = refusal_in(status)
    return said.reason or said.code


def counter_of(number: str) -> int:
    """Return the counter that a test number was made of; -1 for a number of another kind."""
    counter = int(number[8:-1]) if number[8:-1].isdecimal() else -1
    return counter if counter >= 0 and test_pan(Brand.VISA, counter) == number else -1


def status_of(card: Card) -> str:
    """Return a card's status by the name that the domain uses."""
    return CardStatus.Name(card.status).removeprefix("CARD_STATUS_")
