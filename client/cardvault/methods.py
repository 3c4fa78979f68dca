"""The methods that have a batch twin: how a call goes into a batch, and its answer comes out.

Calls are serialized as they arrive, so that a caller may change its message afterwards; a batch is
their bytes, one after the other (protobuf's encoding: a message is its fields in any order).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

from cardvault.batching import ITEM_BYTES, Answers, Item, Limits, Send
from cardvault.failures import CallFailed, failure_of_call, failure_of_status, misunderstood
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as vault_pb

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Metadata: TypeAlias = tuple[tuple[str, str], ...]

_VAULT: Final = "/cardvault.vault.v1.VaultService/"
_REVEAL: Final = "/cardvault.vault.v1.RevealService/"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_PURPOSE: Final = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, R]):
    """A single method and its batch twin.

    `pack` returns None for a request that can only go alone: because the batch has no field for
    something that it says, or because it is so wrong that it would have its whole batch refused.
    """

    single: str
    batch: str
    response: type[R]
    batch_response: Callable[[bytes], Any]
    pack: Callable[[Q], Item | None]
    read_only: bool


def sender(channel: grpc.aio.Channel, method: Method[Q, R], metadata: Metadata) -> Send[R]:
    """Return what sends a batch of a method's calls, and takes the reply apart."""
    call: Callable[..., Awaitable[Any]] = channel.unary_unary(
        method.batch, response_deserializer=method.batch_response
    )
    response = method.response

    async def send(key: bytes, items: Sequence[Item], timeout: float | None) -> Answers[R]:  # noqa: ASYNC109 - gRPC's
        try:
            reply = await call(
                b"".join((key, *[item.content for item in items])),
                timeout=timeout,
                metadata=metadata,
            )
        except grpc.aio.AioRpcError as error:
            raise failure_of_call(error) from None
        each = [_own(result, response) for result in reply.results]
        return Answers(each, getattr(reply, "truncated", False))

    return send


def _own(result: Any, response: type[R]) -> R | CallFailed:
    """Return one caller's part: a copy, else it would keep the others' parts in memory."""
    if result.HasField("response"):
        own = response()
        own.CopyFrom(result.response)
        return own
    return failure_of_status(result.error) if result.HasField("error") else misunderstood()


def fits(item: Item, limits: Limits) -> bool:
    """Tell whether a call is small enough to go into a batch."""
    return len(item.key) + len(item) + ITEM_BYTES <= limits.batch_bytes


def field_of(content: bytes) -> bytes:
    """Return a field of number 1 that has a length: its tag, the length in base 128, the bytes."""
    size = len(content)
    if size < 128:
        return b"\x0a%c%b" % (size, content)
    length = bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return b"\x0a%b%b" % (bytes(length), content)


def _pack_tokenize(request: vault_pb.TokenizeRequest) -> Item:
    return Item(field_of(request.SerializeToString()))


def _pack_get(request: vault_pb.GetCardRequest) -> Item | None:
    token = request.token
    if not _TOKEN.fullmatch(token) or request.ByteSize() != len(token) + 2:
        return None
    return Item(field_of(token.encode()))


def _pack_detokenize(request: reveal_pb.DetokenizeRequest) -> Item | None:
    token, purpose = request.token, request.purpose
    if not _TOKEN.fullmatch(token) or not _PURPOSE.fullmatch(purpose):
        return None
    if request.ByteSize() != len(token) + len(purpose) + 4:
        return None  # it asks for more: a version, a security code, or what only newer stubs know
    return Item(field_of(token.encode()), b"\x12%c%b" % (len(purpose), purpose.encode()))


TOKENIZE: Final = Method(
    _VAULT + "Tokenize",
    _VAULT + "BatchTokenize",
    vault_pb.TokenizeResponse,
    vault_pb.BatchTokenizeResponse.FromString,
    _pack_tokenize,
    read_only=False,
)
GET_CARD: Final = Method(
    _VAULT + "GetCard",
    _VAULT + "BatchGetCards",
    vault_pb.GetCardResponse,
    vault_pb.BatchGetCardsResponse.FromString,
    _pack_get,
    read_only=True,
)
DETOKENIZE: Final = Method(
    _REVEAL + "Detokenize",
    _REVEAL + "BatchDetokenize",
    reveal_pb.DetokenizeResponse,
    reveal_pb.BatchDetokenizeResponse.FromString,
    _pack_detokenize,
    # It writes nothing but its audit record: a reveal that nobody waits for may be cut off.
    read_only=True,
)
