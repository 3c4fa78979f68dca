"""All items of a batch in one look: what it says is what a look at each of them says."""

from __future__ import annotations

import pytest
from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest, TokenizeRequest

from cards.brands import Brand
from cards.testcards import test_pan as made_pan
from chassis.status import StatusError
from chassis.validation import Validation

VALIDATION = Validation()
VALIDATION.prepare_items(BatchTokenizeRequest, "requests")


def _sound() -> TokenizeRequest:
    request = TokenizeRequest(
        request_id="00000000-0000-4000-8000-000000000000",
        customer="customer",
        metadata={"order": "one"},
    )
    request.card.number = made_pan(Brand.VISA, 1)
    request.card.expiry_month, request.card.expiry_year = 1, 2030
    return request


def _bad(what: str) -> TokenizeRequest:
    request = _sound()
    match what:
        case "request id":
            request.request_id = "none"
        case "no card":
            request.ClearField("card")
        case "number":
            request.card.number = "four"
        case "month":
            request.card.expiry_month = 13
        case "customer":
            request.customer = "a b"
        case "kind":
            request.kind = 99  # type: ignore[assignment]
        case "map key":
            request.metadata["a b"] = "two"
        case "agreement":
            request.stored_credentials.add(merchant_account="")
        case "address":
            request.card.billing_address.region_code = "x"
    return request


BAD = (
    "request id",
    "no card",
    "number",
    "month",
    "customer",
    "kind",
    "map key",
    "agreement",
    "address",
)


def test_sound_items_are_sound_together() -> None:
    VALIDATION.check(_sound())
    assert VALIDATION.all_sound(BatchTokenizeRequest(requests=[_sound()] * 3))


@pytest.mark.parametrize("what", BAD)
def test_one_bad_item_is_noticed_among_sound_ones(what: str) -> None:
    bad = _bad(what)
    with pytest.raises(StatusError):
        VALIDATION.check(bad)
    batch = BatchTokenizeRequest(requests=[_sound(), bad, _sound()])
    VALIDATION.check(batch)  # its own rules leave its items out
    assert not VALIDATION.all_sound(batch)
