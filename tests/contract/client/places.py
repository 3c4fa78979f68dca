"""A vault over real mTLS, and a batching client of it whose calls on the wire are counted."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from cardvault.client import Limits, Vault
from cardvault.vault.v1.vault_service_pb2 import TokenizeRequest

from cards.brands import Brand
from chassis.channel import open_channel
from tests.doubles.vault_site import VaultSite, new_pan, request_id


class Calls(grpc.aio.UnaryUnaryClientInterceptor):
    """Counts calls by method, as they leave."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Count, and pass on."""
        method = os.fsdecode(client_call_details.method)  # text or bytes, as gRPC likes
        self.made[method.rpartition("/")[2]] += 1
        return await continuation(client_call_details, request)


@asynccontextmanager
async def batching(
    site: VaultSite, identity: str, *, tenant: str | None = None, limits: Limits | None = None
) -> AsyncIterator[tuple[Vault, Counter[str]]]:
    """Yield an identity's batching client, and what it has called."""
    calls = Calls()
    channel = open_channel(site.address, site.tls(identity), [calls])
    async with channel, Vault(channel, tenant=tenant, limits=limits) as vault:
        yield vault, calls.made


def new_card(brand: Brand = Brand.VISA, **fields: Any) -> TokenizeRequest:
    """Return a request for a card that nobody has stored."""
    request = TokenizeRequest(request_id=request_id(), **fields)
    request.card.number = new_pan(brand)
    request.card.expiry_month, request.card.expiry_year = 12, 2031
    return request


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that nobody signals. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
