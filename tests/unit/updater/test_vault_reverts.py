"""The vault's client: answers by number and dry runs, what is taken back, and single cards."""

from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from cardvault.vault.v1 import card_pb2, credential_service_pb2, update_pb2
from google.protobuf.message import Message

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from cards.pan import Pan
from cards.testcards import test_pan as number_for_test
from chassis.validation import Validation
from tests.doubles.scripted_vault import found, reverted, scripted_vault
from updater.adapters import vault_messages
from updater.adapters.vault_client import VaultClient
from updater.domain.dispositions import Disposition
from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.usecases.ports_vault import (
    CardUpdate,
    MaskedCard,
    RevertedCard,
    RevertedPage,
    Undone,
)

REQUEST_ID = "00000000-0000-4000-8000-000000000001"
OLD = Pan(number_for_test(Brand.VISA, 77_001))
BY_NUMBER = CardUpdate(
    update_id="gp:1:1:00",
    merchant_account="shop",
    outcome=Outcome.CLOSED,
    new_number=None,
    new_expiry=None,
    asked_at=1_800_000_000_123_456,
    channel="gp",
    feed_id="feed_1",
    ordinal=1,
    raw_code="C/",
    number=OLD,
    event_time=1_800_000_000_000_001,
    file_time=1_800_000_000_000_002,
    dry_run=True,
)


async def pages(client: VaultClient, *, dry_run: bool = False) -> list[RevertedPage]:
    found = client.revert("demo", "gp", "feed_1", request_id=REQUEST_ID, dry_run=dry_run)
    return [page async for page in found]


def test_an_answer_by_number_says_number_times_and_that_it_is_a_trial() -> None:
    message = vault_messages.credential_update(BY_NUMBER)
    Validation().check(message)
    assert message.WhichOneof("asked") == "number"
    same = message.number == OLD.reveal()
    assert same
    assert message.dry_run
    times = (message.event_time, message.file_time, message.asked_time)
    assert [each.nanos for each in times] == [1_000, 2_000, 123_456_000]


def test_what_a_file_does_not_say_is_absent() -> None:
    bare = replace(
        BY_NUMBER,
        event_time=None,
        file_time=None,
        number=None,
        dry_run=False,
        token="tok_1",
        credential_version=4,
    )
    message = vault_messages.credential_update(bare)
    Validation().check(message)
    assert message.WhichOneof("asked") == "version"
    assert (message.version.token, message.version.credential_version) == ("tok_1", 4)
    assert not message.HasField("event_time")
    assert not message.HasField("file_time")
    assert not message.dry_run


async def test_the_cards_of_an_answer_by_number_are_told_each_with_its_fate() -> None:
    reply = credential_service_pb2.ApplyUpdatesResponse(
        results=[
            credential_service_pb2.UpdateResult(
                update_id=BY_NUMBER.update_id,
                disposition=update_pb2.DISPOSITION_APPLIED,
                cards=[
                    credential_service_pb2.UpdatedCard(
                        card=card_pb2.Card(token=token), disposition=disposition
                    )
                    for token, disposition in (
                        ("tok_1", update_pb2.DISPOSITION_APPLIED),
                        ("tok_2", update_pb2.DISPOSITION_STALE),
                    )
                ],
            )
        ]
    )
    async with scripted_vault([reply]) as (channel, _):
        (result,) = await VaultClient(channel).apply("demo", [BY_NUMBER])
    assert result.disposition is Disposition.APPLIED
    assert result.cards == [("tok_1", Disposition.APPLIED), ("tok_2", Disposition.STALE)]


async def test_a_file_is_taken_back_page_by_page_under_one_request_id() -> None:
    replies = [
        reverted(("tok_1", "REVERTED"), ("tok_2", "PARTLY_REVERTED"), following="p2", dropped=2),
        reverted(("tok_3", "KEPT_NEWER"), ("tok_4", "GONE")),
    ]
    async with scripted_vault(replies) as (channel, script):
        first, second = await pages(VaultClient(channel, call_deadline=timedelta(seconds=7)))
    assert first.dropped_parked == 2
    assert first.cards[0] == RevertedCard("tok_1", Undone.REVERTED, 2, 3)
    undone = [card.undone for page in (first, second) for card in page.cards]
    assert undone == [
        Undone.REVERTED,
        Undone.PARTLY_REVERTED,
        Undone.KEPT_NEWER,
        Undone.GONE,
    ]
    assert [each.page_token for each in script.requests] == ["", "p2"]
    assert {each.request_id for each in script.requests} == {REQUEST_ID}
    assert {(each.source.channel, each.source.file) for each in script.requests} == {
        ("gp", "feed_1")
    }
    assert not any(each.dry_run for each in script.requests)
    assert script.tenants == ["demo", "demo"]
    assert all(left is not None and left < 8 for left in script.deadlines)
    for each in script.requests:
        Validation().check(each)


async def test_a_dry_run_says_so_on_every_page() -> None:
    replies = [reverted(("tok_1", "REVERTED"), following="p2"), reverted()]
    async with scripted_vault(replies) as (channel, script):
        assert len(await pages(VaultClient(channel), dry_run=True)) == 2
    assert [each.dry_run for each in script.requests] == [True, True]


async def test_a_page_that_leads_to_itself_ends_the_call() -> None:
    again = reverted(("tok_1", "REVERTED"), following="p2")
    async with scripted_vault([again, again, again]) as (channel, script):
        with pytest.raises(VaultRefused):
            await pages(VaultClient(channel))
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, VaultUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, VaultUnavailable),
        (grpc.StatusCode.PERMISSION_DENIED, VaultRefused),
        (grpc.StatusCode.INVALID_ARGUMENT, VaultRefused),
    ],
    ids=str,
)
async def test_a_vault_that_fails_half_way_is_later_or_never(
    code: grpc.StatusCode, expected: type[Exception]
) -> None:
    replies: list[Message | grpc.StatusCode] = [
        reverted(("tok_1", "REVERTED"), following="p2"),
        code,
    ]
    async with scripted_vault(replies) as (channel, _):
        with pytest.raises(expected) as failed:
            await pages(VaultClient(channel))
    assert "told to" not in str(failed.value)


def test_every_word_of_the_vault_about_reverts_is_known_and_a_new_one_keeps_the_card() -> None:
    words = set(update_pb2.RevertDisposition.keys()) - {"REVERT_DISPOSITION_UNSPECIFIED"}
    assert {f"REVERT_DISPOSITION_{undone.value}" for undone in Undone} == words
    message = credential_service_pb2.RevertUpdatesResponse(
        cards=[credential_service_pb2.RevertedCard(token="tok_1", disposition=99)]  # type: ignore[arg-type]
    )
    assert vault_messages.reverted(message).cards[0].undone is Undone.KEPT_NEWER


async def test_a_card_is_shown_masked() -> None:
    card = {
        "token": "tok_1",
        "brand": card_pb2.BRAND_VISA,
        "bin": "411111",
        "last4": "1111",
        "status": card_pb2.CARD_STATUS_CLOSED,
    }
    replies = [found(**card, expiry_month=11, expiry_year=2027), found(**card)]
    async with scripted_vault(replies) as (channel, script):
        client = VaultClient(channel)
        shown = await client.card("demo", "tok_1")
        without = await client.card("demo", "tok_1")
    assert shown == MaskedCard("tok_1", Brand.VISA, "411111", "1111", Expiry(2027, 11), "CLOSED")
    assert without is not None
    assert without.expiry is None
    assert (script.requests[0].token, script.tenants[0]) == ("tok_1", "demo")
    assert script.deadlines[0] is not None


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED])
async def test_a_card_that_is_not_there_or_not_for_us_is_none(code: grpc.StatusCode) -> None:
    async with scripted_vault([code]) as (channel, _):
        assert await VaultClient(channel).card("demo", "tok_1") is None


async def test_a_vault_that_is_away_does_not_make_a_card_vanish() -> None:
    async with scripted_vault([grpc.StatusCode.UNAVAILABLE]) as (channel, _):
        with pytest.raises(VaultUnavailable):
            await VaultClient(channel).card("demo", "tok_1")
