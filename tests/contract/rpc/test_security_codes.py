"""Security codes: kept for minutes, taken once, repeated for 30 s, never without a number."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault

from tests.doubles.clocks import FakeClock
from tests.doubles.rpc_requests import stored
from tests.doubles.rpc_wire import Refusal, refused
from tests.doubles.vault_site import Client, request_id, vault_site


def with_code(card: card_pb2.Card, **fields: Any) -> reveals.DetokenizeRequest:
    return reveals.DetokenizeRequest(
        token=card.token, purpose="payment", include_security_code=True, **fields
    )


async def put(client: Client, card: card_pb2.Card, code: str, **fields: Any) -> None:
    await client.vault.PutSecurityCode(
        vault.PutSecurityCodeRequest(token=card.token, security_code=code, **fields)
    )


async def taken(client: Client, card: card_pb2.Card, **fields: Any) -> str:
    answer = await client.reveal.Detokenize(with_code(card, **fields))
    assert answer.card.number
    return answer.security_code


async def gone(client: Client, card: card_pb2.Card, **fields: Any) -> bool:
    told: Refusal = await refused(client.reveal.Detokenize(with_code(card, **fields)))
    return (told.code, told.reason) == ("FAILED_PRECONDITION", "SECURITY_CODE_GONE")


async def test_a_code_is_taken_once(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, psp = await site.client("app"), await site.client("psp")
        card = await stored(app, security_code="737")
        without = await psp.reveal.Detokenize(
            reveals.DetokenizeRequest(token=card.token, purpose="payment")
        )
        first = await taken(psp, card) == "737"
        second = await gone(psp, card)
        await put(app, card, "111")
        await put(app, card, "222")
        third = await taken(psp, card) == "222"
    assert not without.HasField("security_code")
    assert [first, second, third] == [True] * 3


async def test_the_same_request_may_take_it_again_for_30_seconds(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        psp, root = await site.client("psp"), await site.client("root")
        card = await stored(root, security_code="737")
        mine = request_id()
        first = await taken(psp, card, request_id=mine) == "737"
        clock.advance(29)
        again = await taken(psp, card, request_id=mine.upper()) == "737"
        another_id = await gone(psp, card, request_id=request_id())
        no_id = await gone(psp, card)
        another_caller = await gone(root, card, request_id=mine)
        clock.advance(2)
        late = await gone(psp, card, request_id=mine)
    assert [first, again, another_id, no_id, another_caller, late] == [True] * 6


@pytest.mark.parametrize(("ttl", "kept"), [(None, 15 * 60), (60, 60), (3600, 3600)])
async def test_a_code_is_kept_as_long_as_was_said(
    ttl: int | None, kept: int, tmp_path: Path
) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        app, psp = await site.client("app"), await site.client("psp")
        card = await stored(app)
        fields = {} if ttl is None else {"ttl": timedelta(seconds=ttl)}
        await put(app, card, "737", **fields)
        clock.advance(kept - 1)
        in_time = await taken(psp, card) == "737"
        await put(app, card, "737", **fields)
        clock.advance(kept)
        late = await gone(psp, card)
    assert in_time
    assert late


async def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, psp = await site.client("app"), await site.client("psp")
        card = await stored(app, security_code="737")
        calls = [psp.reveal.Detokenize(with_code(card)) for _caller in range(16)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        got = [each for each in answers if isinstance(each, reveals.DetokenizeResponse)]
    assert len(got) == 1


async def test_who_may_not_see_codes_sees_nothing(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        updater, psp = await site.client("updater"), await site.client("psp")
        card = await stored(await site.client("app"), security_code="737")
        request = with_code(card)
        request.purpose = "updater_inquiry"
        told = await refused(updater.reveal.Detokenize(request))
        still = await taken(psp, card) == "737"
    assert (told.code, told.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert still


async def test_a_retry_stores_the_code_again(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, psp = await site.client("app"), await site.client("psp")
        request = vault.TokenizeRequest(
            request_id=request_id(),
            card=card_pb2.CardDetails(number="4111111111111111"),
            security_code="737",
        )
        card = (await app.vault.Tokenize(request)).card
        first = await taken(psp, card) == "737"
        await app.vault.Tokenize(request)
        second = await taken(psp, card) == "737"
    assert [first, second] == [True, True]


async def test_after_a_new_number_the_old_code_is_gone(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root, security_code="737")
        request = vault.UpdateCardRequest(
            request_id=request_id(),
            token=card.token,
            expected_revision=1,
            card=card_pb2.CardChanges(expiry_month=1, expiry_year=2040),
        )
        await root.vault.UpdateCard(request)
        told = await gone(root, card)
    assert told


async def test_a_closed_card_takes_no_code(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root)
        await root.vault.SetCardStatus(
            vault.SetCardStatusRequest(
                request_id=request_id(),
                token=card.token,
                expected_revision=1,
                status=card_pb2.CARD_STATUS_CLOSED,
                reason="closed",
            )
        )
        told = await refused(put(root, card, "737"))
    assert (told.code, told.reason) == ("FAILED_PRECONDITION", "STATUS_FORBIDS")
