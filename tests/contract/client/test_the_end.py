"""What becomes of calls, in batches and alone, when the client is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from cardvault.client import CallFailed, Vault
from cardvault.vault.v1.vault_service_pb2 import GetCardRequest

from tests.contract.client.moody import moody
from tests.contract.client.places import new_card, until

ALONE = GetCardRequest(token="no token")
"""A read that can't go into a batch."""
CUT_OFF = "CANCELLED: the client was closed"


async def test_leaving_by_an_exception_cuts_calls_off() -> None:
    calls: list[asyncio.Future[Any]] = []

    async def leave() -> None:
        async with moody(held=True) as (stand_in, vault):
            for _ in range(2):
                calls.append(asyncio.ensure_future(vault.tokenize(new_card(), timeout=30)))
                await until(lambda: stand_in.seen)
            raise KeyError

    with pytest.raises(KeyError):
        await leave()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in found} == {CallFailed}
    assert {str(each) for each in found} == {"CANCELLED: the client was closed"}


async def test_leaving_by_an_exception_cuts_off_calls_that_are_alone() -> None:
    calls: list[asyncio.Future[Any]] = []

    async def leave() -> None:
        async with moody(held=True) as (stand_in, vault):
            calls.append(asyncio.ensure_future(vault.get_card(ALONE, timeout=30)))
            await until(lambda: stand_in.seen)
            raise KeyError

    with pytest.raises(KeyError):
        await leave()
    [found] = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(found, CallFailed)
    assert str(found) == CUT_OFF


async def test_leaving_waits_for_calls_in_batches_and_alone() -> None:
    async with moody(held=True) as (stand_in, vault):
        batched = asyncio.ensure_future(vault.get_card(GetCardRequest(token="tok_a"), timeout=30))
        alone = asyncio.ensure_future(vault.get_card(ALONE, timeout=30))
        await until(lambda: len(stand_in.seen) == 2)
        closing = asyncio.ensure_future(vault.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        stand_in.held.set()
        await closing
        assert batched.done()
        assert (await alone).card.token == ALONE.token


async def test_a_closed_client_takes_no_more_calls() -> None:
    async with moody() as (stand_in, vault):
        await vault.close()
        await vault.close()
        for request in (GetCardRequest(token="tok_a"), ALONE):
            with pytest.raises(CallFailed) as caught:
                await vault.get_card(request, timeout=30)
            assert str(caught.value) == CUT_OFF
    assert stand_in.seen == []


async def test_a_call_alone_is_cancelled_as_any() -> None:
    async with moody(held=True) as (stand_in, vault):
        alone = asyncio.ensure_future(vault.get_card(ALONE, timeout=30))
        await until(lambda: stand_in.seen)
        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone
        await until(lambda: stand_in.ended_early)


async def test_calls_alone_are_bounded_too() -> None:
    async with moody(held=True, waiting_calls=1) as (stand_in, vault):
        alone = asyncio.ensure_future(vault.get_card(ALONE, timeout=30))
        await until(lambda: stand_in.seen)
        with pytest.raises(CallFailed) as caught:
            await vault.get_card(ALONE, timeout=30)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        stand_in.held.set()
        assert (await alone).card.token == ALONE.token


async def test_a_channel_that_is_closed_first() -> None:
    async with moody(held=True) as (stand_in, vault):
        call = asyncio.ensure_future(vault.tokenize(new_card(), timeout=30))
        await until(lambda: stand_in.seen)
        await vault.channel.close()
        with pytest.raises(CallFailed) as caught:
            await call
        assert str(caught.value) == CUT_OFF
        other = Vault(vault.channel)
        with pytest.raises(CallFailed) as caught:
            await other.tokenize(new_card(), timeout=30)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        await other.close()
