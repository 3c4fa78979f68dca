"""gRPC tries again what the service config says; the client itself never does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest
from cardvault import channel_options
from cardvault.client import CallFailed, Vault
from cardvault.vault.v1.vault_service_pb2 import GetCardRequest, TokenizeRequest

from tests.contract.client.moody import Moody, moody, serving
from tests.contract.client.places import new_card, until

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
GRPCS_OWN_BUFFER = 256 << 10
"""What gRPC keeps of a call to send it again, if nobody says otherwise."""


async def test_unavailable_is_tried_again_with_the_same_request_ids() -> None:
    async with moody(UNAVAILABLE, UNAVAILABLE) as (stand_in, vault):
        requests = [new_card() for _ in range(3)]
        replies = await asyncio.gather(*(vault.tokenize(each, timeout=20) for each in requests))
    ids = [each.request_id for each in requests]
    assert stand_in.seen == [ids] * 3
    assert [reply.card.customer for reply in replies] == ids


@pytest.mark.parametrize("kib", [5, 48], ids=["five KiB", "as large as cards get"])
async def test_large_batches_are_tried_again_too(kib: int) -> None:
    requests = [_of_size(kib << 10) for _ in range(64)]
    assert sum(each.ByteSize() for each in requests) > GRPCS_OWN_BUFFER
    async with moody(UNAVAILABLE, UNAVAILABLE) as (stand_in, vault):
        replies = await asyncio.gather(*(vault.tokenize(each, timeout=20) for each in requests))
    ids = [each.request_id for each in requests]
    assert stand_in.seen == [ids] * 3
    assert [reply.card.customer for reply in replies] == ids


async def test_a_single_call_as_large_as_a_message_may_be_is_tried_again() -> None:
    async with moody(UNAVAILABLE) as (stand_in, vault):
        asked = GetCardRequest(token="t" * ((4 << 20) - 5))
        assert asked.ByteSize() == 4 << 20
        await vault.get_card(asked, timeout=20)
    assert len(stand_in.seen) == 2


def _of_size(octets: int) -> TokenizeRequest:
    request = new_card(customer="c" * octets)
    request.customer = request.customer[request.ByteSize() - octets :]
    return request


async def test_where_most_calls_fail_nothing_is_tried_again_until_some_succeed() -> None:
    """The service config's retryThrottling: half of 100 tokens, and a tenth a success."""
    stand_in = Moody([UNAVAILABLE] * 80)
    stand_in.held.set()
    asked = GetCardRequest(token="no token")  # alone: a call each
    async with serving(stand_in) as port, _client(port) as vault:
        calls = [vault.get_card(asked, timeout=20) for _ in range(20)]
        await asyncio.gather(*calls, return_exceptions=True)
        lost = len(stand_in.seen)  # as many tokens
        assert 50 <= lost < 20 * 4
        with pytest.raises(CallFailed):
            await vault.get_card(asked, timeout=20)
        assert len(stand_in.seen) == lost + 1
        stand_in.failures.clear()
        for _ in range(10 * (lost + 1 - 50) + 20):
            await vault.get_card(asked, timeout=20)
        stand_in.failures.append(UNAVAILABLE)
        await vault.get_card(asked, timeout=20)


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[Vault]:
    target = f"127.0.0.1:{port}"
    async with (
        grpc.aio.insecure_channel(target, channel_options()) as channel,
        Vault(channel) as vault,
    ):
        yield vault


async def test_it_is_not_tried_for_ever() -> None:
    async with moody(*[UNAVAILABLE] * 9) as (stand_in, vault):
        with pytest.raises(CallFailed) as caught:
            await vault.tokenize(new_card(), timeout=20)
    assert caught.value.code() is UNAVAILABLE
    assert len(stand_in.seen) == 4  # the service config's maxAttempts


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED], ids=lambda c: c.name
)
async def test_nothing_else_is_tried_again(code: grpc.StatusCode) -> None:
    async with moody(code) as (stand_in, vault):
        with pytest.raises(CallFailed) as caught:
            await vault.tokenize(new_card(), timeout=20)
    assert caught.value.code() is code
    assert len(stand_in.seen) == 1


async def test_an_item_that_is_unavailable_is_its_callers_to_repeat() -> None:
    async with moody() as (stand_in, vault):
        stand_in.item_failure = UNAVAILABLE
        with pytest.raises(CallFailed) as caught:
            await vault.tokenize(new_card(), timeout=20)
    assert caught.value.code() is UNAVAILABLE
    assert caught.value.retry_after == timedelta(seconds=2)
    assert len(stand_in.seen) == 1


async def test_a_deadline_is_kept_on_time_while_the_batch_goes_on() -> None:
    async with moody(held=True) as (stand_in, vault):
        patient = asyncio.ensure_future(vault.tokenize(new_card(), timeout=30))
        began = time.monotonic()
        with pytest.raises(CallFailed) as caught:
            await vault.tokenize(new_card(), timeout=0.2)
        assert 0.19 < time.monotonic() - began < 5
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        stand_in.held.set()
        assert (await patient).card.customer
    assert [len(each) for each in stand_in.seen] == [2]
    assert 20 < stand_in.deadlines[0] < 31


async def test_a_read_that_nobody_waits_for_is_called_back_and_a_change_is_not() -> None:
    async with moody(held=True) as (stand_in, vault):
        read = asyncio.ensure_future(vault.get_card(GetCardRequest(token="tok_a"), timeout=30))
        change = asyncio.ensure_future(vault.tokenize(new_card(), timeout=30))
        await until(lambda: len(stand_in.deadlines) == 2)
        read.cancel()
        change.cancel()
        await until(lambda: stand_in.ended_early)
        later = asyncio.ensure_future(vault.get_card(GetCardRequest(token="tok_b"), timeout=30))
        stand_in.held.set()
        assert (await later).card.token == "tok_b"
    assert stand_in.ended_early == 1
    assert [len(each) for each in stand_in.seen] == [1, 1, 1]


async def test_a_server_that_goes_away_is_told_to_everybody() -> None:
    channel = grpc.aio.insecure_channel("127.0.0.1:1")
    async with channel, Vault(channel) as vault:
        asked = [GetCardRequest(token=f"tok_{index}") for index in range(3)]
        found = await asyncio.gather(
            *(vault.get_card(each, timeout=10) for each in asked), return_exceptions=True
        )
    assert all(isinstance(each, CallFailed) for each in found)
    assert {each.code() for each in found if isinstance(each, CallFailed)} == {UNAVAILABLE}
