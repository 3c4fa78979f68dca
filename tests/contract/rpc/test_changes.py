"""UpdateCard, SetCardStatus, holds and ReportDecline: what changes, what counts, what refuses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.field_mask_pb2 import FieldMask

from cards.brands import Brand
from tests.doubles.rpc_requests import ASKED, SHOP, agreement, covered, stored
from tests.doubles.rpc_wire import refused
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

ACTIVE: Final = card_pb2.CARD_STATUS_ACTIVE
NEEDS: Final = card_pb2.CARD_STATUS_NEEDS_CARDHOLDER
CLOSED: Final = card_pb2.CARD_STATUS_CLOSED
PLACE, RELEASE = vault.HOLD_ACTION_PLACE, vault.HOLD_ACTION_RELEASE


def change(
    card: card_pb2.Card, paths: Sequence[str] = (), **fields: Any
) -> vault.UpdateCardRequest:
    """Return an UpdateCard of the card's contents; `paths` empty: no mask."""
    request = vault.UpdateCardRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=card.revision,
        card=card_pb2.CardChanges(**fields) if fields else None,
    )
    if paths:
        request.update_mask.CopyFrom(FieldMask(paths=paths))
    return request


async def updated(client: Client, request: vault.UpdateCardRequest) -> card_pb2.Card:
    return (await client.vault.UpdateCard(request)).card


async def with_status(
    client: Client,
    card: card_pb2.Card,
    status: card_pb2.CardStatus | None = None,
    *holds: tuple[card_pb2.HoldType, str, vault.HoldAction],
) -> card_pb2.Card:
    request = vault.SetCardStatusRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=card.revision,
        status=status,
        holds=[
            vault.HoldChange(hold=card_pb2.Hold(type=kind, merchant_account=account), action=action)
            for kind, account, action in holds
        ],
        reason="as the cardholder said",
    )
    return (await client.vault.SetCardStatus(request)).card


async def contents(client: Client, card: card_pb2.Card) -> card_pb2.CardDetails:
    request = reveals.DetokenizeRequest(token=card.token, purpose="refund")
    return (await client.reveal.Detokenize(request)).card


async def test_a_new_number_makes_a_version_and_another_name_does_not(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        first = await stored(root, customer="c")
        named = await updated(root, change(first, cardholder_name="Zoe"))
        number = new_pan(Brand.AMEX)
        renumbered = await updated(root, change(named, number=number))
        dated = await updated(root, change(renumbered, expiry_month=1, expiry_year=2032))
        same = await updated(root, change(dated, expiry_month=1, expiry_year=2032))
        shown = await contents(root, same)
    versions = [card.credential_version for card in (first, named, renumbered, dated, same)]
    assert versions == [1, 1, 2, 3, 3]
    assert [card.revision for card in (first, named, renumbered, dated, same)] == [1, 2, 3, 4, 5]
    assert (renumbered.brand, renumbered.last4) == (card_pb2.BRAND_AMEX, number[-4:])
    assert renumbered.fingerprint != first.fingerprint
    assert dated.fingerprint == renumbered.fingerprint
    assert shown.number == number
    assert (shown.expiry_month, shown.expiry_year, shown.cardholder_name) == (1, 2032, "Zoe")


async def test_only_what_the_mask_names_changes_and_what_it_names_unset_is_cleared(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root, stored_credentials=[agreement()], metadata={"a": "1"})
        card = await updated(root, change(card, cardholder_name="Zoe"))
        request = change(card, ["metadata"], cardholder_name="Not me")
        request.stored_credentials.append(agreement("another"))
        request.metadata["b"] = "2"
        masked = await updated(root, request)
        untouched = await contents(root, masked)
        cleared = await updated(
            root,
            change(
                masked,
                [
                    "card.cardholder_name",
                    "card.expiry_month",
                    "card.expiry_year",
                    "stored_credentials",
                    "metadata",
                ],
            ),
        )
        empty = await contents(root, cleared)
    assert dict(masked.metadata) == {"b": "2"}
    assert list(masked.stored_credentials) == [agreement()]
    assert untouched.cardholder_name == "Zoe"
    assert not cleared.HasField("expiry_month")
    assert not cleared.HasField("expiry_year")
    assert not cleared.metadata
    assert not cleared.stored_credentials
    assert empty.cardholder_name == ""
    assert not empty.HasField("expiry_year")
    assert empty.number == untouched.number


async def test_the_whole_card_in_a_mask_stands_for_what_is_set_in_it(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root)
        named = await updated(root, change(card, ["card"], cardholder_name="Zoe"))
        shown = await contents(root, named)
        nothing = await refused(root.vault.UpdateCard(change(named, ["card"])))
    assert (shown.cardholder_name, shown.expiry_year) == ("Zoe", 2030)
    assert nothing.reason == "UPDATE_MASK_INVALID"


async def test_a_change_is_decided_on_a_revision_and_a_known_request_goes_first(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        card = await stored(app)
        request = change(card, cardholder_name="Zoe")
        first = await updated(app, request)
        late = await refused(app.vault.UpdateCard(change(card, cardholder_name="Ann")))
        again = await updated(app, request)
    assert (late.code, late.reason) == ("ABORTED", "REVISION_CONFLICT")
    assert again == first
    assert first.revision == 2


@pytest.mark.parametrize(
    ("status", "fields", "after"),
    [
        (NEEDS, {"number": new_pan()}, ACTIVE),
        (NEEDS, {"expiry_month": 1, "expiry_year": 2040}, ACTIVE),
        (NEEDS, {"cardholder_name": "Zoe"}, NEEDS),
        (CLOSED, {"number": new_pan()}, ACTIVE),
        (CLOSED, {"expiry_month": 1, "expiry_year": 2040}, CLOSED),
        (CLOSED, {"cardholder_name": "Zoe"}, CLOSED),
    ],
    ids=[
        "contact-number",
        "contact-expiry",
        "contact-name",
        "closed-number",
        "closed-expiry",
        "closed-name",
    ],
)
async def test_what_a_cardholders_change_does_to_a_status(
    status: card_pb2.CardStatus,
    fields: dict[str, Any],
    after: card_pb2.CardStatus,
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await with_status(root, await stored(root), status)
        changed = await updated(root, change(card, **fields))
    assert changed.status == after


async def test_an_operator_sets_statuses_back_and_forth(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, operator = await site.client("app"), await site.client("operator")
        card = await stored(app)
        for status in (NEEDS, ACTIVE, CLOSED, ACTIVE, NEEDS, CLOSED, NEEDS):
            before = card.revision
            card = await with_status(operator, card, status)
            assert (card.status, card.revision) == (status, before + 1)
        assert card.credential_version == 1


async def test_holds_are_placed_and_released_one_by_one(tmp_path: Path) -> None:
    stopped, opted = card_pb2.HOLD_TYPE_RECURRING_STOPPED, card_pb2.HOLD_TYPE_UPDATER_OPTED_OUT
    legal = card_pb2.HOLD_TYPE_LEGAL_HOLD
    async with vault_site(tmp_path) as site:
        app, operator = await site.client("app"), await site.client("operator")
        card = await stored(app)
        card = await with_status(
            operator,
            card,
            NEEDS,
            (stopped, SHOP, PLACE),
            (opted, "shop-2", PLACE),
            (legal, "", PLACE),
        )
        placed = {(hold.type, hold.merchant_account) for hold in card.holds}
        card = await with_status(operator, card, None, (stopped, SHOP, RELEASE))
        released = {(hold.type, hold.merchant_account) for hold in card.holds}
        # Neither has an effect: one hold is in force already, the other never was.
        card = await with_status(operator, card, None, (legal, "", PLACE), (opted, SHOP, RELEASE))
        same = {(hold.type, hold.merchant_account) for hold in card.holds}
    assert placed == {(stopped, SHOP), (opted, "shop-2"), (legal, "")}
    assert released == same == {(opted, "shop-2"), (legal, "")}
    assert card.status == NEEDS


async def test_a_decline_is_what_the_updater_sees_next(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, updater = await site.client("app"), await site.client("updater")
        card = await covered(app)
        request = vault.ReportDeclineRequest(
            request_id=request_id(), token=card.token, response_code="14", decline_time=ASKED
        )
        first = await app.vault.ReportDecline(request)
        again = await app.vault.ReportDecline(request)
        after = (await app.vault.GetCard(vault.GetCardRequest(token=card.token))).card
        stream = updater.credential.StreamCredentials(credentials.StreamCredentialsRequest())
        seen = [credential async for part in stream for credential in part.credentials]
    assert first.follow_up == again.follow_up == vault.DECLINE_FOLLOW_UP_NONE
    assert after.revision == 2
    assert [each.last_decline.response_code for each in seen] == ["14"]
    assert seen[0].last_decline.decline_time == ASKED


async def test_a_deleted_card_is_not_changed(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root)
        delete = vault.DeleteCardRequest(request_id=request_id(), token=card.token)
        card = (await root.vault.DeleteCard(delete)).card
        told = [
            await refused(root.vault.UpdateCard(change(card, cardholder_name="Zoe"))),
            await refused(with_status(root, card, ACTIVE)),
            await refused(
                root.vault.ReportDecline(
                    vault.ReportDeclineRequest(
                        request_id=request_id(),
                        token=card.token,
                        response_code="14",
                        decline_time=ASKED,
                    )
                )
            ),
            await refused(
                root.vault.PutSecurityCode(
                    vault.PutSecurityCodeRequest(token=card.token, security_code="123")
                )
            ),
            await refused(
                root.vault.DeleteCard(
                    vault.DeleteCardRequest(request_id=request_id(), token=card.token)
                )
            ),
        ]
    assert {(each.code, each.reason) for each in told} == {("FAILED_PRECONDITION", "CARD_DELETED")}
