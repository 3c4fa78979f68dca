"""A client of a kill test: one random call after another.

It works on cards of its own, whose state it knows from the answers, and now and then on cards that
all clients share. A card whose state it no longer knows, it leaves alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.card_pb2 import Card

from cards.brands import Brand
from cards.testcards import test_pan
from tests.e2e.kills.calls import Calls, OwnCard, counter_of, reason_in
from tests.e2e.kills.history import Change, End, Kind, Reveal

PURPOSE: Final = "refund"  # sees a card in every status but DELETED
_RECENT: Final = 12
_LIVE: Final = ("ACTIVE", "NEEDS_CARDHOLDER", "CLOSED")


class Client:
    """One of the clients. `numbers` never yields a number twice, whoever asks."""

    def __init__(self, calls: Calls, numbers: Iterator[int]) -> None:
        self._calls: Final = calls
        self._chance: Final = calls.chance
        self._numbers: Final = numbers
        self._cards: Final[list[OwnCard]] = []

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Call until told to stop; what is in doubt by then is still settled."""
        actions = {
            self._tokenize: 20,
            self._tokenize_batch: 4,
            self._tokenize_shared: 4,
            self._update_shared: 6,
            self._update: 20,
            self._set_status: 10,
            self._delete_or_undelete: 12,
            self._reveal: 14,
            self._reveal_batch: 4,
            self._read: 6,
        }
        while not stopping():
            [action] = self._chance.choices(list(actions), list(actions.values()))
            await action()

    async def _tokenize(self) -> None:
        request = self._new_card(next(self._numbers))
        change = self._tokenizing(request)
        response = await self._calls.settled("Tokenize", request, [change])
        if response is not None:
            self._stored(change, response)

    async def _tokenize_batch(self) -> None:
        requests = [self._new_card(next(self._numbers)) for _ in range(self._chance.randint(2, 8))]
        changes = [self._tokenizing(request) for request in requests]
        message = pb.BatchTokenizeRequest(requests=requests)
        response = await self._calls.settled("BatchTokenize", message, changes)
        if response is None:
            return
        for change, result in zip(changes, response.results, strict=True):
            if result.HasField("response"):
                self._stored(change, result.response)
            else:
                self._calls.refused(change, reason_in(result.error))

    async def _tokenize_shared(self) -> None:
        number = self._chance.choice(self._calls.shared.numbers)
        request = self._new_card(number)
        request.customer = f"shared-{number}"
        change = self._tokenizing(request)
        response = await self._calls.settled("Tokenize", request, [change])
        if response is not None:
            self._calls.answered(change, response.card)
            self._calls.shared.tokens[number] = response.card.token

    async def _update_shared(self) -> None:
        tokens = self._calls.shared.tokens
        if not tokens:
            return
        seen = await self._seen(self._chance.choice(list(tokens.values())), 0)
        if seen is None:
            return
        # Somebody else may be faster: then this one is refused, and did nothing.
        request = self._edit(seen.token, seen.revision)
        change = self._tagging(request)
        response = await self._calls.settled("UpdateCard", request, [change])
        if response is not None:
            self._calls.answered(change, response.card)

    async def _update(self) -> None:
        card = self._pick(*_LIVE)
        if card is None:
            return
        request = self._edit(card.token, card.revision)
        make = self._chance.choice((self._tagging, self._renumbering, self._renewing))
        change = make(request)
        if await self._changed(card, change, "UpdateCard", request):
            card.number = int(change.wants.get("number", card.number))

    async def _set_status(self) -> None:
        card = self._pick(*_LIVE)
        if card is None:
            return
        status = self._chance.choice(_LIVE)
        request = pb.SetCardStatusRequest(
            request_id=self._calls.new_id(),
            token=card.token,
            expected_revision=card.revision,
            status=f"CARD_STATUS_{status}",
            reason="a kill test",
        )
        change = self._calls.change(Kind.SET_STATUS, request.request_id, card.token, status=status)
        await self._changed(card, change, "SetCardStatus", request)

    async def _delete_or_undelete(self) -> None:
        card = self._pick(*_LIVE, "DELETED")
        if card is None:
            return
        request_id = self._calls.new_id()
        kind = Kind.UNDELETE if card.status == "DELETED" else Kind.DELETE
        change = self._calls.change(kind, request_id, card.token)
        if kind is Kind.DELETE:
            delete = pb.DeleteCardRequest(request_id=request_id, token=card.token)
            await self._changed(card, change, "DeleteCard", delete)
        else:
            undelete = pb.UndeleteCardRequest(request_id=request_id, token=card.token)
            await self._changed(card, change, "UndeleteCard", undelete)

    async def _reveal(self) -> None:
        card = self._pick(*_LIVE)
        if card is None:
            return
        request = reveal_pb.DetokenizeRequest(
            request_id=self._calls.new_id(), token=card.token, purpose=PURPOSE
        )
        reveal = self._calls.reveal(card, request.request_id)
        response = await self._calls.shown("Detokenize", request)
        if response is not None:
            _saw(reveal, response)

    async def _reveal_batch(self) -> None:
        cards = [card for card in self._cards[-_RECENT:] if card.status in _LIVE]
        if not cards:
            return
        request = reveal_pb.BatchDetokenizeRequest(
            tokens=[card.token for card in cards], purpose=PURPOSE
        )
        reveals = [self._calls.reveal(card, "") for card in cards]
        response = await self._calls.shown("BatchDetokenize", request)
        if response is None:
            return
        for reveal, result in zip(reveals, response.results, strict=True):
            if result.HasField("response"):
                _saw(reveal, result.response)
            else:
                self._calls.unexpected(f"{reason_in(result.error)} to a reveal")

    async def _read(self) -> None:
        card = self._pick(*_LIVE, "DELETED")
        if card is not None:
            await self._seen(card.token, card.revision)

    async def _seen(self, token: str, floor: int) -> Card | None:
        response = await self._calls.shown("GetCard", pb.GetCardRequest(token=token))
        if response is None:
            return None
        seen: Card = response.card
        self._calls.read(seen, floor)
        return seen

    async def _changed(self, card: OwnCard, change: Change, name: str, request: Any) -> bool:
        response = await self._calls.settled(name, request, [change])
        if response is None:
            self._cards.remove(card)
            return False
        self._calls.answered(change, response.card)
        card.learn(response.card)
        return True

    def _new_card(self, number: int) -> pb.TokenizeRequest:
        request = pb.TokenizeRequest(request_id=self._calls.new_id())
        request.card.number = test_pan(Brand.VISA, number)
        request.card.expiry_month, request.card.expiry_year = 12, 2029
        request.metadata["tag"] = f"n{number}"
        if self._chance.random() < 0.5:
            request.customer = f"client-{self._calls.place}"
        return request

    def _tokenizing(self, request: pb.TokenizeRequest) -> Change:
        return self._calls.change(
            Kind.TOKENIZE,
            request.request_id,
            "",
            number=counter_of(request.card.number),
            tag=request.metadata["tag"],
            expiry_year=request.card.expiry_year,
        )

    def _stored(self, change: Change, response: pb.TokenizeResponse) -> None:
        self._calls.answered(change, response.card)
        card = OwnCard(change.token, 0, "", int(change.wants["number"]))
        card.learn(response.card)
        self._cards.append(card)

    def _edit(self, token: str, revision: int) -> pb.UpdateCardRequest:
        return pb.UpdateCardRequest(
            request_id=self._calls.new_id(), token=token, expected_revision=revision
        )

    def _tagging(self, request: pb.UpdateCardRequest) -> Change:
        tag = f"t{next(self._numbers)}"
        request.metadata["tag"] = tag
        request.update_mask.paths.append("metadata")
        return self._calls.change(Kind.UPDATE, request.request_id, request.token, tag=tag)

    def _renumbering(self, request: pb.UpdateCardRequest) -> Change:
        number = next(self._numbers)
        request.card.number = test_pan(Brand.VISA, number)
        request.update_mask.paths.append("card.number")
        return self._calls.change(Kind.UPDATE, request.request_id, request.token, number=number)

    def _renewing(self, request: pb.UpdateCardRequest) -> Change:
        year = self._chance.randint(2030, 2060)
        request.card.expiry_month, request.card.expiry_year = 12, year
        request.update_mask.paths.extend(["card.expiry_month", "card.expiry_year"])
        return self._calls.change(Kind.UPDATE, request.request_id, request.token, expiry_year=year)

    def _pick(self, *statuses: str) -> OwnCard | None:
        fitting = [card for card in self._cards[-_RECENT:] if card.status in statuses]
        return self._chance.choice(fitting) if fitting else None


def _saw(reveal: Reveal, response: reveal_pb.DetokenizeResponse) -> None:
    reveal.end, reveal.seen = End.DONE, counter_of(response.card.number)
