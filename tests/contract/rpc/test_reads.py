"""Masked reads: one, many, lists with their filters and pages, versions."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import vault_service_pb2 as vault

from cards.brands import Brand
from tests.doubles.clocks import FakeClock
from tests.doubles.damage import damage_cards
from tests.doubles.rpc_requests import (
    covered,
    stored,
    stored_many,
    tokenize,
    update,
    wordy_agreements,
)
from tests.doubles.rpc_wire import refusal_in, refused
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

CLOSED: Final = card_pb2.CARD_STATUS_CLOSED
DELETED: Final = card_pb2.CARD_STATUS_DELETED


async def pages(client: Client, **query: Any) -> list[list[str]]:
    """Return the tokens of every page of a list."""
    request = vault.ListCardsRequest(**query)
    found = []
    while True:
        page = await client.vault.ListCards(request)
        found.append([card.token for card in page.cards])
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def listed(client: Client, **query: Any) -> set[str]:
    return {token for page in await pages(client, **query) for token in page}


async def test_many_are_read_in_the_order_asked_and_each_alone(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, other = await site.client("app"), await site.client("other")
        cards = [await stored(app) for _card in range(3)]
        foreign = await stored(other)
        tokens = [cards[2].token, foreign.token, cards[0].token, cards[2].token, "tok_none"]
        answer = await app.vault.BatchGetCards(vault.BatchGetCardsRequest(tokens=tokens))
        results = answer.results
    shown = [each.response.card.token if each.HasField("response") else "" for each in results]
    assert shown == [tokens[0], "", tokens[2], tokens[3], ""]
    assert not answer.truncated
    for at in (1, 4):
        told = refusal_in(results[at].error)
        assert (told.code, told.reason) == ("NOT_FOUND", "CARD_NOT_FOUND")


async def test_lists_show_what_their_filters_say(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        number = new_pan()
        visa = await stored(root, number, customer="a")
        same = await stored(root, number, customer="b")
        amex = await stored(root, new_pan(Brand.AMEX), customer="a")
        without = tokenize(customer="a")
        without.card.ClearField("expiry_month")
        without.card.ClearField("expiry_year")
        undated = (await root.vault.Tokenize(without)).card
        gone = await stored(root, customer="a")
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=gone.token)
        )
        brief = await stored(root, customer="a", ttl=timedelta(minutes=1))
        clock.advance(timedelta(minutes=1))
        after = card_pb2.Expiry(month=1, year=2031)
        until = card_pb2.Expiry(month=12, year=2030)
        everything = await listed(root)
        of_a = await listed(root, customer="a")
        of_nobody = await listed(root, customer="c")
        fingerprint = await listed(root, fingerprint=visa.fingerprint)
        deleted = await listed(root, statuses=[DELETED])
        brands = await listed(root, brands=[card_pb2.BRAND_AMEX, card_pb2.BRAND_JCB])
        both = await listed(root, customer="a", brands=[card_pb2.BRAND_VISA], expires_before=after)
        early = await listed(root, expires_before=until)
    live = {visa.token, same.token, amex.token, undated.token}
    assert everything == live
    assert of_a == live - {same.token}
    assert of_nobody == set()
    assert fingerprint == {visa.token, same.token}
    assert deleted == {gone.token, brief.token}
    assert brands == {amex.token}
    assert both == {visa.token}
    assert early == set()


async def test_pages_are_stable_while_cards_come_in(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        there = await stored_many(app, 25)
        request = vault.ListCardsRequest(page_size=7)
        seen: list[str] = []
        sizes = []
        while True:
            page = await app.vault.ListCards(request)
            seen += [card.token for card in page.cards]
            sizes.append(len(page.cards))
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
            await stored(app)
    assert max(sizes) == 7
    assert len(seen) == len(set(seen))
    assert [token for token in seen if token in there] == there
    assert seen == sorted(seen)


@pytest.mark.parametrize(("count", "size", "expected"), [(4, 2, [2, 2]), (3, 2, [2, 1])])
async def test_the_last_page_says_that_it_is_the_last(
    count: int, size: int, expected: list[int], tmp_path: Path
) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        for _card in range(count):
            await stored(app)
        found = await pages(app, page_size=size)
    assert [len(page) for page in found] == expected


async def test_a_list_names_what_is_damaged_and_goes_on_behind_it(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        tokens = await stored_many(app, 6, customer="anna")
        damage_cards(tmp_path / "vault.db", meaningless=tokens[1], unreadable=tokens[5])
        pages: list[vault.ListCardsResponse] = []
        place = ""
        while place or not pages:
            request = vault.ListCardsRequest(page_size=2, page_token=place, customer="anna")
            pages.append(await app.vault.ListCards(request))
            place = pages[-1].next_page_token
        alone = await refused(app.vault.GetCard(vault.GetCardRequest(token=tokens[5])))
    assert [[card.token for card in page.cards] for page in pages] == [
        [tokens[0]],
        [tokens[2], tokens[3]],
        [tokens[4]],
    ]
    assert [list(page.damaged_tokens) for page in pages] == [[tokens[1]], [], [tokens[5]]]
    assert alone.code == "DATA_LOSS"


async def test_a_fingerprint_is_shown_and_asked_for_with_its_permission_only(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        app, root = await site.client("app"), await site.client("root")
        number = new_pan()
        card = await stored(root, number)
        told = await refused(
            app.vault.ListCards(vault.ListCardsRequest(fingerprint=card.fingerprint))
        )
        seen = (await app.vault.GetCard(vault.GetCardRequest(token=card.token))).card
        other = await site.client("other")
        foreign = await stored(other, number)
    assert (told.code, told.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert seen.fingerprint == ""
    assert card.fingerprint
    assert foreign.fingerprint != card.fingerprint  # equal within a tenant only


async def test_a_short_number_shows_no_eight_digits(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        amex = await stored(root, new_pan(Brand.AMEX))
        visa = await stored(root, new_pan())
    assert len(amex.bin) == 6
    assert len(visa.bin) == 8


async def test_versions_come_newest_first_with_their_causes(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, updater = await site.client("root"), await site.client("updater")
        numbers = [new_pan() for _version in range(3)]
        card = await covered(root, numbers[0])
        answer = update(card, "PAN_UPDATED", new_number=numbers[1])
        await updater.credential.ApplyUpdates(credentials.ApplyUpdatesRequest(updates=[answer]))
        card = (
            await root.vault.UpdateCard(
                vault.UpdateCardRequest(
                    request_id=request_id(),
                    token=card.token,
                    expected_revision=2,
                    card=card_pb2.CardChanges(number=numbers[2]),
                )
            )
        ).card
        request = vault.ListCardVersionsRequest(token=card.token)
        versions = list((await root.vault.ListCardVersions(request)).versions)
        request.page_size = 2
        first = await root.vault.ListCardVersions(request)
        request.page_token = first.next_page_token
        second = await root.vault.ListCardVersions(request)
    assert [each.credential_version for each in versions] == [3, 2, 1]
    assert [each.card.last4 for each in versions] == [number[-4:] for number in numbers[::-1]]
    assert [each.cause for each in versions] == [
        card_pb2.CHANGE_CAUSE_CARDHOLDER,
        card_pb2.CHANGE_CAUSE_NETWORK,
        card_pb2.CHANGE_CAUSE_CARDHOLDER,
    ]
    assert versions[1].source.update.channel == "csv"
    assert versions[1].source.update.file == "f1"
    assert [list(first.versions), list(second.versions)] == [versions[:2], versions[2:]]
    assert not second.next_page_token
    assert len({each.card.fingerprint for each in versions}) == 3


async def test_pages_and_streams_of_wordy_cards_stop_at_3_mib_and_go_on(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        for _batch in range(2):
            requests = [tokenize(stored_credentials=wordy_agreements()) for _card in range(100)]
            await root.vault.BatchTokenize(
                vault.BatchTokenizeRequest(requests=requests), timeout=30
            )
        parts = [
            part
            async for part in root.credential.StreamCredentials(
                credentials.StreamCredentialsRequest()
            )
        ]
        found = await pages(root, page_size=1000)
    assert len(parts) > 1
    assert all(part.ByteSize() <= 3 << 20 for part in parts)
    streamed = [each.token for part in parts for each in part.credentials]
    assert len(found) > 1
    assert streamed == [token for page in found for token in page]
    assert len(set(streamed)) == 200


async def test_a_page_of_wordy_versions_stops_at_3_mib_and_goes_on(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root, stored_credentials=wordy_agreements())
        for revision in range(1, 160):
            await root.vault.UpdateCard(
                vault.UpdateCardRequest(
                    request_id=request_id(),
                    token=card.token,
                    expected_revision=revision,
                    card=card_pb2.CardChanges(expiry_month=1 + revision % 12, expiry_year=2031),
                )
            )
        request = vault.ListCardVersionsRequest(token=card.token, page_size=1000)
        first = await root.vault.ListCardVersions(request)
        request.page_token = first.next_page_token
        second = await root.vault.ListCardVersions(request)
    numbers = [each.credential_version for each in [*first.versions, *second.versions]]
    assert first.ByteSize() <= 3 << 20
    assert numbers == list(range(160, 0, -1))
    assert not second.next_page_token


async def test_past_its_time_to_live_a_card_is_streamed_as_deleted_only(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        card = await stored(root, ttl=timedelta(minutes=1))
        clock.advance(timedelta(minutes=1))

        async def seen(**query: Any) -> list[tuple[str, int]]:
            request = credentials.StreamCredentialsRequest(**query)
            stream = root.credential.StreamCredentials(request)
            return [(each.token, each.status) async for part in stream for each in part.credentials]

        everything, deleted = await seen(), await seen(statuses=[DELETED])
    assert everything == []
    assert deleted == [(card.token, DELETED)]
