"""The vault's client over real gRPC: what it sends, what it understands, what it gives up on."""

import grpc
import pytest
from cardvault.vault.v1 import card_pb2, credential_service_pb2
from google.rpc import status_pb2

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from cards.pan import Pan
from cards.testcards import test_pan as number_for_test
from chassis.validation import Validation
from tests.doubles.updater_vault import DoubleVault
from tests.doubles.updater_vault_server import agreement, vault_server
from updater.adapters import vault_messages
from updater.adapters.vault_client import PURPOSE, VaultClient, reason_of
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus
from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.usecases.ports_vault import CardUpdate, NotRevealed, Revealed

NEW = Pan(number_for_test(Brand.VISA, 424242))


def update(token: str = "tok_1", **changes: object) -> CardUpdate:
    values = {
        "update_id": "cybersource-au-csv:1:1:00",
        "token": token,
        "credential_version": 1,
        "merchant_account": "shop",
        "outcome": Outcome.PAN_UPDATED,
        "new_number": NEW,
        "new_expiry": Expiry(2030, 1),
        "asked_at": 1_800_000_000_123_456,
        "channel": "cybersource-au-csv",
        "feed_id": "feed_1",
        "ordinal": 1,
        "raw_code": "NAN/800",
    }
    return CardUpdate(**{**values, **changes})  # type: ignore[arg-type]


async def test_credentials_come_in_pages_and_go_on_at_the_cursor() -> None:
    vault = DoubleVault()
    for number in range(5):
        card = vault.add(f"tok_{number}", expiry=None if number else Expiry(2027, 11))
        vault.touch(card)
    vault.cards["demo", "tok_3"].opted_out = frozenset({"shop"})
    vault.cards["demo", "tok_4"].status = CardStatus.DELETED
    async with vault_server(vault) as (channel, _, _):
        client = VaultClient(channel)
        pages = [page async for page in client.credentials("demo", "", 0)]
        assert [len(page.credentials) for page in pages] == [2, 2, 1]
        rest = [page async for page in client.credentials("demo", pages[1].cursor, 0)]
    seen = [card for page in pages for card in page.credentials]
    assert seen == [vault.cards["demo", card.token].seen() for card in seen]
    assert [len(page.credentials) for page in rest] == [1]


async def test_cards_are_revealed_for_the_inquiry_and_in_as_many_calls_as_it_takes() -> None:
    vault = DoubleVault()
    card = vault.add("tok_1")
    vault.add("tok_2", expiry=None)
    async with vault_server(vault) as (channel, credentials, reveal):
        reveal.most = 2
        shown = await VaultClient(channel).reveal("demo", ["tok_1", "tok_gone", "tok_2"])
    first, gone, second = shown
    assert isinstance(first, Revealed)
    same = first.number == card.number
    assert same
    assert (first.expiry, first.credential_version) == (Expiry(2027, 11), 1)
    assert gone == NotRevealed("tok_gone", "CARD_NOT_FOUND")
    assert isinstance(second, Revealed)
    assert second.expiry is None
    assert reveal.purposes == [PURPOSE, PURPOSE]
    assert set(credentials.tenants) == {"demo"}


async def test_answers_are_handed_over_and_their_dispositions_understood() -> None:
    vault = DoubleVault()
    card = vault.add("tok_1")
    backwards = update(
        update_id="b", outcome=Outcome.EXPIRY_UPDATED, new_number=None, new_expiry=Expiry(2020, 1)
    )
    async with vault_server(vault) as (channel, credentials, _):
        client = VaultClient(channel)
        results = await client.apply("demo", [backwards, update(), update(), update("tok_x")])
        for message in credentials.requests[0].updates:
            Validation().check(message)
    assert [result.disposition for result in results] == [
        Disposition.REJECTED,
        Disposition.APPLIED,
        Disposition.DUPLICATE,
        Disposition.NOT_FOUND,
    ]
    assert results[0].reason == "EXPIRY_BACKWARDS"
    arrived = card.versions[-1] == (NEW, Expiry(2030, 1))
    assert arrived


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, VaultUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, VaultUnavailable),
        (grpc.StatusCode.PERMISSION_DENIED, VaultRefused),
        (grpc.StatusCode.INVALID_ARGUMENT, VaultRefused),
        (grpc.StatusCode.UNAUTHENTICATED, VaultRefused),
    ],
    ids=str,
)
async def test_a_failing_vault_is_later_or_never(
    code: grpc.StatusCode, expected: type[Exception]
) -> None:
    vault = DoubleVault()
    vault.add("tok_1")
    async with vault_server(vault) as (channel, credentials, _):
        credentials.fails = code
        client = VaultClient(channel)
        with pytest.raises(expected) as applied:
            await client.apply("demo", [update()])
        with pytest.raises(expected):
            await client.reveal("demo", ["tok_1"])
        with pytest.raises(expected):
            _ = [page async for page in client.credentials("demo", "", 0)]
    assert "told to" not in str(applied.value)
    assert applied.value.__cause__ is None


async def test_a_card_that_can_not_be_revealed_now_is_asked_for_later() -> None:
    async with vault_server(DoubleVault()) as (channel, _, reveal):
        reveal.item_code = grpc.StatusCode.UNAVAILABLE.value[0]
        with pytest.raises(VaultUnavailable):
            await VaultClient(channel).reveal("demo", ["tok_1"])


async def test_an_answer_that_does_not_fit_the_question_is_refused() -> None:
    async with vault_server(DoubleVault()) as (channel, credentials, reveal):
        credentials.short, reveal.most = True, 0
        with pytest.raises(VaultRefused):
            await VaultClient(channel).apply("demo", [update()])
        with pytest.raises(VaultRefused):
            await VaultClient(channel).reveal("demo", ["tok_1"])


def test_a_status_without_a_reason_goes_by_its_code() -> None:
    assert reason_of(status_pb2.Status(code=5)) == "NOT_FOUND"


def test_values_of_a_newer_vault_are_taken_the_careful_way() -> None:
    assert vault_messages.disposition(99) is Disposition.REJECTED
    assert vault_messages.disposition(0) is Disposition.REJECTED
    assert vault_messages.brand(99) is Brand.UNKNOWN
    message = credential_service_pb2.Credential(token="tok_1", status=99)  # type: ignore[arg-type]
    assert vault_messages.credential(message).status is CardStatus.NEEDS_CARDHOLDER


def test_covered_is_standing_consent_for_more_than_one_payment() -> None:
    withdrawn = agreement("withdrawn")
    withdrawn.withdraw_time.seconds = 2
    never = agreement("never")
    never.ClearField("consent_time")
    message = credential_service_pb2.Credential(
        token="tok_1",
        status=card_pb2.CARD_STATUS_ACTIVE,
        stored_credentials=[
            agreement("standing"),
            agreement("once", agreement=card_pb2.AGREEMENT_ONE_TIME),
            withdrawn,
            never,
        ],
    )
    assert vault_messages.credential(message).covered == {"standing"}
