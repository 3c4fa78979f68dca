"""Requests are unique and well-formed; replies that are not what was asked for are seen."""

from __future__ import annotations

import pytest
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as vault_pb

from chassis.validation import Validation
from tests.bench.empty import empty_method, empty_path
from tests.bench.phases import BATCH
from tests.bench.requests import Requests, tokens_in, wrong

TOKENS = [f"tok_{at:026d}" for at in range(10)]


def test_no_card_and_no_request_id_comes_twice() -> None:
    first, second = Requests([], 0), Requests([], 1_000)
    made = [
        vault_pb.TokenizeRequest.FromString(source.make("Tokenize"))
        for source in (first, second)
        for _ in range(500)
    ]
    validation = Validation()
    validation.prepare_items(vault_pb.BatchTokenizeRequest, "requests")
    assert validation.all_sound(vault_pb.BatchTokenizeRequest(requests=made))
    assert len({request.card.number for request in made}) == 1_000
    assert len({request.request_id for request in made}) == 1_000
    assert len({request.customer for request in made}) == 1_000


def test_reveals_draw_from_all_tokens() -> None:
    source = Requests(TOKENS, 3)
    request = reveal_pb.BatchDetokenizeRequest.FromString(source.make("BatchDetokenize"))
    assert len(request.tokens) == BATCH
    assert set(request.tokens) == set(TOKENS)


def test_a_card_that_was_there_before_is_wrong() -> None:
    stored = vault_pb.TokenizeResponse(created=True).SerializeToString()
    assert wrong("Tokenize", b"", stored) == 0
    assert wrong("Tokenize", b"", b"") == 1


def test_cards_missing_from_a_batch_are_wrong() -> None:
    reply = vault_pb.BatchTokenizeResponse()
    for token in TOKENS:
        result = reply.results.add()
        result.response.created = True
        result.response.card.token = token
    assert wrong("BatchTokenize", b"", reply.SerializeToString()) == BATCH - len(TOKENS)
    assert tokens_in(reply.SerializeToString()) == TOKENS


@pytest.mark.parametrize(
    ("token", "last4", "expected"),
    [(TOKENS[0], "1111", 0), (TOKENS[1], "1111", 1), (TOKENS[0], "2222", 1)],
    ids=["right", "another token", "another card"],
)
def test_a_reveal_must_be_of_the_card_asked_for(token: str, last4: str, expected: int) -> None:
    request = reveal_pb.DetokenizeRequest(token=TOKENS[0]).SerializeToString()
    reply = reveal_pb.DetokenizeResponse()
    reply.card.number = "4" + "1" * 15
    reply.masked.token, reply.masked.last4 = token, last4
    assert wrong("Detokenize", request, reply.SerializeToString()) == expected
    batch = reveal_pb.BatchDetokenizeRequest(tokens=[TOKENS[0]]).SerializeToString()
    many = reveal_pb.BatchDetokenizeResponse()
    many.results.add().response.CopyFrom(reply)
    assert wrong("BatchDetokenize", batch, many.SerializeToString()) == expected


async def test_the_empty_method_answers_as_many_bytes_as_asked_for() -> None:
    answer = empty_method(empty_path(37))
    assert answer is not None
    assert await answer(b"anything") == bytes(37)


@pytest.mark.parametrize(
    "path",
    ["/cardvault.vault.v1.VaultService/Tokenize", empty_path(5 << 20), empty_path(-1), ""],
    ids=["a real method", "too much", "negative", "nothing"],
)
def test_the_empty_method_takes_no_other_path(path: str) -> None:
    assert empty_method(path) is None
