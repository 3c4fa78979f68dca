"""Requests, serialized before the clock starts, and replies, checked after it has stopped."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from random import Random
from typing import Final

from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as vault_pb

from cards.brands import Brand
from cards.testcards import is_test_number, test_pan
from tests.bench.phases import BATCH, Operation

PURPOSE: Final = "payment"
_BRANDS: Final = (Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER, Brand.JCB)
_SERVICES: Final = {
    "Tokenize": "VaultService",
    "BatchTokenize": "VaultService",
    "Detokenize": "RevealService",
    "BatchDetokenize": "RevealService",
}


def path_of(operation: Operation) -> str:
    """Return an operation's path."""
    return f"/cardvault.vault.v1.{_SERVICES[operation]}/{operation}"


def identity_of(operation: Operation) -> str:
    """Return who may call it (`tests/doubles/vault_site.py`)."""
    return "app" if _SERVICES[operation] == "VaultService" else "psp"


class Requests:
    """Makes requests: every card and request id is new, tokens are drawn at random."""

    def __init__(self, tokens: Sequence[str], first_card: int) -> None:
        self._tokens = tokens
        self._next = first_card
        self._random = Random(first_card)

    def make(self, operation: Operation) -> bytes:
        """Return the bytes of the next request."""
        match operation:
            case "Tokenize":
                return self._card().SerializeToString()
            case "BatchTokenize":
                cards = [self._card() for _ in range(BATCH)]
                return vault_pb.BatchTokenizeRequest(requests=cards).SerializeToString()
            case "Detokenize":
                token = self._random.choice(self._tokens)
                return reveal_pb.DetokenizeRequest(token=token, purpose=PURPOSE).SerializeToString()
            case "BatchDetokenize":
                drawn = self._random.choices(self._tokens, k=BATCH)
                return reveal_pb.BatchDetokenizeRequest(
                    tokens=drawn, purpose=PURPOSE
                ).SerializeToString()

    def _card(self) -> vault_pb.TokenizeRequest:
        number, self._next = self._next, self._next + 1
        request = vault_pb.TokenizeRequest(
            request_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            customer=f"customer-{number}",
        )
        request.card.number = test_pan(_BRANDS[number % len(_BRANDS)], number // len(_BRANDS))
        request.card.expiry_month, request.card.expiry_year = number % 12 + 1, 2030 + number % 8
        request.card.cardholder_name = "Erika Mustermann"
        return request


def wrong(operation: Operation, request: bytes, reply: bytes) -> int:
    """Return how many cards of a reply are not what was asked for."""
    match operation:
        case "Tokenize":
            return int(not vault_pb.TokenizeResponse.FromString(reply).created)
        case "BatchTokenize":
            stored = vault_pb.BatchTokenizeResponse.FromString(reply).results
            return BATCH - sum(each.response.created for each in stored)
        case "Detokenize":
            asked = reveal_pb.DetokenizeRequest.FromString(request)
            return int(not _revealed(reveal_pb.DetokenizeResponse.FromString(reply), asked.token))
        case "BatchDetokenize":
            tokens = reveal_pb.BatchDetokenizeRequest.FromString(request).tokens
            results = reveal_pb.BatchDetokenizeResponse.FromString(reply).results
            right = sum(
                _revealed(result.response, token)
                for result, token in zip(results, tokens, strict=False)
            )
            return len(tokens) - right


def _revealed(response: reveal_pb.DetokenizeResponse, token: str) -> bool:
    number, masked = response.card.number, response.masked
    return masked.token == token and is_test_number(number) and number.endswith(masked.last4)


def tokens_in(reply: bytes) -> list[str]:
    """Return the tokens of a BatchTokenize's reply."""
    results = vault_pb.BatchTokenizeResponse.FromString(reply).results
    return [each.response.card.token for each in results]
