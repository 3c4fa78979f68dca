"""Detokenize, its batch twin and FindByNumber: purposes, statuses, versions, order."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault

from tests.doubles.rpc_requests import covered, stored, tokenize, update
from tests.doubles.rpc_wire import refusal_in, refused
from tests.doubles.vault_site import Client, VaultSite, new_pan, request_id, vault_site

ACTIVE: Final = card_pb2.CARD_STATUS_ACTIVE
NEEDS: Final = card_pb2.CARD_STATUS_NEEDS_CARDHOLDER
CLOSED: Final = card_pb2.CARD_STATUS_CLOSED

# What the site's policy says: purpose, then whether it sees ACTIVE, NEEDS_CARDHOLDER, CLOSED.
SEEN: Final = {
    "payment": (True, True, False),
    "refund": (True, True, True),
    "dispute": (True, True, True),
}


def ask(card: card_pb2.Card, purpose: str = "payment", **fields: Any) -> reveals.DetokenizeRequest:
    return reveals.DetokenizeRequest(token=card.token, purpose=purpose, **fields)


async def in_status(site: VaultSite, status: card_pb2.CardStatus) -> card_pb2.Card:
    root = await site.client("root")
    card = await stored(root)
    if status == ACTIVE:
        return card
    request = vault.SetCardStatusRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=1,
        status=status,
        reason="as asked",
    )
    return (await root.vault.SetCardStatus(request)).card


async def test_what_went_in_comes_out_whole(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, psp = await site.client("app"), await site.client("psp")
        request = tokenize()
        request.card.cardholder_name = "Zoë O'Neil"
        request.card.billing_address.region_code = "DE"
        request.card.billing_address.address_lines.append("Hauptstraße 1")
        card = (await app.vault.Tokenize(request)).card
        answer = await psp.reveal.Detokenize(ask(card))
        whole = answer.card == request.card
    assert whole
    assert not answer.HasField("security_code")
    assert answer.masked.token == card.token
    assert answer.masked.last4 == card.last4


@pytest.mark.parametrize("purpose", SEEN)
async def test_a_purpose_sees_the_statuses_that_policy_names(purpose: str, tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        psp = await site.client("psp")
        for status, seen in zip((ACTIVE, NEEDS, CLOSED), SEEN[purpose], strict=True):
            card = await in_status(site, status)
            if seen:
                answer = await psp.reveal.Detokenize(ask(card, purpose))
                assert answer.masked.status == status
                continue
            told = await refused(psp.reveal.Detokenize(ask(card, purpose)))
            assert (told.code, told.reason) == ("FAILED_PRECONDITION", "STATUS_FORBIDS")


@pytest.mark.parametrize(
    ("name", "purpose"),
    [("psp", "updater_inquiry"), ("updater", "payment"), ("psp", "curiosity")],
)
async def test_a_purpose_that_policy_does_not_give_is_denied(
    name: str, purpose: str, tmp_path: Path
) -> None:
    async with vault_site(tmp_path) as site:
        client = await site.client(name)
        card = await stored(await site.client("app"))
        single = await refused(client.reveal.Detokenize(ask(card, purpose)))
        batch = await refused(
            client.reveal.BatchDetokenize(
                reveals.BatchDetokenizeRequest(tokens=[card.token], purpose=purpose)
            )
        )
    for told in (single, batch):
        assert (told.code, told.reason) == ("PERMISSION_DENIED", "PURPOSE_FORBIDDEN")


async def test_the_updater_reads_for_its_own_purpose(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        updater = await site.client("updater")
        number = new_pan()
        card = await stored(await site.client("app"), number)
        answer = await updater.reveal.Detokenize(ask(card, "updater_inquiry"))
        same = answer.card.number == number
    assert same


async def _renumbered(root: Client, number: str, new: str) -> card_pb2.Card:
    card = await stored(root, number)
    request = vault.UpdateCardRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=1,
        card=card_pb2.CardChanges(number=new),
    )
    return (await root.vault.UpdateCard(request)).card


async def test_an_older_version_needs_a_permission_of_its_own(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, psp = await site.client("root"), await site.client("psp")
        old, new = new_pan(), new_pan()
        card = await _renumbered(root, old, new)
        shown = [
            (await root.reveal.Detokenize(ask(card))).card.number == new,
            (await root.reveal.Detokenize(ask(card, credential_version=2))).card.number == new,
            (await root.reveal.Detokenize(ask(card, credential_version=1))).card.number == old,
            (await psp.reveal.Detokenize(ask(card, credential_version=2))).card.number == new,
        ]
        denied = await refused(psp.reveal.Detokenize(ask(card, credential_version=1)))
        never = await refused(root.reveal.Detokenize(ask(card, credential_version=3)))
    assert shown == [True] * 4
    assert (denied.code, denied.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert (never.code, never.reason) == ("NOT_FOUND", "VERSION_NOT_FOUND")


async def test_a_batch_reveals_in_order_and_each_alone(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        psp, root = await site.client("psp"), await site.client("root")
        numbers = [new_pan() for _card in range(300)]  # more than one step of the handler
        batch = vault.BatchTokenizeRequest(requests=[tokenize(number) for number in numbers])
        made = (await root.vault.BatchTokenize(batch)).results
        tokens = [each.response.card.token for each in made]
        closed = await in_status(site, CLOSED)
        gone = await stored(root)
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=gone.token)
        )
        wanted = [tokens[1], closed.token, tokens[0], gone.token, "tok_none", *tokens]
        answer = await psp.reveal.BatchDetokenize(
            reveals.BatchDetokenizeRequest(tokens=wanted, purpose="payment")
        )
        results = answer.results
        same = [each.response.card.number for each in results[5:]] == numbers
        first = results[0].response.card.number == numbers[1]
        third = results[2].response.card.number == numbers[0]
    assert len(results) == len(wanted)
    assert not answer.truncated
    assert same
    assert first
    assert third
    assert [refusal_in(results[at].error).reason for at in (1, 3, 4)] == [
        "STATUS_FORBIDS",
        "CARD_DELETED",
        "CARD_NOT_FOUND",
    ]


async def test_a_batch_that_would_be_too_big_stops_and_says_so(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        request = tokenize()
        request.card.billing_address.address_lines.extend(["q" * 100] * 10)
        request.card.billing_address.recipients.extend(["q" * 100] * 5)
        request.metadata.update({f"k{at}": "v" * 1000 for at in range(4)})
        card = (await root.vault.Tokenize(request)).card
        batch = reveals.BatchDetokenizeRequest(tokens=[card.token] * 1000, purpose="payment")
        answer = await root.reveal.BatchDetokenize(batch, timeout=30)
        many = await root.vault.BatchGetCards(
            vault.BatchGetCardsRequest(tokens=[card.token] * 1000)
        )
    for reply in (answer, many):
        assert reply.truncated
        assert 100 < len(reply.results) < 1000
        assert reply.ByteSize() <= 3 << 20


async def test_who_holds_or_held_a_number_is_found(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, psp = await site.client("root"), await site.client("psp")
        old, new, unknown = new_pan(), new_pan(), new_pan()
        moved = await _renumbered(root, old, new)
        keeps = await stored(root, old)
        gone = await stored(root, old)
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=gone.token)
        )
        await stored(await site.client("other"), old)
        broken = old[:-1] + str((int(old[-1]) + 1) % 10)
        request = reveals.FindByNumberRequest(
            numbers=[old, new, unknown, broken], purpose="dispute"
        )
        results = (await psp.reveal.FindByNumber(request)).results
        of_old = {
            each.token: (each.current, each.credential_version)
            for each in results[0].response.holders
        }
        of_new = {
            each.token: (each.current, each.credential_version)
            for each in results[1].response.holders
        }
        told = refusal_in(results[3].error)
    assert of_old == {moved.token: (False, 1), keeps.token: (True, 1)}
    assert of_new == {moved.token: (True, 2)}
    assert not results[2].response.holders
    assert (told.code, told.reason) == ("INVALID_ARGUMENT", "CARD_NUMBER_INVALID")
    assert told.fields == ("numbers[3]",)


async def test_a_network_update_is_revealed_under_the_old_token(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, psp = await site.client("app"), await site.client("psp")
        updater = await site.client("updater")
        new = new_pan()
        card = await covered(app)
        answer = update(
            card,
            "PAN_UPDATED",
            new_number=new,
            new_expiry=card_pb2.Expiry(month=3, year=2033),
        )
        await updater.credential.ApplyUpdates(credentials.ApplyUpdatesRequest(updates=[answer]))
        shown = (await psp.reveal.Detokenize(ask(card))).card
        same = shown.number == new
    assert same
    assert (shown.expiry_month, shown.expiry_year) == (3, 2033)
