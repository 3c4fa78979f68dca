"""Bytes that are no message, other tenants' tokens, page tokens of other lists, bad items."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import audit_service_pb2 as audits
from cardvault.vault.v1 import card_pb2, update_pb2
from cardvault.vault.v1 import vault_service_pb2 as vault

from chassis.call import TENANT_KEY
from tests.doubles.rpc_requests import (
    card_for,
    covered,
    good_request,
    stored,
)
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import refusal_in, refused, send, short, vault_routes
from tests.doubles.vault_site import new_pan, vault_site

ROUTES: Final = {short(route): route for route in vault_routes()}


def luhn_broken(request: Any, holder: str = "card") -> None:
    digits = new_pan()
    getattr(request, holder).number = digits[:-1] + str((int(digits[-1]) + 1) % 10)


async def test_bytes_that_are_no_message_get_a_proper_status_from_every_rpc(
    tmp_path: Path,
) -> None:
    garbage = (b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05\xff")
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        before = stored_rows(site)
        for route in ROUTES.values():
            for sent in garbage:
                told = (await send(root.channel, route, sent)).refusal
                assert told is not None
                assert told.code == "INVALID_ARGUMENT"
                assert told.reason in {"MALFORMED_MESSAGE", "INVALID_FIELD"}
                assert told.domain == "cardvault"
        assert stored_rows(site) == before


async def test_an_oversize_message_gets_the_transports_own_status(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        before = stored_rows(site)
        for route in (ROUTES["BatchTokenize"], ROUTES["GetCard"]):
            told = (await send(root.channel, route, b"\x0a" * ((4 << 20) + 1))).refusal
            assert told is not None
            assert (told.code, told.reason) == ("RESOURCE_EXHAUSTED", "")
        assert stored_rows(site) == before


ABOUT_A_CARD: Final = (
    "GetCard",
    "ListCardVersions",
    "UpdateCard",
    "SetCardStatus",
    "ReportDecline",
    "PutSecurityCode",
    "DeleteCard",
    "UndeleteCard",
    "Detokenize",
)


async def test_another_tenants_token_is_not_found_exactly_as_one_that_never_was(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root, other = await site.client("root"), await site.client("other")
        for method in ABOUT_A_CARD:
            card = await card_for(method, root)
            before = stored_rows(site)
            foreign = (
                await send(other.channel, ROUTES[method], good_request(method, card))
            ).refusal
            assert stored_rows(site) == before
            card.token = "tok_" + "0" * 26
            never = (await send(other.channel, ROUTES[method], good_request(method, card))).refusal
            assert foreign is not None
            assert never is not None
            assert (foreign.code, foreign.reason) == ("NOT_FOUND", "CARD_NOT_FOUND")
            assert foreign.raw == never.raw


async def test_another_tenants_token_with_a_security_code_is_not_found_either(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root, other = await site.client("root"), await site.client("other")
        request = good_request("Detokenize", await stored(root, security_code="123"))
        request.include_security_code = True
        told = (await send(other.channel, ROUTES["Detokenize"], request)).refusal
    assert told is not None
    assert (told.code, told.reason) == ("NOT_FOUND", "CARD_NOT_FOUND")


async def test_page_tokens_are_bound_to_tenant_query_and_list(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        several = await site.client("several")
        demo, second = ((TENANT_KEY, "demo"),), ((TENANT_KEY, "second"),)
        for metadata in (demo, second):
            for _card in range(3):
                request = good_request("Tokenize", card_pb2.Card())
                request.ClearField("ttl")
                request.customer = "c1"
                await several.vault.Tokenize(request, metadata=metadata)
        page = vault.ListCardsRequest(customer="c1", page_size=1)
        token = (await several.vault.ListCards(page, metadata=demo)).next_page_token
        assert token
        page.page_token = token
        await several.vault.ListCards(page, metadata=demo)
        tampered = ("A" if token[10] != "A" else "B").join((token[:10], token[11:]))
        told = [
            await refused(several.vault.ListCards(page, metadata=second)),
            await refused(
                several.vault.ListCards(
                    vault.ListCardsRequest(page_size=1, page_token=token), metadata=demo
                )
            ),
            await refused(
                several.vault.ListCards(
                    vault.ListCardsRequest(customer="c1", page_size=1, page_token=tampered),
                    metadata=demo,
                )
            ),
            await refused(
                several.audit.ListAuditRecords(
                    audits.ListAuditRecordsRequest(page_token=token), metadata=demo
                )
            ),
        ]
    assert {(each.code, each.reason) for each in told} == {
        ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
    }


@pytest.mark.parametrize("size", [2, 1000])
async def test_a_bad_item_fails_alone_wherever_it_stands(size: int, tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        batch = vault.BatchTokenizeRequest()
        for _item in range(size):
            batch.requests.append(good_request("Tokenize", card_pb2.Card()))
            batch.requests[-1].ClearField("security_code")
        for at in (0, size - 1):
            luhn_broken(batch.requests[at])
        results = (await root.vault.BatchTokenize(batch, timeout=30)).results
        bad = {at for at, each in enumerate(results) if each.HasField("error")}
        reasons = {refusal_in(results[at].error).reason for at in bad}
        rows = stored_rows(site)
    assert bad == {0, size - 1}
    assert reasons == {"CARD_NUMBER_INVALID"}
    assert rows["cards"] == rows["requests"] == size - len(bad)


async def test_a_repeated_update_in_one_batch_is_applied_once(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        updater = await site.client("updater")
        card = await covered(await site.client("root"))
        request = good_request("ApplyUpdates", card)
        request.updates.append(request.updates[0])
        results = (await updater.credential.ApplyUpdates(request)).results
    names = [update_pb2.Disposition.Name(each.disposition) for each in results]
    assert names == ["DISPOSITION_APPLIED", "DISPOSITION_DUPLICATE"]
