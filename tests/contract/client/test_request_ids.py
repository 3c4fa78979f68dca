"""A request id means the same in a batch, alone, and through another client."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from cardvault.client import CallFailed
from cardvault.vault.v1.vault_service_pb2 import TokenizeRequest

from tests.contract.client.places import batching, new_card, until
from tests.doubles.vault_site import vault_site


async def test_a_repeated_request_is_applied_once_whichever_way_it_goes(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site, batching(site, "app") as (vault, _made):
        plain = (await site.client("app")).vault
        batched_first, plain_first = new_card(customer="a"), new_card(customer="b")
        first = await vault.tokenize(batched_first, timeout=20)
        second = await plain.Tokenize(plain_first, timeout=20)
        assert await plain.Tokenize(batched_first, timeout=20) == first
        assert await vault.tokenize(plain_first, timeout=20) == second
        assert first.created
        assert second.created
        assert first.card.token != second.card.token


async def test_one_request_id_twice_in_a_batch_is_one_card(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site, batching(site, "app") as (vault, made):
        request = new_card()
        replies = await asyncio.gather(*(vault.tokenize(request, timeout=20) for _ in range(4)))
        assert made == {"BatchTokenize": 1}
        assert len({reply.card.token for reply in replies}) == 1
        assert {reply.card.revision for reply in replies} == {1}


async def test_a_request_id_with_another_body_is_refused(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site, batching(site, "app") as (vault, _made):
        request = new_card()
        other = TokenizeRequest(request_id=request.request_id)
        other.card.CopyFrom(new_card().card)
        stored = await vault.tokenize(request, timeout=20)
        with pytest.raises(CallFailed) as caught:
            await vault.tokenize(other, timeout=20)
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert caught.value.reason == "ERROR_REASON_REQUEST_ID_REUSED"
        assert (await vault.tokenize(request, timeout=20)).card.token == stored.card.token


async def test_a_call_that_was_given_up_is_found_again_by_its_id(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site, batching(site, "app") as (vault, made):
        request = new_card()
        given_up = asyncio.ensure_future(vault.tokenize(request, timeout=20))
        await until(lambda: made)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        again = await vault.tokenize(request, timeout=20)
        once_more = await vault.tokenize(request, timeout=20)
        assert again == once_more
        assert again.created
