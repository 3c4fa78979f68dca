"""A caller who alone changes its cards, and so knows what each must show."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

import grpc
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from tests.doubles.rpc_requests import tokenize
from tests.doubles.rpc_wire import Metadata
from tests.doubles.vault_site import new_pan, request_id
from tests.neighbours.watch import Watch

CARDS: Final = 8
TOKENIZATION, READ, UPDATE, REVEAL = "tokenization", "masked read", "update", "reveal"
PLAIN: Final = (TOKENIZATION, READ, UPDATE, REVEAL)


@dataclass(slots=True, repr=False)
class Card:
    """One card as it was last acknowledged."""

    token: str
    number: str
    revision: int
    tag: str


@dataclass(slots=True)
class Stubs:
    """Who stores and reads, and who reveals."""

    vault: Any
    reveal: Any

    @classmethod
    def over(cls, app: grpc.aio.Channel, psp: grpc.aio.Channel) -> Stubs:
        """Return stubs over two identities' channels."""
        return cls(VaultServiceStub(app), RevealServiceStub(psp))


class Customer:
    """Stores, reads, changes and reveals its own cards; `prefix` tells its calls from others'."""

    def __init__(
        self,
        watch: Watch,
        stubs: Stubs,
        chance: random.Random,
        metadata: Metadata = (),
        prefix: str = "",
    ) -> None:
        self._watch: Final = watch
        self._stubs: Final = stubs
        self._chance: Final = chance
        self._metadata: Final = metadata
        self._prefix: Final = prefix
        self._cards: list[Card] = []

    async def turn(self) -> None:
        """Make one call; the first stores a card."""
        chance = self._chance.random()
        if not self._cards or chance < 0.1:
            await self.store()
        elif chance < 0.6:
            await self.read()
        elif chance < 0.75:
            await self.change()
        else:
            await self.show()

    async def works(self) -> bool:
        """Make one call of each kind; tell whether all were answered."""
        for each in (self.store, self.read, self.change, self.read, self.show):
            if not await each():
                return False
        return True

    async def store(self) -> bool:
        """Store a card."""
        number, tag = new_pan(), "new"
        request = tokenize(number, metadata={"tag": tag})

        def check(answer: Any) -> str:
            return _differs(answer.card, Card(answer.card.token, number, 1, tag))

        answer = await self._ask(TOKENIZATION, self._stubs.vault.Tokenize, request, check)
        if answer is None:
            return False
        self._cards = [*self._cards[1 - CARDS :], Card(answer.card.token, number, 1, tag)]
        return True

    async def read(self) -> bool:
        """Read a card: what was acknowledged, and nothing older."""
        card = self._chance.choice(self._cards)
        request = pb.GetCardRequest(token=card.token)
        answer = await self._ask(
            READ, self._stubs.vault.GetCard, request, lambda found: _differs(found.card, card)
        )
        return answer is not None

    async def change(self) -> bool:
        """Change a card's number or what is noted with it; a card in doubt is used no more."""
        card = self._chance.choice(self._cards)
        after = Card(card.token, card.number, card.revision + 1, f"r{card.revision + 1}")
        request = pb.UpdateCardRequest(
            request_id=request_id(), token=card.token, expected_revision=card.revision
        )
        if self._chance.random() < 0.3:
            after.number = request.card.number = new_pan()
        request.metadata["tag"] = after.tag
        request.update_mask.paths.extend(["metadata", *(["card"] if request.card.number else [])])
        self._cards.remove(card)  # nobody else looks at it meanwhile
        answer = await self._ask(
            UPDATE, self._stubs.vault.UpdateCard, request, lambda found: _differs(found.card, after)
        )
        if answer is not None:
            self._cards.append(after)
        return answer is not None

    async def show(self) -> bool:
        """Reveal a card."""
        card = self._chance.choice(self._cards)
        request = reveals.DetokenizeRequest(token=card.token, purpose="payment")

        def check(found: Any) -> str:
            if found.card.number != card.number:
                return "another number than the card's was revealed"
            return _differs(found.masked, card)

        return await self._ask(REVEAL, self._stubs.reveal.Detokenize, request, check) is not None

    async def _ask(self, call: str, method: Any, request: object, check: Any) -> Any:
        name = f"{self._prefix}{call}"
        answer, _reason = await self._watch.ask(name, method, request, self._metadata, check=check)
        return answer


def _differs(shown: Any, card: Card) -> str:
    """Tell how a masked card differs from what was acknowledged; never by a number."""
    if shown.token != card.token:
        return "another card was shown"
    if shown.revision != card.revision:
        return f"revision {shown.revision} was shown where {card.revision} is the last"
    if shown.metadata["tag"] != card.tag or shown.last4 != card.number[-4:]:
        return f"revision {shown.revision} was shown with another's contents"
    return ""
