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


async def test_a_batched_call_cancelled_before_it_left_is_not_made() -> None:
    async with moody() as (stand_in, vault):
        call = asyncio.create_task(vault.tokenize(new_card(), timeout=30))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await vault.get_card(GetCardRequest(token="tok_a"), timeout=30)).card.token
    assert stand_in.seen == [["tok_a"]]


@pytest.mark.parametrize("limits", [{"waiting_calls": 1}, {"waiting_bytes": 15}], ids=list)
async def test_calls_alone_are_bounded_too(limits: dict[str, int]) -> None:
    async with moody(held=True, **limits) as (stand_in, vault):
        alone = asyncio.ensure_future(vault.get_card(ALONE, timeout=30))
        await until(lambda: stand_in.seen)
        with pytest.raises(CallFailed) as caught:
            await vault.get_card(ALONE, timeout=30)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        stand_in.held.set()
        assert (await alone).card.token == ALONE.token
        assert (await vault.get_card(ALONE, timeout=30)).card.token == ALONE.token
    assert len(stand_in.seen) == 2


async def test_a_call_alone_gives_its_room_back_however_it_ends() -> None:
    async with moody(grpc.StatusCode.INTERNAL, held=True, waiting_calls=1) as (stand_in, vault):
        with pytest.raises(CallFailed, match="INTERNAL"):
            await vault.get_card(ALONE, timeout=30)
        with pytest.raises(CallFailed, match="DEADLINE_EXCEEDED"):
            await vault.get_card(ALONE, timeout=0.1)
        gone = asyncio.ensure_future(vault.get_card(ALONE, timeout=30))
        await until(lambda: len(stand_in.seen) == 3)
        gone.cancel()
        await asyncio.wait([gone])
        stand_in.held.set()
        assert (await vault.get_card(ALONE, timeout=30)).card.token == ALONE.token


@pytest.mark.parametrize("how", ["at once", "while it drains"])
async def test_on_a_channel_that_stays_open_calls_alone_are_cut_off_too(how: str) -> None:
    async with moody(held=True) as (stand_in, vault):
        alone = asyncio.ensure_future(vault.get_card(ALONE, timeout=30))
        batched = asyncio.ensure_future(vault.get_card(GetCardRequest(token="tok_a"), timeout=30))
        await until(lambda: len(stand_in.seen) == 2)
        if how == "at once":
            await vault.close(drain=False)
        else:
            closing = asyncio.ensure_future(vault.close())
            await asyncio.sleep(0.05)
            closing.cancel()
            await asyncio.wait([closing])
        found = await asyncio.wait_for(asyncio.gather(alone, batched, return_exceptions=True), 10)
        assert [f"{each}" for each in found] == [CUT_OFF] * 2
        await until(lambda: stand_in.ended_early == 2)  # the vault is told


async def test_a_channel_that_is_closed_first() -> None:
    async with moody(held=True) as (stand_in, vault):
        call = asyncio.ensure_future(vault.tokenize(new_card(), timeout=30))
        await until(lambda: stand_in.seen)
        await vault.channel.close()
        with pytest.raises(CallFailed) as caught:
            await call
        assert str(caught.value) == CUT_OFF
        other = Vault(vault.channel)
        for request in (GetCardRequest(token="tok_a"), ALONE):
            with pytest.raises(CallFailed) as caught:
                await other.get_card(request, timeout=30)
            assert caught.value.code() is grpc.StatusCode.INTERNAL
        await other.close()
