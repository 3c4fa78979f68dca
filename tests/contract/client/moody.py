"""A vault's stand-in over gRPC that fails, and makes wait, as a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import grpc
from cardvault import channel_options
from cardvault.client import Limits, Vault
from cardvault.vault.v1.vault_service_pb2 import (
    BatchGetCardsRequest,
    BatchGetCardsResponse,
    BatchTokenizeRequest,
    BatchTokenizeResponse,
    GetCardRequest,
    GetCardResponse,
)
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo


@dataclass
class Moody:
    """A vault's stand-in that fails as it is told to, and remembers what it was sent."""

    failures: list[grpc.StatusCode] = field(default_factory=list)
    item_failure: grpc.StatusCode | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[list[str]] = field(default_factory=list)
    ended_early: int = 0
    deadlines: list[float] = field(default_factory=list)

    async def _begin(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.deadlines.append(context.time_remaining())
        if self.failures:
            await context.abort(self.failures.pop(0), "as told")
        try:
            await self.held.wait()
        except asyncio.CancelledError:
            self.ended_early += 1
            raise

    async def tokenize(
        self, request: BatchTokenizeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> BatchTokenizeResponse:
        """Answer a batch of cards to store."""
        self.seen.append([each.request_id for each in request.requests])
        await self._begin(context)
        response = BatchTokenizeResponse()
        for each in request.requests:
            result = response.results.add()
            if self.item_failure is None:
                result.response.card.customer = each.request_id
                continue
            result.error.code = self.item_failure.value[0]
            retry = RetryInfo()
            retry.retry_delay.FromTimedelta(timedelta(seconds=2))
            detail = AnyMessage()
            detail.Pack(retry)
            result.error.details.append(detail)
        return response

    async def get_one(
        self, request: GetCardRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> GetCardResponse:
        """Answer a single read; of a token that is none, its beginning."""
        self.seen.append([request.token])
        await self._begin(context)
        response = GetCardResponse()
        response.card.token = request.token[:64]
        return response

    async def get(
        self, request: BatchGetCardsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> BatchGetCardsResponse:
        """Answer a batch of reads."""
        self.seen.append(list(request.tokens))
        await self._begin(context)
        response = BatchGetCardsResponse()
        for token in request.tokens:
            response.results.add().response.card.token = token
        return response


@asynccontextmanager
async def moody(
    *failures: grpc.StatusCode, held: bool = False, **waiting: int
) -> AsyncIterator[tuple[Moody, Vault]]:
    """Serve a stand-in, and yield it with a client of it."""
    stand_in = Moody(list(failures))
    if not held:
        stand_in.held.set()
    limits = Limits(batches=1, **{"waiting_calls": 100, **waiting})
    async with (
        serving(stand_in) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", channel_options()) as channel,
        Vault(channel, limits=limits) as vault,
    ):
        yield stand_in, vault
        stand_in.held.set()


@asynccontextmanager
async def serving(stand_in: Moody) -> AsyncIterator[int]:
    """Serve a stand-in on the port that is yielded."""
    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "BatchTokenize": grpc.unary_unary_rpc_method_handler(
            stand_in.tokenize,
            BatchTokenizeRequest.FromString,
            BatchTokenizeResponse.SerializeToString,
        ),
        "GetCard": grpc.unary_unary_rpc_method_handler(
            stand_in.get_one, GetCardRequest.FromString, GetCardResponse.SerializeToString
        ),
        "BatchGetCards": grpc.unary_unary_rpc_method_handler(
            stand_in.get,
            BatchGetCardsRequest.FromString,
            BatchGetCardsResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("cardvault.vault.v1.VaultService", methods),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
