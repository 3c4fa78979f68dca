"""For the updater: what its answers do to cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import apsw
import pytest
from cardvault.vault.v1 import card_pb2, update_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.timestamp_pb2 import Timestamp

from cards.brands import Brand
from tests.doubles.rpc_requests import (
    SHOP,
    agreement,
    covered,
    stored,
    tokenize,
    update,
    wordy_agreements,
)
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import refusal_in
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

ACTIVE: Final = card_pb2.CARD_STATUS_ACTIVE
NEEDS: Final = card_pb2.CARD_STATUS_NEEDS_CARDHOLDER
CLOSED: Final = card_pb2.CARD_STATUS_CLOSED


def told(result: credentials.UpdateResult) -> str:
    return update_pb2.Disposition.Name(result.disposition).removeprefix("DISPOSITION_")


async def applied(client: Client, *updates: Any) -> list[credentials.UpdateResult]:
    request = credentials.ApplyUpdatesRequest(updates=updates)
    return list((await client.credential.ApplyUpdates(request)).results)


async def now(client: Client, card: card_pb2.Card) -> card_pb2.Card:
    return (await client.vault.GetCard(vault.GetCardRequest(token=card.token))).card


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=1_700_000_000 + seconds)


def expiry(month: int, year: int) -> card_pb2.Expiry:
    return card_pb2.Expiry(month=month, year=year)


async def test_a_new_number_keeps_the_token(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, updater = await site.client("root"), await site.client("updater")
        card = await covered(root)
        number = new_pan()
        answer = update(card, "PAN_UPDATED", new_number=number, new_expiry=expiry(3, 2033))
        (result,) = await applied(updater, answer)
        after = await now(root, card)
    assert told(result) == "APPLIED"
    assert result.update_id == answer.update_id
    assert result.cards[0].card.token == after.token == card.token
    assert result.cards[0].previous_credential_version == 1
    assert (after.last4, after.expiry_year) == (number[-4:], 2033)
    assert (after.revision, after.credential_version, after.status) == (2, 2, ACTIVE)
    assert after.fingerprint != card.fingerprint
    assert not after.expiry_unconfirmed


async def test_a_number_without_an_expiry_keeps_the_old_one_unconfirmed(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        await applied(root, update(card, "PAN_UPDATED", new_number=new_pan()))
        after = await now(root, card)
    assert after.expiry_unconfirmed
    assert (after.expiry_month, after.expiry_year) == (12, 2030)


async def test_another_brand_loses_its_network_transaction_ids(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        ids = {"visa": "123456789012345"}
        card = await stored(root, stored_credentials=[agreement(network_transaction_ids=ids)])
        await applied(root, update(card, "BRAND_CHANGED", new_number=new_pan(Brand.MASTERCARD)))
        after = await now(root, card)
    assert after.brand == card_pb2.BRAND_MASTERCARD
    assert dict(card.stored_credentials[0].network_transaction_ids) == ids
    assert not after.stored_credentials[0].network_transaction_ids


@pytest.mark.parametrize(
    ("outcome", "status", "holds"),
    [
        ("CLOSED", CLOSED, []),
        ("CONTACT_CARDHOLDER", NEEDS, []),
        ("CLOSED_OR_CONTACT", NEEDS, [card_pb2.HOLD_TYPE_RECURRING_STOPPED]),
        ("OPTED_OUT", ACTIVE, [card_pb2.HOLD_TYPE_UPDATER_OPTED_OUT]),
        ("STOP_RECURRING", ACTIVE, [card_pb2.HOLD_TYPE_RECURRING_STOPPED]),
    ],
)
async def test_what_an_answer_without_a_number_does(
    outcome: str, status: card_pb2.CardStatus, holds: list[card_pb2.HoldType], tmp_path: Path
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        (result,) = await applied(root, update(card, outcome))
        after = await now(root, card)
        (again,) = await applied(root, update(card, outcome))
    assert told(result) == "APPLIED"
    assert after.status == status
    assert [hold.type for hold in after.holds] == holds
    assert all(hold.merchant_account == SHOP for hold in after.holds)
    assert after.credential_version == 1
    assert told(again) in {"NO_CHANGE", "REJECTED"}  # rejected: opted out of all answers


@pytest.mark.parametrize(
    "outcome", ["VALID_NO_CHANGE", "NO_MATCH", "NOT_PARTICIPATING", "UPDATE_EXPIRED", "UNANSWERED"]
)
async def test_answers_that_bring_nothing_change_nothing(outcome: str, tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        (result,) = await applied(root, update(card, outcome))
        after = await now(root, card)
    assert told(result) == "NO_CHANGE"
    assert after == card


async def test_a_closed_card_comes_back_with_a_newer_number_only(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        await applied(root, update(card, "CLOSED", event_time=at(10)))
        later = update(card, "EXPIRY_UPDATED", new_expiry=expiry(1, 2040), event_time=at(20))
        await applied(root, later)
        closed = await now(root, card)
        number = update(closed, "PAN_UPDATED", new_number=new_pan(), event_time=at(30))
        (result,) = await applied(root, number)
        reopened = await now(root, card)
    assert closed.status == CLOSED
    assert told(result) == "APPLIED"
    assert reopened.status == ACTIVE


async def test_an_answer_counts_once_by_its_id_and_card(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        first, second = await covered(root), await covered(root)
        answer = update(first, "CLOSED")
        same_id = update(second, "CLOSED", update_id=answer.update_id)
        results = await applied(root, answer, answer, same_id)
        (again,) = await applied(root, answer)
        after = await now(root, first)
    assert [told(each) for each in [*results, again]] == [
        "APPLIED",
        "DUPLICATE",
        "APPLIED",
        "DUPLICATE",
    ]
    assert after.revision == 2


async def test_a_duplicate_says_what_it_was_at_first(tmp_path: Path) -> None:
    """So that whoever died before noting a conflict still hears of it."""
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        answers = [
            update(card, "EXPIRY_UPDATED", new_expiry=expiry(1, year), event_time=at(20))
            for year in (2035, 2036)
        ]
        first = await applied(root, *answers)
        again = await applied(root, *answers)
    assert [told(each) for each in first] == ["APPLIED", "CONFLICT"]
    assert [each.cards[0].first_disposition for each in first] == [0, 0]
    assert [told(each) for each in again] == ["DUPLICATE", "DUPLICATE"]
    assert [update_pb2.Disposition.Name(each.cards[0].first_disposition) for each in again] == [
        "DISPOSITION_APPLIED",
        "DISPOSITION_CONFLICT",
    ]


async def test_an_answer_about_what_the_cardholder_replaced_is_stale(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        request = vault.UpdateCardRequest(
            request_id=request_id(),
            token=card.token,
            expected_revision=1,
            card=card_pb2.CardChanges(number=new_pan()),
        )
        mine = (await root.vault.UpdateCard(request)).card
        (result,) = await applied(root, update(card, "PAN_UPDATED", new_number=new_pan()))
        after = await now(root, card)
    assert told(result) == "STALE"
    assert result.cards[0].previous_credential_version == 2
    assert after == mine


async def test_of_two_answers_the_newer_counts_and_a_tie_is_a_conflict(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)

        def answer(seconds: int, year: int) -> Any:
            return update(
                card, "EXPIRY_UPDATED", new_expiry=expiry(1, year), event_time=at(seconds)
            )

        results = [
            (await applied(root, answer(seconds, year)))[0]
            for seconds, year in ((20, 2035), (10, 2036), (20, 2037), (20, 2035), (30, 2038))
        ]
        after = await now(root, card)
    assert [told(each) for each in results] == [
        "APPLIED",
        "STALE",
        "CONFLICT",
        "NO_CHANGE",
        "APPLIED",
    ]
    assert after.expiry_year == 2038


async def test_a_dry_run_says_what_would_be_and_does_nothing(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        answer = update(card, "PAN_UPDATED", new_number=new_pan(), dry_run=True)
        before = stored_rows(site)
        (result,) = await applied(root, answer)
        same = stored_rows(site) == before
        answer.dry_run = False
        (real,) = await applied(root, answer)
    assert told(result) == "APPLIED"
    assert (result.cards[0].card.revision, result.cards[0].card.credential_version) == (2, 2)
    assert same
    assert told(real) == "APPLIED"


REJECTED: Final[dict[str, tuple[str, dict[str, Any], str]]] = {
    "no number": ("PAN_UPDATED", {}, "INVALID_UPDATE"),
    "no expiry": ("EXPIRY_UPDATED", {}, "INVALID_UPDATE"),
    "number fails Luhn": ("PAN_UPDATED", {"new_number": "4" * 16 + "1"}, "CARD_NUMBER_INVALID"),
    "backwards": ("EXPIRY_UPDATED", {"new_expiry": expiry(1, 2020)}, "EXPIRY_BACKWARDS"),
    "another account": ("CLOSED", {"merchant_account": "shop-9"}, "NOT_COVERED"),
    "no answer about a card": ("CHANNEL_ERROR", {}, "INVALID_UPDATE"),
    "a version that never was": (
        "CLOSED",
        {"version": credentials.AskedVersion(token="", credential_version=9)},
        "INVALID_UPDATE",
    ),
}


async def test_an_answer_that_cannot_be_taken_says_why_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        for outcome, fields, reason in REJECTED.values():
            card = await covered(root)
            answer = update(card, outcome, **fields)
            answer.version.token = card.token
            (result,) = await applied(root, answer)
            assert told(result) == "REJECTED"
            assert refusal_in(result.error).reason == reason
            after = await now(root, card)
            assert after == card


@pytest.mark.parametrize(
    "fields",
    [
        {"stored_credentials": []},
        {"stored_credentials": [agreement(agreement=card_pb2.AGREEMENT_ONE_TIME)]},
        {"stored_credentials": [agreement(consent_time=None)]},
        {"stored_credentials": [agreement(withdraw_time=Timestamp(seconds=1_695_000_000))]},
        {"stored_credentials": [agreement()], "kind": card_pb2.CARD_KIND_DPAN},
    ],
    ids=["no agreement", "one time", "no consent", "withdrawn", "not a funding number"],
)
async def test_a_card_that_is_not_covered_is_left_alone(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root, **fields)
        (result,) = await applied(root, update(card, "CLOSED"))
        after = await now(root, card)
    assert told(result) == "REJECTED"
    assert after == card


async def test_an_opt_out_ends_what_that_account_may_bring(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root, stored_credentials=[agreement(), agreement("shop-2")])
        await applied(root, update(card, "OPTED_OUT"))
        (mine,) = await applied(root, update(card, "CLOSED"))
        (theirs,) = await applied(root, update(card, "CLOSED", merchant_account="shop-2"))
    assert told(mine) == "REJECTED"
    assert refusal_in(mine.error).reason == "NOT_COVERED"
    assert told(theirs) == "APPLIED"


async def test_a_deleted_or_foreign_card_is_not_found(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, other = await site.client("root"), await site.client("other")
        card = await covered(root)
        (foreign,) = await applied(other, update(card))
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=card.token)
        )
        (gone,) = await applied(root, update(card))
    for result in (foreign, gone):
        assert told(result) == "NOT_FOUND"
        assert not result.cards


async def test_answers_about_wordy_cards_are_told_in_full_or_cut_but_always_told(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        cards: list[card_pb2.Card] = []
        for _batch in range(2):
            batch = [tokenize(stored_credentials=wordy_agreements()) for _card in range(120)]
            made = await root.vault.BatchTokenize(
                vault.BatchTokenizeRequest(requests=batch), timeout=30
            )
            cards += [each.response.card for each in made.results]
        answers = [update(card, "CLOSED", merchant_account="shop-1") for card in cards]
        request = credentials.ApplyUpdatesRequest(updates=answers)
        reply = await root.credential.ApplyUpdates(request, timeout=30)
    shown = [result.cards[0].card for result in reply.results]
    assert {told(result) for result in reply.results} == {"APPLIED"}
    assert [card.token for card in shown] == [card.token for card in cards]
    assert {(card.revision, card.status) for card in shown} == {(2, CLOSED)}
    assert len(shown[0].stored_credentials) == 20
    assert not shown[-1].stored_credentials
    assert reply.ByteSize() < 4 << 20


async def test_a_card_that_fails_its_check_holds_no_other_answer_up(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, updater = await site.client("root"), await site.client("updater")
        first, torn, last = [await covered(root) for _card in range(3)]
        database = apsw.Connection(str(tmp_path / "vault.db"))
        sealed = database.execute("SELECT sealed FROM cards WHERE token = ?", (torn.token,)).get
        flipped = sealed[:-1] + bytes((sealed[-1] ^ 1,))
        database.execute("UPDATE cards SET sealed = ? WHERE token = ?", (flipped, torn.token))
        database.close()
        answers = [
            update(card, "PAN_UPDATED", new_number=new_pan()) for card in (torn, first, last)
        ]
        results = await applied(updater, *answers)
        again = await applied(updater, *answers)
    assert [told(result) for result in results] == ["REJECTED", "APPLIED", "APPLIED"]
    assert refusal_in(results[0].error).reason == "DATA_CORRUPT"
    assert [told(result) for result in again] == ["REJECTED", "DUPLICATE", "DUPLICATE"]
