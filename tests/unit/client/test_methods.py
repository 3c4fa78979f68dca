"""What goes into a batch is what the generated messages would have made of it."""

from __future__ import annotations

import uuid
from typing import Any, cast

import grpc
import pytest
from cardvault.batching import Item, Limits
from cardvault.failures import CallFailed
from cardvault.methods import DETOKENIZE, GET_CARD, TOKENIZE, field_of, fits, sender
from cardvault.vault.v1.reveal_service_pb2 import (
    BatchDetokenizeRequest,
    BatchDetokenizeResponse,
    DetokenizeRequest,
)
from cardvault.vault.v1.vault_service_pb2 import (
    BatchGetCardsRequest,
    BatchTokenizeRequest,
    GetCardRequest,
    TokenizeRequest,
)
from hypothesis import given
from hypothesis import strategies as st

from cards.brands import Brand
from cards.testcards import test_pan

TOKENS = st.text("abcXYZ019_-", min_size=1, max_size=64)
PURPOSES = st.text("abcxyz019_", min_size=1, max_size=32)


def packed(one: Item | None) -> Item:
    assert one is not None
    return one


@given(sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=5))
def test_requests_come_out_as_they_went_in(sizes: list[int]) -> None:
    requests = [
        TokenizeRequest(request_id=str(uuid.UUID(int=index)), metadata={"k": "x" * size})
        for index, size in enumerate(sizes)
    ]
    parts = [packed(TOKENIZE.pack(each)) for each in requests]
    assert {each.key for each in parts} == {b""}
    batch = BatchTokenizeRequest.FromString(b"".join(each.content for each in parts))
    assert batch == BatchTokenizeRequest(requests=requests)


@given(tokens=st.lists(TOKENS, min_size=1, max_size=5))
def test_tokens_to_read_come_out_as_they_went_in(tokens: list[str]) -> None:
    parts = [packed(GET_CARD.pack(GetCardRequest(token=token))) for token in tokens]
    batch = BatchGetCardsRequest.FromString(b"".join(each.content for each in parts))
    assert batch == BatchGetCardsRequest(tokens=tokens)


@given(tokens=st.lists(TOKENS, min_size=1, max_size=5), purpose=PURPOSES)
def test_tokens_to_reveal_come_out_as_they_went_in(tokens: list[str], purpose: str) -> None:
    asked = [DetokenizeRequest(token=token, purpose=purpose) for token in tokens]
    parts = [packed(DETOKENIZE.pack(each)) for each in asked]
    (key,) = {each.key for each in parts}
    batch = BatchDetokenizeRequest.FromString(key + b"".join(each.content for each in parts))
    assert batch == BatchDetokenizeRequest(tokens=tokens, purpose=purpose)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_152])
def test_a_fields_length_is_written_as_protobuf_does(size: int) -> None:
    content = b"x" * size
    expected = BatchGetCardsRequest(tokens=["x" * size]).SerializeToString()
    assert (field_of(content) == expected) is True  # not shown: it is long


@pytest.mark.parametrize("token", ["", "a" * 65, "no token", "tok_ü", "tok_\n"])
def test_a_token_that_would_have_its_batch_refused_goes_alone(token: str) -> None:
    assert GET_CARD.pack(GetCardRequest(token=token)) is None
    assert DETOKENIZE.pack(DetokenizeRequest(token=token, purpose="payment")) is None


@pytest.mark.parametrize("purpose", ["", "a" * 33, "Payment", "pay ment"])
def test_a_purpose_that_is_none_goes_alone(purpose: str) -> None:
    assert DETOKENIZE.pack(DetokenizeRequest(token="tok_a", purpose=purpose)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"credential_version": 1},
        {"include_security_code": True},
        {"request_id": str(uuid.UUID(int=1))},
        {"request_id": ""},
    ],
    ids=["version", "code", "id", "empty id"],
)
def test_what_a_batch_cannot_ask_for_goes_alone(more: dict[str, Any]) -> None:
    request = DetokenizeRequest(token="tok_a", purpose="payment", **more)
    assert DETOKENIZE.pack(request) is None


def test_what_only_newer_stubs_know_goes_alone() -> None:
    newer = DetokenizeRequest(token="tok_a", purpose="payment").SerializeToString() + b"\x78\x01"
    assert DETOKENIZE.pack(DetokenizeRequest.FromString(newer)) is None
    newer = GetCardRequest(token="tok_a").SerializeToString() + b"\x78\x01"
    assert GET_CARD.pack(GetCardRequest.FromString(newer)) is None


def test_a_request_that_is_too_big_for_a_batch() -> None:
    limits = Limits(batch_bytes=1_024)
    assert fits(Item(b"x" * 720, b"keys"), limits)
    assert not fits(Item(b"x" * 721, b"keys"), limits)


def test_a_caller_may_change_its_message_after_the_call() -> None:
    request = GetCardRequest(token="tok_a")
    item = packed(GET_CARD.pack(request)).content
    request.token = "tok_b"
    assert item == field_of(b"tok_a")


def test_what_is_packed_is_not_printed() -> None:
    request = TokenizeRequest()
    request.card.number = test_pan(Brand.VISA, 1)
    number = request.card.number
    assert (number in repr(TOKENIZE.pack(request))) is False


class _Channel:
    """Answers every batch with the same reply."""

    def __init__(self, reply: BatchDetokenizeResponse) -> None:
        self._reply = reply.SerializeToString()

    def unary_unary(self, _path: str, response_deserializer: Any) -> Any:
        async def call(_request: bytes, **_options: object) -> Any:
            return response_deserializer(self._reply)

        return call


async def test_replies_are_taken_apart() -> None:
    reply = BatchDetokenizeResponse(truncated=True)
    reply.results.add().response.masked.token = "tok_a"
    reply.results.add().error.code = grpc.StatusCode.NOT_FOUND.value[0]
    reply.results.add()  # of a kind that these stubs don't know
    send = sender(cast("grpc.aio.Channel", _Channel(reply)), DETOKENIZE, ())
    answers = await send(b"", [Item(b"")] * 3, None)
    assert answers.truncated
    good, bad, odd = answers.each
    assert not isinstance(good, CallFailed)
    assert good.masked.token == "tok_a"
    assert isinstance(bad, CallFailed)
    assert bad.code() is grpc.StatusCode.NOT_FOUND
    assert isinstance(odd, CallFailed)
    assert odd.code() is grpc.StatusCode.INTERNAL
