"""Through a batch, alone or through the plain stubs: the same answers, and the same refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from cardvault.client import CallFailed, Vault
from cardvault.failures import failure_of_call
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1.reveal_service_pb2 import DetokenizeRequest
from cardvault.vault.v1.vault_service_pb2 import (
    GetCardRequest,
    PutSecurityCodeRequest,
    TokenizeRequest,
)

from tests.contract.client.places import batching, new_card
from tests.doubles.vault_site import Client, VaultSite, request_id, vault_site

CALLERS = 64


@dataclass
class Both:
    """The two ways to call, as everybody's identity."""

    site: VaultSite
    plain: Client
    vault: Vault
    made: dict[str, int]


@pytest_asyncio.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    """Serve a vault, and return both ways to call it."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(vault_site(tmp_path))
        vault, made = await stack.enter_async_context(batching(site, "root", tenant=None))
        yield Both(site, await site.client("root"), vault, made)


def told(error: CallFailed) -> tuple[object, ...]:
    """Return all that a caller may learn of a failure."""
    return (error.code(), error.details(), error.reason, error.retry_after, error.violations)


async def failure(call: Awaitable[object]) -> tuple[object, ...]:
    """Return how a call failed."""
    try:
        await call
    except CallFailed as error:
        return told(error)
    except grpc.aio.AioRpcError as error:
        return told(failure_of_call(error))
    raise AssertionError("the call did not fail")


async def test_many_callers_each_get_their_own(both: Both) -> None:
    requests = [new_card(customer=f"customer-{index}") for index in range(CALLERS)]
    replies = await asyncio.gather(*(both.vault.tokenize(each, timeout=20) for each in requests))
    assert len({reply.card.token for reply in replies}) == CALLERS
    for index, (request, reply) in enumerate(zip(requests, replies, strict=True)):
        assert reply.created
        assert reply.card.customer == f"customer-{index}"
        assert reply.card.last4 == request.card.number[-4:]

    async def back(request: TokenizeRequest, token: str) -> bool:
        asked = DetokenizeRequest(token=token, purpose="payment")
        revealed = await both.vault.detokenize(asked, timeout=20)
        shown = await both.vault.get_card(GetCardRequest(token=token), timeout=20)
        assert shown.card == revealed.masked
        return revealed.card.number == request.card.number

    tokens = [reply.card.token for reply in replies]
    right = await asyncio.gather(*map(back, requests, tokens))
    assert all(right)
    assert set(both.made) == {"BatchTokenize", "BatchDetokenize", "BatchGetCards"}
    assert both.made["BatchTokenize"] <= 4
    assert sum(both.made.values()) < CALLERS


async def test_answers_are_those_of_plain_calls(both: Both) -> None:
    stored = await both.vault.tokenize(new_card(customer="c", metadata={"k": "v"}), timeout=20)
    token = stored.card.token
    asked, reveal = GetCardRequest(token=token), DetokenizeRequest(token=token, purpose="payment")
    assert await both.vault.get_card(asked) == await both.plain.vault.GetCard(asked)
    same = await both.vault.detokenize(reveal) == await both.plain.reveal.Detokenize(reveal)
    assert same is True


def _bad_number(request: TokenizeRequest) -> None:
    last = request.card.number[-1]
    request.card.number = request.card.number[:-1] + str((int(last) + 1) % 10)


def _bad_fields(request: TokenizeRequest) -> None:
    request.customer = "no such alphabet"
    request.request_id = "no uuid"


def _number_elsewhere(request: TokenizeRequest) -> None:
    request.metadata["note"] = request.card.number


def _bad_code(request: TokenizeRequest) -> None:
    request.security_code = "1234"


REFUSED: dict[str, Callable[[TokenizeRequest], None]] = {
    "number": _bad_number,
    "fields": _bad_fields,
    "number elsewhere": _number_elsewhere,
    "security code": _bad_code,
}


@pytest.mark.parametrize("spoil", REFUSED.values(), ids=list(REFUSED))
async def test_a_refused_card_is_told_as_ever_and_hurts_no_neighbour(
    both: Both, spoil: Callable[[TokenizeRequest], None]
) -> None:
    bad = new_card()
    spoil(bad)
    expected = await failure(both.plain.vault.Tokenize(bad, timeout=20))
    assert expected[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert await failure(both.vault.tokenize(bad, timeout=20)) == expected
    first, alike, last = await asyncio.gather(
        both.vault.tokenize(new_card(), timeout=20),
        failure(both.vault.tokenize(bad, timeout=20)),
        both.vault.tokenize(new_card(), timeout=20),
    )
    assert alike == expected
    assert first.created
    assert last.created


TOKENS = {"unknown": "tok_00000000000000000000000000", "no token": "no token", "empty": ""}


@pytest.mark.parametrize("token", TOKENS.values(), ids=list(TOKENS))
async def test_a_refused_read_is_told_as_ever_and_hurts_no_neighbour(
    both: Both, token: str
) -> None:
    known = (await both.vault.tokenize(new_card(), timeout=20)).card.token
    reads: list[tuple[Any, Any, Any, Any]] = [
        (
            both.vault.get_card,
            both.plain.vault.GetCard,
            GetCardRequest(token=token),
            GetCardRequest(token=known),
        ),
        (
            both.vault.detokenize,
            both.plain.reveal.Detokenize,
            DetokenizeRequest(token=token, purpose="payment"),
            DetokenizeRequest(token=known, purpose="payment"),
        ),
    ]
    for batched, plain, bad, good in reads:
        expected = await failure(plain(bad, timeout=20))
        alike, fine = await asyncio.gather(
            failure(batched(bad, timeout=20)), batched(good, timeout=20)
        )
        assert alike == expected
        assert fine.ByteSize() > 0


@pytest.mark.parametrize("purpose", ["laundering", "", "No Purpose"])
async def test_a_refused_purpose_hurts_no_other(both: Both, purpose: str) -> None:
    token = (await both.vault.tokenize(new_card(), timeout=20)).card.token
    bad = DetokenizeRequest(token=token, purpose=purpose)
    good = DetokenizeRequest(token=token, purpose="refund")
    expected = await failure(both.plain.reveal.Detokenize(bad, timeout=20))
    one, fine, other = await asyncio.gather(
        failure(both.vault.detokenize(bad, timeout=20)),
        both.vault.detokenize(good, timeout=20),
        failure(both.vault.detokenize(bad, timeout=20)),
    )
    assert one == other == expected
    assert fine.masked.token == token


async def test_an_identity_that_may_not_is_told_as_ever(both: Both) -> None:
    app = await both.site.client("app")
    asked = DetokenizeRequest(token="tok_a", purpose="payment")
    expected = await failure(app.reveal.Detokenize(asked, timeout=20))
    assert expected[0] is grpc.StatusCode.PERMISSION_DENIED
    async with batching(both.site, "app") as (vault, _made):
        assert await failure(vault.detokenize(asked, timeout=20)) == expected


async def test_an_identity_with_several_tenants_names_one(both: Both) -> None:
    request = new_card()
    async with batching(both.site, "several") as (vault, _made):
        code, _text, reason, *_ = await failure(vault.tokenize(request, timeout=20))
    assert (code, reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "ERROR_REASON_TENANT_REQUIRED",
    )
    async with batching(both.site, "several", tenant="second") as (vault, _made):
        stored = await vault.tokenize(request, timeout=20)
        alone = GetCardRequest(token=stored.card.token)
        assert (await vault.get_card(alone, timeout=20)).card.token == stored.card.token
    async with batching(both.site, "several", tenant="demo") as (vault, _made):
        assert (await failure(vault.get_card(alone)))[0] is grpc.StatusCode.NOT_FOUND


async def test_a_reveal_with_a_security_code_goes_alone(both: Both) -> None:
    token = (await both.vault.tokenize(new_card(), timeout=20)).card.token
    put = PutSecurityCodeRequest(token=token, security_code="123")
    await both.plain.vault.PutSecurityCode(put, timeout=20)
    asked = DetokenizeRequest(
        token=token, purpose="payment", include_security_code=True, request_id=request_id()
    )
    revealed = await both.vault.detokenize(asked, timeout=20)
    assert revealed.HasField("security_code")
    assert both.made["Detokenize"] == 1


async def test_large_cards_come_back_whole(both: Both) -> None:
    requests = [
        new_card(
            metadata={f"key-{index}": "é" * 100 for index in range(18)},
            stored_credentials=[
                card_pb2.StoredCredential(
                    merchant_account=f"account-{index}",
                    agreement=card_pb2.AGREEMENT_RECURRING,
                    initiator=card_pb2.INITIATOR_MERCHANT,
                )
                for index in range(20)
            ],
        )
        for _ in range(80)
    ]
    replies = await asyncio.gather(*(both.vault.tokenize(each, timeout=60) for each in requests))
    assert {len(reply.card.metadata) for reply in replies} == {18}
    assert {len(reply.card.stored_credentials) for reply in replies} == {20}


async def test_a_request_that_is_too_big_for_any_batch_goes_alone(both: Both) -> None:
    request = new_card(metadata={"key": "x" * (4 << 20)})
    code, *_ = await failure(both.vault.tokenize(request, timeout=20))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert both.made == {"Tokenize": 1}
