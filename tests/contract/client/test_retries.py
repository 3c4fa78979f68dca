"""gRPC tries again what the service config says; the client itself never does."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import grpc
import pytest
from cardvault.client import CallFailed, Vault
from cardvault.vault.v1.vault_service_pb2 import GetCardRequest

from tests.contract.client.moody import moody
from tests.contract.client.places import new_card, until

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


async def test_unavailable_is_tried_again_with_the_same_request_ids() -> None:
    async with moody(UNAVAILABLE, UNAVAILABLE) as (stand_in, vault):
        requests = [new_card() for _ in range(3)]
        replies = await asyncio.gather(*(vault.tokenize(each, timeout=20) for each in requests))
    ids = [each.request_id for each in requests]
    assert stand_in.seen == [ids] * 3
    assert [reply.card.customer for reply in replies] == ids


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
