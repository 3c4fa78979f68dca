"""A good request for every RPC of the vault, with every field set, and cards to send it about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cardvault.vault.v1 import audit_service_pb2 as audits
from cardvault.vault.v1 import card_pb2, update_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.doubles.vault_site import Client, new_pan, request_id

SHOP: Final = "shop-1"
CONSENTED: Final = Timestamp(seconds=1_690_000_000)
ASKED: Final = Timestamp(seconds=1_700_000_500)


def agreement(account: str = SHOP, **fields: Any) -> card_pb2.StoredCredential:
    """Return an agreement that covers updates."""
    values: dict[str, Any] = {
        "agreement": card_pb2.AGREEMENT_RECURRING,
        "initiator": card_pb2.INITIATOR_MERCHANT,
        "consent_time": CONSENTED,
        **fields,
    }
    return card_pb2.StoredCredential(merchant_account=account, **values)


def wordy_agreements() -> list[card_pb2.StoredCredential]:
    """Return agreements of more than 20 KiB: the most that a card may have."""
    return [
        agreement(
            f"shop-{at}",
            network_transaction_ids={f"network-{network:0>24}": "x" * 64 for network in range(10)},
            consent_reference="c" * 128,
        )
        for at in range(20)
    ]


def details(number: str = "", **fields: Any) -> card_pb2.CardDetails:
    """Return contents with an expiry; a fresh number unless one is given."""
    values: dict[str, Any] = {"expiry_month": 12, "expiry_year": 2030, **fields}
    return card_pb2.CardDetails(number=number or new_pan(), **values)


def tokenize(number: str = "", **fields: Any) -> vault.TokenizeRequest:
    """Return a Tokenize of a fresh number."""
    values: dict[str, Any] = {"request_id": request_id(), "card": details(number), **fields}
    return vault.TokenizeRequest(**values)


async def stored(client: Client, number: str = "", **fields: Any) -> card_pb2.Card:
    """Store a card and return it."""
    return (await client.vault.Tokenize(tokenize(number, **fields))).card


async def stored_many(client: Client, count: int, **fields: Any) -> list[str]:
    """Store cards of fresh numbers in one batch; return their tokens, sorted."""
    batch = vault.BatchTokenizeRequest(requests=[tokenize(**fields) for _card in range(count)])
    results = (await client.vault.BatchTokenize(batch)).results
    return sorted(each.response.card.token for each in results)


async def covered(client: Client, number: str = "", **fields: Any) -> card_pb2.Card:
    """Store a card that may be asked about for `SHOP`."""
    return await stored(client, number, stored_credentials=[agreement()], **fields)


def update(card: card_pb2.Card, outcome: str = "CLOSED", **fields: Any) -> Any:
    """Return an updater's answer about a card's current version."""
    values: dict[str, Any] = {
        "update_id": f"csv/{request_id()}",
        "merchant_account": SHOP,
        "version": credentials.AskedVersion(
            token=card.token, credential_version=max(1, card.credential_version)
        ),
        "outcome": update_pb2.UpdateOutcome.Value(f"UPDATE_OUTCOME_{outcome}"),
        "asked_time": ASKED,
        "source": update_pb2.UpdateSource(channel="csv", file="f1", record=1, raw_code="A"),
        **fields,
    }
    return credentials.CredentialUpdate(**values)


def _full_agreement() -> card_pb2.StoredCredential:
    return agreement(
        network_transaction_ids={"visa": "123456789012345"},
        consent_reference="consent/1",
        withdraw_time=Timestamp(seconds=1_695_000_000),
    )


def _full_address(message: Any) -> Any:
    message.billing_address.region_code = "DE"
    message.billing_address.address_lines.append("Hauptstr. 1")
    message.billing_address.recipients.append("Zoe")
    return message


def _full_tokenize() -> vault.TokenizeRequest:
    request = tokenize(
        customer="customer-1",
        kind=card_pb2.CARD_KIND_FPAN,
        token_format=card_pb2.TOKEN_FORMAT_OPAQUE,
        stored_credentials=[_full_agreement()],
        metadata={"order": "7"},
        security_code="123",
        on_existing=vault.ON_EXISTING_RETURN,
    )
    request.ttl.seconds = 3600
    request.card.cardholder_name = "Zoe"
    _full_address(request.card)
    return request


def _update_card(card: card_pb2.Card) -> vault.UpdateCardRequest:
    request = vault.UpdateCardRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=card.revision,
        card=card_pb2.CardChanges(
            number=new_pan(), expiry_month=1, expiry_year=2031, cardholder_name="Zoe"
        ),
        stored_credentials=[_full_agreement()],
        metadata={"order": "8"},
        update_mask=FieldMask(paths=["card", "stored_credentials", "metadata"]),
    )
    _full_address(request.card)
    return request


def _set_status(card: card_pb2.Card) -> vault.SetCardStatusRequest:
    hold = card_pb2.Hold(type=card_pb2.HOLD_TYPE_RECURRING_STOPPED, merchant_account=SHOP)
    return vault.SetCardStatusRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=card.revision,
        status=card_pb2.CARD_STATUS_NEEDS_CARDHOLDER,
        holds=[vault.HoldChange(hold=hold, action=vault.HOLD_ACTION_PLACE)],
        reason="asked by the cardholder",
    )


def _decline(card: card_pb2.Card) -> vault.ReportDeclineRequest:
    return vault.ReportDeclineRequest(
        request_id=request_id(), token=card.token, response_code="14", decline_time=ASKED
    )


def _put_code(card: card_pb2.Card) -> vault.PutSecurityCodeRequest:
    request = vault.PutSecurityCodeRequest(token=card.token, security_code="123")
    request.ttl.seconds = 60
    return request


def _delete(card: card_pb2.Card) -> vault.DeleteCardRequest:
    request = vault.DeleteCardRequest(
        request_id=request_id(), token=card.token, expected_revision=card.revision
    )
    request.grace.seconds = 3600
    return request


def _undelete(card: card_pb2.Card) -> vault.UndeleteCardRequest:
    return vault.UndeleteCardRequest(
        request_id=request_id(), token=card.token, expected_revision=card.revision
    )


def _list_cards(_card: card_pb2.Card) -> vault.ListCardsRequest:
    return vault.ListCardsRequest(
        customer="customer-1",
        fingerprint="fp_1",
        statuses=[card_pb2.CARD_STATUS_ACTIVE],
        brands=[card_pb2.BRAND_VISA],
        expires_before=card_pb2.Expiry(month=1, year=2030),
        page_size=10,
    )


def _detokenize(card: card_pb2.Card) -> reveals.DetokenizeRequest:
    return reveals.DetokenizeRequest(
        request_id=request_id(), token=card.token, purpose="payment", credential_version=1
    )


def _full_update(card: card_pb2.Card) -> credentials.ApplyUpdatesRequest:
    return credentials.ApplyUpdatesRequest(
        updates=[
            update(
                card,
                "PAN_UPDATED",
                new_number=new_pan(),
                new_expiry=card_pb2.Expiry(month=2, year=2032),
                event_time=ASKED,
                file_time=ASKED,
            )
        ]
    )


def _revert(card: card_pb2.Card) -> credentials.RevertUpdatesRequest:
    """Undo by version: of a file, requests are made by `revert_file`."""
    version = credentials.UpdatedVersion(token=card.token, credential_version=1)
    return credentials.RevertUpdatesRequest(request_id=request_id(), version=version, page_size=10)


def revert_file(file: str = "f1", **fields: Any) -> credentials.RevertUpdatesRequest:
    """Return a request to undo what `update` brought."""
    source = credentials.UpdateFile(channel="csv", file=file)
    return credentials.RevertUpdatesRequest(request_id=request_id(), source=source, **fields)


def _stream(_card: card_pb2.Card) -> credentials.StreamCredentialsRequest:
    return credentials.StreamCredentialsRequest(
        statuses=[card_pb2.CARD_STATUS_ACTIVE],
        brands=[card_pb2.BRAND_VISA],
        expires_before=card_pb2.Expiry(month=1, year=2040),
        changed_since=CONSENTED,
    )


def _list_audit(card: card_pb2.Card) -> audits.ListAuditRecordsRequest:
    return audits.ListAuditRecordsRequest(
        start_time=CONSENTED,
        end_time=Timestamp(seconds=4_000_000_000),
        action="card.tokenize",
        token=card.token,
        principal="spiffe://demo/app",
        page_size=10,
    )


def _list_checkpoints(_card: card_pb2.Card) -> audits.ListCheckpointsRequest:
    return audits.ListCheckpointsRequest(
        start_time=CONSENTED, end_time=Timestamp(seconds=4_000_000_000), page_size=10
    )


GOOD: Final[Mapping[str, Callable[[card_pb2.Card], Message]]] = {
    "Tokenize": lambda _card: _full_tokenize(),
    "BatchTokenize": lambda _card: vault.BatchTokenizeRequest(requests=[_full_tokenize()]),
    "GetCard": lambda card: vault.GetCardRequest(token=card.token),
    "BatchGetCards": lambda card: vault.BatchGetCardsRequest(tokens=[card.token]),
    "ListCards": _list_cards,
    "ListCardVersions": lambda card: vault.ListCardVersionsRequest(token=card.token, page_size=5),
    "UpdateCard": _update_card,
    "SetCardStatus": _set_status,
    "ReportDecline": _decline,
    "PutSecurityCode": _put_code,
    "DeleteCard": _delete,
    "UndeleteCard": _undelete,
    "Detokenize": _detokenize,
    "BatchDetokenize": lambda card: reveals.BatchDetokenizeRequest(
        tokens=[card.token], purpose="payment"
    ),
    "FindByNumber": lambda _card: reveals.FindByNumberRequest(
        numbers=[new_pan()], purpose="dispute"
    ),
    "StreamCredentials": _stream,
    "ApplyUpdates": _full_update,
    "RevertUpdates": _revert,
    "ListAuditRecords": _list_audit,
    "GetCheckpoint": lambda _card: audits.GetCheckpointRequest(number=1),
    "ListCheckpoints": _list_checkpoints,
}
"""By method: a request about the card, every field set but page tokens; root gets OK.

`UndeleteCard` needs a deleted card.
"""


def good_request(method: str, card: card_pb2.Card) -> Any:
    """Return a good request; KeyError for a method without one, which a test must notice."""
    return GOOD[method](card)


async def card_for(method: str, root: Client) -> card_pb2.Card:
    """Return a card that the method's good request works on."""
    card = await covered(root)
    if method == "UndeleteCard":
        answer = await root.vault.DeleteCard(_delete(card))
        return answer.card
    return card
