"""Rules at their edges: the last value that passes, the first that doesn't, and the path named."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cardvault.vault.v1 import (
    audit_service_pb2,
    card_pb2,
    credential_service_pb2,
    reveal_service_pb2,
    update_pb2,
    vault_service_pb2,
)
from google.protobuf.message import Message
from protovalidate import ValidationError, Validator

VALIDATOR = Validator()
ONE_CARD = "tok_a"
REQUEST_ID = "0b6ff6e5-5a7c-4f5e-9d2a-3f1a6f3f8a10"


def refused_at(message: Message) -> list[str]:
    """Return the paths of the refused fields, without subscripts: a map's key is input."""
    try:
        VALIDATOR.validate(message)
    except ValidationError as error:
        return list(dict.fromkeys(path(found.proto.field) for found in error.violations))
    return []


def path(field: object) -> str:
    elements = getattr(field, "elements", [])
    return ".".join(element.field_name for element in elements)


def tokenize() -> vault_service_pb2.TokenizeRequest:
    return vault_service_pb2.TokenizeRequest(
        request_id=REQUEST_ID, card=card_pb2.CardDetails(number="4" * 16)
    )


def update_card() -> vault_service_pb2.UpdateCardRequest:
    return vault_service_pb2.UpdateCardRequest(
        request_id=REQUEST_ID, token=ONE_CARD, expected_revision=1
    )


def credential_update() -> credential_service_pb2.CredentialUpdate:
    update = credential_service_pb2.CredentialUpdate(
        update_id="channel/batch/1",
        merchant_account="shop",
        version=credential_service_pb2.AskedVersion(token=ONE_CARD, credential_version=1),
        outcome=update_pb2.UPDATE_OUTCOME_CLOSED,
        source=update_pb2.UpdateSource(channel="csv"),
    )
    update.asked_time.GetCurrentTime()
    return update


@dataclass(frozen=True)
class Edge:
    """A field set to the last good value and to the first bad one."""

    path: str
    good: Callable[[vault_service_pb2.TokenizeRequest], object]
    bad: Callable[[vault_service_pb2.TokenizeRequest], object]


def put(field: str, value: object) -> Callable[[vault_service_pb2.TokenizeRequest], object]:
    return lambda request: setattr(request, field, value)


def put_card(field: str, value: object) -> Callable[[vault_service_pb2.TokenizeRequest], object]:
    return lambda request: setattr(request.card, field, value)


def address(**parts: object) -> Callable[[vault_service_pb2.TokenizeRequest], object]:
    return lambda request: request.card.MergeFrom(card_pb2.CardDetails(billing_address=parts))


def ttl(value: timedelta) -> Callable[[vault_service_pb2.TokenizeRequest], object]:
    return lambda request: request.ttl.FromTimedelta(value)


def pairs(**metadata: str) -> Callable[[vault_service_pb2.TokenizeRequest], object]:
    return lambda request: request.metadata.update(metadata)


EDGES = {
    "shortest number": Edge(
        "card.number", put_card("number", "4" * 12), put_card("number", "4" * 11)
    ),
    "longest number": Edge(
        "card.number", put_card("number", "4" * 19), put_card("number", "4" * 20)
    ),
    "number of digits": Edge(
        "card.number", put_card("number", "4" * 13), put_card("number", "4" * 12 + "\u0664")
    ),
    "number with newline": Edge(
        "card.number", put_card("number", "4" * 16), put_card("number", "4" * 16 + "\n")
    ),
    "month": Edge("card.expiry_month", put_card("expiry_month", 12), put_card("expiry_month", 13)),
    "month zero": Edge(
        "card.expiry_month", put_card("expiry_month", 1), put_card("expiry_month", 0)
    ),
    "first year": Edge(
        "card.expiry_year", put_card("expiry_year", 2000), put_card("expiry_year", 1999)
    ),
    "last year": Edge(
        "card.expiry_year", put_card("expiry_year", 2099), put_card("expiry_year", 2100)
    ),
    "long name": Edge(
        "card.cardholder_name",
        put_card("cardholder_name", "é" * 100),
        put_card("cardholder_name", "é" * 101),
    ),
    "name with control": Edge(
        "card.cardholder_name",
        put_card("cardholder_name", "Zoë O'Neil"),
        put_card("cardholder_name", "Zoë\x00"),
    ),
    "region": Edge("card.billing_address", address(region_code="DE"), address(region_code="DEU")),
    "address lines": Edge(
        "card.billing_address",
        address(address_lines=["a" * 100] * 10),
        address(address_lines=["a"] * 11),
    ),
    "long address line": Edge(
        "card.billing_address",
        address(address_lines=["a" * 100]),
        address(address_lines=["a" * 101]),
    ),
    "request id": Edge("request_id", put("request_id", REQUEST_ID), put("request_id", "1")),
    "customer": Edge("customer", put("customer", "c" * 64), put("customer", "c" * 65)),
    "customer alphabet": Edge("customer", put("customer", "a@b.de"), put("customer", "a b")),
    "kind": Edge("kind", put("kind", 4), put("kind", 99)),
    "token format": Edge("token_format", put("token_format", 2), put("token_format", 3)),
    "on existing": Edge("on_existing", put("on_existing", 3), put("on_existing", 4)),
    "security code": Edge("security_code", put("security_code", "1234"), put("security_code", "")),
    "no time to live": Edge("ttl", ttl(timedelta(seconds=1)), ttl(timedelta(microseconds=999_999))),
    "long time to live": Edge("ttl", ttl(timedelta(days=3650)), ttl(timedelta(days=3651))),
    "metadata pairs": Edge(
        "metadata",
        pairs(**{f"k{i}": "v" for i in range(20)}),
        pairs(**{f"k{i}": "v" for i in range(21)}),
    ),
    "metadata value": Edge("metadata", pairs(k="v" * 1024), pairs(k="v" * 1025)),
    "metadata key": Edge("metadata", pairs(k="v"), pairs(**{"k k": "v"})),
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES.keys())
def test_tokenize_takes_the_last_good_value_and_refuses_the_first_bad_one(edge: Edge) -> None:
    good, bad = tokenize(), tokenize()
    edge.good(good)
    edge.bad(bad)
    assert refused_at(good) == []
    assert refused_at(bad) == [edge.path]


def test_a_tokenize_needs_a_number_and_a_request_id() -> None:
    assert refused_at(vault_service_pb2.TokenizeRequest()) == ["request_id", "card"]
    empty = vault_service_pb2.TokenizeRequest(request_id=REQUEST_ID, card=card_pb2.CardDetails())
    assert refused_at(empty) == ["card.number"]


def test_a_bad_request_does_not_refuse_its_batch() -> None:
    batch = vault_service_pb2.BatchTokenizeRequest(requests=[tokenize(), tokenize()])
    batch.requests[1].card.number = ""
    assert refused_at(batch) == []
    assert refused_at(batch.requests[1]) == ["card.number"]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, True), (1, False), (1000, False), (1001, True)]
)
def test_batches_have_bounds(count: int, expected: bool) -> None:
    batches: list[tuple[str, Message]] = [
        ("requests", vault_service_pb2.BatchTokenizeRequest(requests=[tokenize()] * count)),
        ("tokens", vault_service_pb2.BatchGetCardsRequest(tokens=[ONE_CARD] * count)),
        (
            "tokens",
            reveal_service_pb2.BatchDetokenizeRequest(tokens=[ONE_CARD] * count, purpose="payment"),
        ),
        (
            "numbers",
            reveal_service_pb2.FindByNumberRequest(numbers=["4" * 16] * count, purpose="dispute"),
        ),
        (
            "updates",
            credential_service_pb2.ApplyUpdatesRequest(updates=[credential_update()] * count),
        ),
    ]
    for field, batch in batches:
        assert refused_at(batch) == ([field] if expected else [])


def test_an_update_may_leave_the_number_out_and_names_what_it_changes() -> None:
    request = update_card()
    request.card.expiry_month = 1
    request.update_mask.paths.extend(["card.expiry_month", "metadata", "card.billing_address"])
    assert refused_at(request) == []
    for foreign in ("card.last4", "token", "card.billing_address.locality", ""):
        request.update_mask.paths[:] = [foreign]
        assert refused_at(request) == ["update_mask"]


def test_a_status_change_changes_something_and_never_deletes() -> None:
    request = vault_service_pb2.SetCardStatusRequest(
        request_id=REQUEST_ID, token=ONE_CARD, expected_revision=1, reason="contacted"
    )
    assert refused_at(request) == [""]
    request.status = card_pb2.CARD_STATUS_ACTIVE
    assert refused_at(request) == []
    request.status = card_pb2.CARD_STATUS_DELETED
    assert refused_at(request) == ["status"]


def test_a_grace_may_be_nothing_and_is_at_most_90_days() -> None:
    request = vault_service_pb2.DeleteCardRequest(request_id=REQUEST_ID, token=ONE_CARD)
    assert refused_at(request) == []
    request.grace.FromTimedelta(timedelta())
    assert refused_at(request) == []
    request.grace.FromTimedelta(timedelta(days=90, microseconds=1))
    assert refused_at(request) == ["grace"]


def test_a_security_code_is_kept_for_an_hour_at_most() -> None:
    request = vault_service_pb2.PutSecurityCodeRequest(token=ONE_CARD, security_code="123")
    request.ttl.FromTimedelta(timedelta(hours=1))
    assert refused_at(request) == []
    request.ttl.FromTimedelta(timedelta(hours=1, microseconds=1))
    assert refused_at(request) == ["ttl"]


def test_an_update_says_what_was_asked_by_whom_and_what_came_of_it() -> None:
    assert refused_at(credential_update()) == []
    missing = refused_at(credential_service_pb2.CredentialUpdate())
    assert sorted(missing) == [
        "asked",
        "asked_time",
        "merchant_account",
        "outcome",
        "source",
        "update_id",
    ]
    update = credential_update()
    update.new_number = "4" * 11
    update.new_expiry.month = 13
    assert sorted(refused_at(update)) == ["new_expiry.month", "new_expiry.year", "new_number"]


def test_a_time_range_does_not_run_backwards_or_out_of_the_calendar() -> None:
    request = audit_service_pb2.ListAuditRecordsRequest()
    request.start_time.seconds, request.end_time.seconds = 2, 2
    assert refused_at(request) == []
    request.end_time.seconds = 1
    assert refused_at(request) == [""]
    request.end_time.seconds = 253402300800
    assert refused_at(request) == ["end_time"]
