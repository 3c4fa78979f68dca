"""Undoing files over the wire: pages, trials, retries, other tenants, and what is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest
from cardvault.vault.v1 import audit_service_pb2 as audits
from cardvault.vault.v1 import card_pb2, update_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import vault_service_pb2 as vault

from tests.doubles.rpc_requests import (
    covered,
    good_request,
    revert_file,
    update,
    wordy_agreements,
)
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import refused
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

NETWORK, REVERTED = card_pb2.CHANGE_CAUSE_NETWORK, card_pb2.CHANGE_CAUSE_REVERTED


def told(card: credentials.RevertedCard) -> str:
    name = update_pb2.RevertDisposition.Name(card.disposition)
    return name.removeprefix("REVERT_DISPOSITION_")


async def applied(client: Client, *updates: Any) -> None:
    request = credentials.ApplyUpdatesRequest(updates=updates)
    for result in (await client.credential.ApplyUpdates(request, timeout=30)).results:
        assert result.disposition in {
            update_pb2.DISPOSITION_APPLIED,
            update_pb2.DISPOSITION_PARKED,
        }


async def now(client: Client, card: card_pb2.Card) -> card_pb2.Card:
    return (await client.vault.GetCard(vault.GetCardRequest(token=card.token))).card


async def pages(
    client: Client, request: credentials.RevertUpdatesRequest
) -> list[credentials.RevertUpdatesResponse]:
    """Go through a file, page by page."""
    found = []
    while True:
        found.append(await client.credential.RevertUpdates(request, timeout=30))
        if not found[-1].next_page_token:
            return found
        request.page_token = found[-1].next_page_token


async def records(client: Client, action: str) -> list[audits.AuditRecord]:
    request = audits.ListAuditRecordsRequest(action=action, page_size=1000)
    return list((await client.audit.ListAuditRecords(request)).records)


async def test_a_file_is_undone_page_by_page_in_the_order_of_tokens(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, updater = await site.client("root"), await site.client("updater")
        cards = [await covered(root) for _ in range(7)]
        await applied(root, *[update(card, "PAN_UPDATED", new_number=new_pan()) for card in cards])
        bystander = await covered(root)
        await applied(root, update(bystander, "CLOSED", source=source_of("f2")))
        found = await pages(updater, revert_file(page_size=3))
        after = [await now(root, card) for card in cards]
        other = await now(root, bystander)
        audited = await records(root, "card.revert_updates")
        whole = await records(root, "file.revert_updates")
    assert [len(page.cards) for page in found] == [3, 3, 1]
    undone = [card for page in found for card in page.cards]
    assert [card.token for card in undone] == sorted(card.token for card in cards)
    assert {told(card) for card in undone} == {"REVERTED"}
    assert {(c.previous_credential_version, c.credential_version) for c in undone} == {(2, 3)}
    assert all(card.card.revision == 3 for card in undone)
    assert [card.last4 for card in after] == [card.last4 for card in cards]
    assert [card.fingerprint for card in after] == [card.fingerprint for card in cards]
    assert other.status == card_pb2.CARD_STATUS_CLOSED
    assert [(each.result, each.principal) for each in audited] == [
        ("reverted", "spiffe://demo/updater")
    ] * 7
    assert [each.result for each in whole] == ["ok"]
    assert {each.request_id for each in audited} == {whole[0].note.split()[1]}


def source_of(file: str) -> update_pb2.UpdateSource:
    return update_pb2.UpdateSource(channel="csv", file=file, record=1, raw_code="A")


async def test_a_trial_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        cards = [await covered(root) for _ in range(3)]
        await applied(root, *[update(card, "PAN_UPDATED", new_number=new_pan()) for card in cards])
        closed = update(await now(root, cards[1]), "CLOSED", source=source_of("f2"))
        closed.asked_time.seconds += 60
        await applied(root, closed)
        before = stored_rows(site)
        trial = await pages(root, revert_file(dry_run=True, page_size=2))
        assert stored_rows(site) == before
        real = await pages(root, revert_file(page_size=2))
        whole = await records(root, "file.revert_updates")
    answers = [
        [(card.token, told(card), card.credential_version) for page in each for card in page.cards]
        for each in (trial, real)
    ]
    assert answers[0] == answers[1]
    assert [name for _token, name, _version in answers[0]].count("KEPT_NEWER") == 1
    assert [each.result for each in whole] == ["dry_run", "ok"]


async def test_a_page_may_be_asked_for_again(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        cards = [await covered(root) for _ in range(4)]
        await applied(root, *[update(card) for card in cards])
        request = revert_file(page_size=2)
        first = await root.credential.RevertUpdates(request)
        before = stored_rows(site)
        again = await root.credential.RevertUpdates(request)
        assert stored_rows(site) == before
        assert again.next_page_token == first.next_page_token
        rest = await pages(root, revert_file(page_size=2, page_token=first.next_page_token))
        after = [await now(root, card) for card in cards]
    assert [told(card) for card in again.cards] == ["ALREADY_REVERTED"] * 2
    assert [told(card) for page in rest for card in page.cards] == ["REVERTED"] * 2
    assert {card.status for card in after} == {card_pb2.CARD_STATUS_ACTIVE}


async def test_the_files_answers_sent_again_are_duplicates(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        answer = update(card)
        await applied(root, answer)
        await pages(root, revert_file())
        request = credentials.ApplyUpdatesRequest(updates=[answer])
        (result,) = (await root.credential.ApplyUpdates(request)).results
        after = await now(root, card)
    assert result.disposition == update_pb2.DISPOSITION_DUPLICATE
    assert (after.status, after.revision) == (card_pb2.CARD_STATUS_ACTIVE, 3)


async def test_versions_tell_what_was_undone(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        await applied(root, update(card, "PAN_UPDATED", new_number=new_pan()))
        await pages(root, revert_file())
        request = vault.ListCardVersionsRequest(token=card.token)
        versions = (await root.vault.ListCardVersions(request)).versions
    assert [each.cause for each in versions][:2] == [REVERTED, NETWORK]
    assert [each.source.update.file for each in versions] == ["f1", "f1", ""]


async def test_one_answer_is_undone_by_its_version(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        await applied(root, update(card, "PAN_UPDATED", new_number=new_pan(), source=lone()))
        request = credentials.RevertUpdatesRequest(
            request_id=request_id(),
            version=credentials.UpdatedVersion(token=card.token, credential_version=2),
        )
        (undone,) = (await root.credential.RevertUpdates(request)).cards
        request.version.credential_version = 9
        missing = await refused(root.credential.RevertUpdates(request))
    assert (told(undone), undone.credential_version, undone.card.last4) == (
        "REVERTED",
        3,
        card.last4,
    )
    assert (missing.code, missing.reason) == ("NOT_FOUND", "VERSION_NOT_FOUND")


def lone() -> update_pb2.UpdateSource:
    """Return the source of an answer that came without a file."""
    return update_pb2.UpdateSource(channel="csv", raw_code="A")


async def test_another_tenants_cards_and_files_are_not_there(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, other = await site.client("root"), await site.client("other")
        card = await covered(root)
        await applied(root, update(card))
        theirs = await pages(other, revert_file())
        missing = await refused(other.credential.RevertUpdates(good_request("RevertUpdates", card)))
        (page,) = await pages(root, revert_file(page_size=1))
        cards = [await covered(root) for _ in range(2)]
        await applied(root, *[update(each) for each in cards])
        first = await root.credential.RevertUpdates(revert_file(page_size=1))
        stolen = [
            (other, revert_file(page_token=first.next_page_token)),
            (root, revert_file("f2", page_token=first.next_page_token)),
            (root, revert_file(dry_run=True, page_token=first.next_page_token)),
        ]
        reasons = [
            (await refused(client.credential.RevertUpdates(request))).reason
            for client, request in stolen
        ]
    assert [list(each.cards) for each in theirs] == [[]]
    assert (missing.code, missing.reason) == ("NOT_FOUND", "CARD_NOT_FOUND")
    assert len(page.cards) == 1
    assert reasons == ["PAGE_TOKEN_INVALID"] * 3


async def test_a_deleted_card_is_named_without_its_contents(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        await applied(root, update(card))
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=card.token)
        )
        (page,) = await pages(root, revert_file())
    (gone,) = page.cards
    assert (gone.token, told(gone), gone.HasField("card")) == (card.token, "GONE", False)


async def test_a_card_whose_contents_do_not_open_holds_no_other_up(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        broken, whole = await covered(root), await covered(root)
        for card in (broken, whole):
            await applied(root, update(card, "PAN_UPDATED", new_number=new_pan()))
        database = apsw.Connection(str(site.directory / "vault.db"))
        database.execute(
            "UPDATE card_versions SET sealed = zeroblob(200) WHERE token = ?", (broken.token,)
        )
        database.close()
        (page,) = await pages(root, revert_file())
    found = {card.token: card for card in page.cards}
    assert told(found[broken.token]) == "FAILED"
    assert found[broken.token].HasField("error")
    assert told(found[whole.token]) == "REVERTED"


async def test_a_reply_of_wordy_cards_stays_below_its_limit(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        cards = [await wordy(root) for _ in range(150)]
        for at in range(0, len(cards), 50):
            part = [update(card, merchant_account="shop-1") for card in cards[at : at + 50]]
            await applied(root, *part)
        (page,) = await pages(root, revert_file(page_size=500))
    assert len(page.cards) == 150
    assert page.ByteSize() < 3_200_000
    assert page.cards[0].card.last4
    assert not page.cards[-1].card.last4
    assert page.cards[-1].card.status == card_pb2.CARD_STATUS_ACTIVE


async def wordy(root: Client) -> card_pb2.Card:
    request = vault.TokenizeRequest(
        request_id=request_id(),
        card=card_pb2.CardDetails(number=new_pan(), expiry_month=12, expiry_year=2030),
        stored_credentials=wordy_agreements(),
    )
    return (await root.vault.Tokenize(request)).card


@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_waits_for_a_card_is_dropped_with_its_file(
    tmp_path: Path, *, dry_run: bool
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        nobody = card_pb2.Card(token="tok_none", credential_version=1)
        parked = [parked_answer(nobody, new_pan(), new_pan()) for _ in range(3)]
        await applied(root, *parked)
        await applied(root, parked_answer(nobody, new_pan(), new_pan(), source=source_of("f2")))
        found = await pages(root, revert_file(page_size=2, dry_run=dry_run))
        left = stored_rows(site)["parked_updates"]
        request = credentials.ApplyUpdatesRequest(updates=parked[:1])
        (again,) = (await root.credential.ApplyUpdates(request)).results
    assert [page.dropped_parked for page in found] == [2, 1]
    assert left == (4 if dry_run else 1)
    parked_still = update_pb2.DISPOSITION_PARKED
    assert again.disposition == (parked_still if dry_run else update_pb2.DISPOSITION_DUPLICATE)


def parked_answer(nobody: card_pb2.Card, number: str, new_number: str, **fields: Any) -> Any:
    message = update(nobody, "PAN_UPDATED", new_number=new_number, **fields)
    message.number = number
    return message
