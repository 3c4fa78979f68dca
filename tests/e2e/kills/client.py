"""A client of a kill test: one call after another, in doubt until answered, all of it written down.

It works on cards of its own, whose state it knows from the answers, and now and then on cards that
all clients share. An update that is in doubt is retried with its request id until it is answered,
or given up for good, card and all.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.card_pb2 import Card, CardStatus
from cardvault.vault.v1.error_reason_pb2 import ErrorReason
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from cards.brands import Brand
from cards.testcards import test_pan
from tests.e2e.kills.history import Change, End, History, Kind, Read, Reveal
from tests.e2e.kills.stubs import Stubs, reason_of

PURPOSE: Final = "refund"  # sees a card in every status but DELETED
CALL_TIMEOUT: Final = 10.0
_IN_DOUBT: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
)
_GIVE_UP: Final = 0.1
_RECENT: Final = 12
_STATUSES: Final = ("ACTIVE", "NEEDS_CARDHOLDER", "CLOSED")


@dataclass(slots=True)
class OwnCard:
    """What a client knows of a card that only it changes."""

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


class Refusal(Exception):
    """The vault said no; the text is its reason."""


class InDoubt(Exception):
    """No answer: it may have happened."""


class Client:
    """One of the clients. `numbers` never yields a number twice, whoever asks."""

    def __init__(
        self,
        place: int,
        stubs: Stubs,
        history: History,
        shared: Shared,
        numbers: Iterator[int],
        seed: int,
    ) -> None:
        self._place: Final = place
        self._stubs: Final = stubs
        self._history: Final = history
        self._shared: Final = shared
        self._numbers: Final = numbers
        self._random: Final = random.Random(f"{seed}/client/{place}")
        self._cards: Final[list[OwnCard]] = []

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Call until told to stop; what is in doubt by then is still settled."""
        actions = (
            (self._tokenize, 20),
            (self._batch, 4),
            (self._tokenize_shared, 4),
            (self._update_shared, 6),
            (self._update, 20),
            (self._set_status, 10),
            (self._delete_or_undelete, 12),
            (self._reveal, 14),
            (self._reveal_batch, 4),
            (self._read, 6),
        )
        choices, weights = zip(*actions, strict=True)
        while not stopping():
            [action] = self._random.choices(choices, weights)
            await action()

    async def _tokenize(self) -> None:
        await self._store(self._new_card(next(self._numbers)))

    async def _store(self, request: pb.TokenizeRequest) -> None:
        change = self._tokenizing(request)
        response = await self._settled([change], lambda: self._call("Tokenize", request))
        if response is not None:
            self._stored(change, response)

    async def _batch(self) -> None:
        requests = [self._new_card(next(self._numbers)) for _ in range(self._random.randint(2, 8))]
        changes = [self._tokenizing(request) for request in requests]
        message = pb.BatchTokenizeRequest(requests=requests)
        response = await self._settled(changes, lambda: self._call("BatchTokenize", message))
        for change, result in zip(changes, response.results if response else (), strict=False):
            if result.HasField("response"):
                self._stored(change, result.response)
            else:
                self._refused([change], _reason(result.error))

    async def _tokenize_shared(self) -> None:
        number = self._random.choice(self._shared.numbers)
        request = self._new_card(number, customer=f"shared-{number}")
        change = self._tokenizing(request)
        response = await self._settled([change], lambda: self._call("Tokenize", request))
        if response is not None:
            self._answered(change, response.card)
            change.created = response.created
            self._shared.tokens[number] = response.card.token

    async def _update_shared(self) -> None:
        if not self._shared.tokens:
            return
        number = self._random.choice(list(self._shared.tokens))
        seen = await self._seen(self._shared.tokens[number], 0)
        if seen is None:
            return
        # Somebody else may be faster: then this one is refused, and did nothing.
        change, request = self._tagging(seen.token, seen.revision)
        response = await self._settled([change], lambda: self._call("UpdateCard", request))
        if response is not None:
            self._answered(change, response.card)

    async def _update(self) -> None:
        card = self._pick(*_STATUSES)
        if card is None:
            return
        what = self._random.choice(("tag", "number", "expiry"))
        if what == "tag":
            change, request = self._tagging(card.token, card.revision)
        else:
            request = pb.UpdateCardRequest(
                request_id=self._id(), token=card.token, expected_revision=card.revision
            )
            change = self._change(Kind.UPDATE, request.request_id, card.token)
            if what == "number":
                number = next(self._numbers)
                request.card.number = test_pan(Brand.VISA, number)
                request.update_mask.paths.append("card.number")
                change.wants = {"number": number}
            else:
                year = self._random.randint(2030, 2060)
                request.card.expiry_month, request.card.expiry_year = 12, year
                request.update_mask.paths.extend(["card.expiry_month", "card.expiry_year"])
                change.wants = {"expiry_year": year}
        if await self._changed(card, change, lambda: self._call("UpdateCard", request)):
            card.number = int(change.wants.get("number", card.number))

    async def _set_status(self) -> None:
        card = self._pick(*_STATUSES)
        if card is None:
            return
        status = self._random.choice(_STATUSES)
        request = pb.SetCardStatusRequest(
            request_id=self._id(),
            token=card.token,
            expected_revision=card.revision,
            status=CardStatus.Value(f"CARD_STATUS_{status}"),
            reason="a kill test",
        )
        change = self._change(Kind.SET_STATUS, request.request_id, card.token)
        change.wants = {"status": status}
        await self._changed(card, change, lambda: self._call("SetCardStatus", request))

    async def _delete_or_undelete(self) -> None:
        card = self._pick(*_STATUSES, "DELETED")
        if card is None:
            return
        kind, name = Kind.DELETE, "DeleteCard"
        request: Any = pb.DeleteCardRequest(request_id=self._id(), token=card.token)
        if card.status == "DELETED":
            kind, name = Kind.UNDELETE, "UndeleteCard"
            request = pb.UndeleteCardRequest(request_id=request.request_id, token=card.token)
        change = self._change(kind, request.request_id, card.token)
        await self._changed(card, change, lambda: self._call(name, request))

    async def _reveal(self) -> None:
        card = self._pick(*_STATUSES)
        if card is None:
            return
        request = reveal_pb.DetokenizeRequest(
            request_id=self._id(), token=card.token, purpose=PURPOSE
        )
        reveal = self._revealing(card, request.request_id)
        try:
            response = await self._call("Detokenize", request)
        except InDoubt:
            return
        except Refusal as refusal:
            self._unexpected(f"{refusal} to a reveal")
            return
        reveal.end, reveal.seen = End.DONE, counter_of(response.card.number)

    async def _reveal_batch(self) -> None:
        cards = [card for card in self._cards[-_RECENT:] if card.status != "DELETED"]
        if not cards:
            return
        request = reveal_pb.BatchDetokenizeRequest(
            tokens=[card.token for card in cards], purpose=PURPOSE
        )
        reveals = [self._revealing(card, "") for card in cards]
        try:
            response = await self._call("BatchDetokenize", request)
        except InDoubt:
            return
        except Refusal as refusal:
            self._unexpected(f"{refusal} to a batch of reveals")
            return
        for reveal, result in zip(reveals, response.results, strict=True):
            if result.HasField("response"):
                reveal.end, reveal.seen = End.DONE, counter_of(result.response.card.number)
            else:
                self._unexpected(f"{_reason(result.error)} to a reveal")

    async def _read(self) -> None:
        card = self._pick(*_STATUSES, "DELETED")
        if card is not None:
            await self._seen(card.token, card.revision)

    async def _seen(self, token: str, floor: int) -> Card | None:
        try:
            response = await self._call("GetCard", pb.GetCardRequest(token=token))
        except InDoubt:
            return None
        except Refusal as refusal:
            self._unexpected(f"{refusal} to a read")
            return None
        seen: Card = response.card
        self._history.reads.append(Read(token, floor, seen.revision))
        return seen

    async def _changed(
        self, card: OwnCard, change: Change, call: Callable[[], Awaitable[Any]]
    ) -> bool:
        """Settle a change of an own card; a card whose state is no longer known is left alone."""
        response = await self._settled([change], call)
        if response is None:
            self._cards.remove(card)
            return False
        self._answered(change, response.card)
        card.learn(response.card)
        return True

    async def _settled(
        self, changes: Sequence[Change], call: Callable[[], Awaitable[Any]]
    ) -> Any | None:
        """Try until there is an answer; None: it was refused, or is given up while in doubt."""
        while True:
            for change in changes:
                change.attempts += 1
            try:
                return await call()
            except Refusal as refusal:
                self._refused(changes, str(refusal))
                return None
            except InDoubt:
                if self._random.random() < _GIVE_UP:
                    return None

    def _refused(self, changes: Sequence[Change], reason: str) -> None:
        for change in changes:
            change.end = End.REFUSED
            shared = change.token in self._shared.tokens.values()
            if not (shared and reason == "REVISION_CONFLICT"):
                self._unexpected(f"{reason} to {change.kind}")

    async def _call(self, name: str, request: Any) -> Any:
        """Try once. Raises InDoubt and Refusal."""
        try:
            return await self._stubs.method(name)(
                request, timeout=CALL_TIMEOUT, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in _IN_DOUBT:
                raise InDoubt from None
            raise Refusal(reason_of(error)) from None

    def _new_card(self, number: int, customer: str = "") -> pb.TokenizeRequest:
        request = pb.TokenizeRequest(request_id=self._id(), customer=customer)
        request.card.number = test_pan(Brand.VISA, number)
        request.card.expiry_month, request.card.expiry_year = 12, 2029
        request.metadata["tag"] = f"n{number}"
        if not customer and self._random.random() < 0.5:
            request.customer = f"client-{self._place}"
        return request

    def _tokenizing(self, request: pb.TokenizeRequest) -> Change:
        change = self._change(Kind.TOKENIZE, request.request_id, "")
        change.wants = {
            "number": counter_of(request.card.number),
            "tag": request.metadata["tag"],
            "expiry_year": request.card.expiry_year,
        }
        return change

    def _tagging(self, token: str, revision: int) -> tuple[Change, pb.UpdateCardRequest]:
        tag = f"t{next(self._numbers)}"
        request = pb.UpdateCardRequest(
            request_id=self._id(), token=token, expected_revision=revision, metadata={"tag": tag}
        )
        request.update_mask.paths.append("metadata")
        change = self._change(Kind.UPDATE, request.request_id, token)
        change.wants = {"tag": tag}
        return change, request

    def _change(self, kind: Kind, request_id: str, token: str) -> Change:
        change = Change(self._place, kind, request_id, token)
        self._history.changes.append(change)
        return change

    def _revealing(self, card: OwnCard, request_id: str) -> Reveal:
        reveal = Reveal(self._place, card.token, request_id, card.number)
        self._history.reveals.append(reveal)
        return reveal

    def _stored(self, change: Change, response: pb.TokenizeResponse) -> None:
        self._answered(change, response.card)
        change.created = response.created
        number = int(change.wants["number"])
        card = OwnCard(response.card.token, 0, "", number)
        card.learn(response.card)
        self._cards.append(card)

    @staticmethod
    def _answered(change: Change, card: Card) -> None:
        change.end, change.token, change.revision = End.DONE, card.token, card.revision

    def _unexpected(self, what: str) -> None:
        self._history.unexpected.append(f"client {self._place}: {what}")

    def _pick(self, *statuses: str) -> OwnCard | None:
        fitting = [card for card in self._cards[-_RECENT:] if card.status in statuses]
        return self._random.choice(fitting) if fitting else None

    def _id(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20],
                         digits[20:]))


def counter_of(number: str) -> int:
    """Return the counter that a test number was made of; -1 for a number of another kind."""
    counter = int(number[8:-1]) if number[8:-1].isdecimal() else -1
    return counter if counter >= 0 and test_pan(Brand.VISA, counter) == number else -1


def status_of(card: Card) -> str:
    """Return a card's status by the name that the domain uses."""
    return CardStatus.Name(card.status).removeprefix("CARD_STATUS_")


def _reason(status: Status) -> str:
    for detail in status.details:
        info = ErrorInfo()
        if detail.Unpack(info):
            return info.reason.removeprefix("ERROR_REASON_")
    return ErrorReason.Name(0)
