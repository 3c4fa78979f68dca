"""Requests as the API has them, made of what a client asks, and answers read back from it."""

from __future__ import annotations

from typing import Any, Final

from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.card_pb2 import Card
from google.protobuf.message import Message

from cards.brands import Brand
from cards.testcards import test_pan
from tests.e2e.kills.calls import counter_of, status_of
from tests.histories.history import Ask, Kind, Listed, Revealed, Said, Shown

NUMBERS: Final = range(1, 7)
_BY_LAST4: Final = {test_pan(Brand.VISA, counter)[-4:]: counter for counter in NUMBERS}


def request_of(ask: Ask, token: str, request_id: str, customer: str) -> Message:
    """Return the request of one attempt."""
    if ask.kind is Kind.TOKENIZE:
        request = pb.TokenizeRequest(request_id=request_id, customer=customer)
        _fill(request, ask)
        return request
    if ask.kind is Kind.UPDATE:
        return _update(ask, token, request_id)
    if ask.kind is Kind.STATUS:
        return pb.SetCardStatusRequest(
            request_id=request_id,
            token=token,
            expected_revision=ask.revision,
            status=f"CARD_STATUS_{ask.status}",
            reason="asked",
        )
    if ask.kind is Kind.DELETE:
        return pb.DeleteCardRequest(
            request_id=request_id, token=token, expected_revision=ask.revision or None
        )
    if ask.kind is Kind.UNDELETE:
        return pb.UndeleteCardRequest(
            request_id=request_id, token=token, expected_revision=ask.revision or None
        )
    if ask.kind is Kind.GET:
        return pb.GetCardRequest(token=token)
    if ask.kind is Kind.VERSIONS:
        return pb.ListCardVersionsRequest(token=token, page_size=1_000)
    return reveal_pb.DetokenizeRequest(request_id=request_id, token=token, purpose="payment")


def _fill(request: Any, ask: Ask) -> None:
    if ask.number:
        request.card.number = test_pan(Brand.VISA, ask.number)
    if ask.expiry:
        request.card.expiry_year, request.card.expiry_month = divmod(ask.expiry, 100)
    if ask.tag:
        request.metadata["tag"] = ask.tag


def _update(ask: Ask, token: str, request_id: str) -> pb.UpdateCardRequest:
    request = pb.UpdateCardRequest(
        request_id=request_id, token=token, expected_revision=ask.revision
    )
    _fill(request, ask)
    paths = request.update_mask.paths
    if ask.number:
        paths.append("card.number")
    if ask.expiry:
        paths.extend(("card.expiry_month", "card.expiry_year"))
    if ask.tag:
        paths.append("metadata")
    return request


def said_in(kind: Kind, answer: Any) -> Said:
    """Return what an answer says."""
    if kind is Kind.VERSIONS:
        return Listed(tuple(_contents(row.card) for row in answer.versions))
    if kind is Kind.REVEAL:
        shown = answer.card
        expiry = shown.expiry_year * 100 + shown.expiry_month
        return Revealed(counter_of(shown.number), expiry, shown_in(answer.masked))
    return shown_in(answer.card, answer.created if kind is Kind.TOKENIZE else None)


def shown_in(card: Card, created: bool | None = None) -> Shown:
    """Return what a masked card says."""
    version, number, expiry = _contents(card)
    tag = card.metadata["tag"]
    return Shown(card.revision, version, status_of(card), number, expiry, tag, created)


def _contents(card: Card) -> tuple[int, int, int]:
    expiry = card.expiry_year * 100 + card.expiry_month
    return card.credential_version, _BY_LAST4.get(card.last4, -1), expiry
