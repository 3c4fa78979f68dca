"""An asynchronous client that turns concurrent single calls into batches.

    async with connect("vault:8443", ca=…, certificate=…, key=…) as vault:
        reply = await vault.tokenize(request, timeout=2.0)

Calls of `Tokenize`, `Detokenize` and `GetCard` that are made at the same time go to the vault as
one `Batch…` call. Each keeps its own deadline, its own error and its own cancellation. Nothing here
tries a call again: gRPC does, as the service config says, and request ids make that safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import grpc
from google.protobuf.message import Message

from cardvault import channel_options
from cardvault.alone import Alone
from cardvault.batching import Batcher, Item, Limits
from cardvault.failures import CallFailed
from cardvault.methods import DETOKENIZE, GET_CARD, TOKENIZE, Metadata, Method, fits, sender
from cardvault.vault.v1.reveal_service_pb2 import DetokenizeRequest, DetokenizeResponse
from cardvault.vault.v1.vault_service_pb2 import (
    GetCardRequest,
    GetCardResponse,
    TokenizeRequest,
    TokenizeResponse,
)

__all__ = ("CallFailed", "Limits", "Vault", "connect", "open_channel")

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)

TENANT_KEY: Final = "cardvault-tenant"


class _Calls(Generic[Q, R]):
    """The calls of one method: in batches, or alone where a batch can't hold them."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        method: Method[Q, R],
        metadata: Metadata,
        limits: Limits,
    ) -> None:
        self._pack: Final = method.pack
        self._limits: Final = limits
        self._batcher: Final = Batcher[R](
            sender(channel, method, metadata), limits, abandon=method.read_only
        )
        single: Callable[..., Any] = channel.unary_unary(
            method.single, response_deserializer=method.response.FromString
        )
        self._alone: Final = Alone[R](single, metadata, limits)

    async def make(self, request: Q, timeout: float | None) -> R:  # noqa: ASYNC109 - gRPC's word
        """Make one call. Raises CallFailed."""
        item = self._pack(request)
        if item is not None and fits(item, self._limits):
            return await self._batcher.call(item, timeout)
        return await self._alone.call(Item(request.SerializeToString()), timeout)

    async def close(self, *, drain: bool) -> None:
        """Take no more calls; with `drain`, wait for those that are under way, else end them."""
        await asyncio.gather(self._batcher.close(drain=drain), self._alone.close(drain=drain))


class Vault:
    """Cardvault's client for many callers of one event loop; not for threads.

    Made while that loop runs, on an open channel, which it does not close. `tenant` is for
    identities that have several.
    `limits` hold for each method. Waits for nothing: the channel connects with the first call.
    """

    def __init__(
        self, channel: grpc.aio.Channel, *, tenant: str | None = None, limits: Limits | None = None
    ) -> None:
        metadata = () if tenant is None else ((TENANT_KEY, tenant),)
        limits = limits or Limits()
        self.channel: Final = channel
        self._tokenize: Final = _Calls(channel, TOKENIZE, metadata, limits)
        self._get_card: Final = _Calls(channel, GET_CARD, metadata, limits)
        self._detokenize: Final = _Calls(channel, DETOKENIZE, metadata, limits)

    async def tokenize(
        self,
        request: TokenizeRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - gRPC's
    ) -> TokenizeResponse:
        """Store a card and return it masked, as `VaultService.Tokenize` does.

        `timeout` is in seconds; None: the vault's own deadline. Raises CallFailed. After
        DEADLINE_EXCEEDED, CANCELLED or UNAVAILABLE the card may be stored: make the call again with
        the same request id. A call whose caller is cancelled before its batch has left is not made.
        """
        return await self._tokenize.make(request, timeout)

    async def get_card(
        self,
        request: GetCardRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - gRPC's
    ) -> GetCardResponse:
        """Return a card, masked, as `VaultService.GetCard` does. Raises CallFailed."""
        return await self._get_card.make(request, timeout)

    async def detokenize(
        self,
        request: DetokenizeRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - gRPC's
    ) -> DetokenizeResponse:
        """Reveal a card, as `RevealService.Detokenize` does. Raises CallFailed.

        Calls of one purpose share a batch. One that asks for an older version or a security code
        goes alone: the batch can't ask for those.
        """
        return await self._detokenize.make(request, timeout)

    async def close(self, *, drain: bool = True) -> None:
        """Take no more calls, and end those that there are: CallFailed says CANCELLED to new ones.

        With `drain` they are waited for, each until its deadline; without it, or when the wait is
        cancelled, they fail with CANCELLED. Safe to repeat. The channel stays open.
        """
        every = (self._tokenize, self._get_card, self._detokenize)
        await asyncio.gather(*(each.close(drain=drain) for each in every))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Drain; after an exception, end what is under way."""
        await self.close(drain=kind is None)


@asynccontextmanager
async def connect(
    target: str,
    *,
    ca: Path,
    certificate: Path,
    key: Path,
    tenant: str | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Vault]:
    """Yield a client on a channel of its own; close both with the block.

    See `open_channel` and `Vault`. Raises OSError for files that can't be read.
    """
    async with (
        open_channel(target, ca=ca, certificate=certificate, key=key) as channel,
        Vault(channel, tenant=tenant, limits=limits) as vault,
    ):
        yield vault


def open_channel(target: str, *, ca: Path, certificate: Path, key: Path) -> grpc.aio.Channel:
    """Open a channel over mutual TLS that tries again what the vault says may be tried again.

    `ca` is who the client trusts, `certificate` and `key` are who it is: PEM files, read once, so
    open a new channel when they are renewed. `target` is gRPC's: `dns:///vault:8443` spreads calls
    over all addresses of the name. The caller closes it. Raises OSError.
    """
    credentials = grpc.ssl_channel_credentials(
        ca.read_bytes(), key.read_bytes(), certificate.read_bytes()
    )
    return grpc.aio.secure_channel(target, credentials, options=channel_options())
