"""Tokenize: request ids, existing cards, shapes of tokens, time to live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.field_mask_pb2 import FieldMask

from cards.luhn import luhn_valid
from tests.doubles.clocks import FakeClock
from tests.doubles.rpc_requests import agreement, stored, tokenize
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import refusal_in, refused
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

CUSTOMER: Final = "customer-7"


async def test_a_card_goes_in_and_its_masked_form_comes_out(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, root = await site.client("app"), await site.client("root")
        number = new_pan()
        request = tokenize(
            number,
            customer=CUSTOMER,
            stored_credentials=[agreement()],
            metadata={"order": "7"},
        )
        request.card.cardholder_name = "Zoe"
        answer = await app.vault.Tokenize(request)
        card = answer.card
        seen_by_root = (await root.vault.GetCard(vault.GetCardRequest(token=card.token))).card
    assert answer.created
    assert not answer.differs
    assert card.token.startswith("tok_")
    assert (card.revision, card.credential_version) == (1, 1)
    assert (card.kind, card.status) == (card_pb2.CARD_KIND_FPAN, card_pb2.CARD_STATUS_ACTIVE)
    assert card.brand == card_pb2.BRAND_VISA
    assert card.bin == number[:6]
    assert card.last4 == number[-4:]
    assert (card.expiry_month, card.expiry_year) == (12, 2030)
    assert card.customer == CUSTOMER
    assert dict(card.metadata) == {"order": "7"}
    assert list(card.stored_credentials) == [agreement()]
    assert card.fingerprint == ""
    assert number not in str(card)
    assert seen_by_root.bin == number[:8]
    assert seen_by_root.fingerprint


async def test_the_same_request_replays_with_the_card_as_it_is_now(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        request = tokenize(customer=CUSTOMER)
        first = await root.vault.Tokenize(request)
        hold = card_pb2.Hold(type=card_pb2.HOLD_TYPE_LEGAL_HOLD)
        await root.vault.SetCardStatus(
            vault.SetCardStatusRequest(
                request_id=request_id(),
                token=first.card.token,
                expected_revision=1,
                holds=[vault.HoldChange(hold=hold, action=vault.HOLD_ACTION_PLACE)],
                reason="a court asked",
            )
        )
        request.request_id = request.request_id.upper()  # UUIDs are compared without case
        request.security_code = "123"  # and security codes not at all
        again = await root.vault.Tokenize(request)
        rows = stored_rows(site)
    assert again.created
    assert again.card.token == first.card.token
    assert again.card.revision == 2
    assert list(again.card.holds) == [hold]
    assert rows["cards"] == 1


async def test_a_replay_tells_what_the_first_answer_told(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        number = new_pan()
        card = await stored(app, number, customer=CUSTOMER)
        found = tokenize(number, customer=CUSTOMER, metadata={"order": "8"})
        first = await app.vault.Tokenize(found)
        await app.vault.UpdateCard(
            vault.UpdateCardRequest(
                request_id=request_id(),
                token=card.token,
                expected_revision=1,
                metadata={"order": "8"},
            )
        )
        again = await app.vault.Tokenize(found)
    assert (first.created, list(first.differs)) == (False, ["metadata"])
    assert (again.created, list(again.differs)) == (False, ["metadata"])
    assert dict(again.card.metadata) == {"order": "8"}


async def test_a_request_id_stands_for_one_request_of_one_principal(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, root = await site.client("app"), await site.client("root")
        other = await site.client("other")
        request = tokenize()
        mine = await app.vault.Tokenize(request)
        changed = vault.TokenizeRequest()
        changed.CopyFrom(request)
        changed.metadata["order"] = ""
        told = await refused(app.vault.Tokenize(changed))
        changed.metadata["order"] = "-"
        told_again = await refused(app.vault.Tokenize(changed))
        delete = vault.DeleteCardRequest(request_id=request.request_id, token=mine.card.token)
        told_of_another_method = await refused(app.vault.DeleteCard(delete))
        theirs = await root.vault.Tokenize(request)
        foreign = await other.vault.Tokenize(request)
    for each in (told, told_again, told_of_another_method):
        assert (each.code, each.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert len({mine.card.token, theirs.card.token, foreign.card.token}) == 3


async def test_an_empty_value_and_a_dash_are_two_requests(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        request = tokenize(metadata={"order": ""})
        await app.vault.Tokenize(request)
        request.metadata["order"] = "-"
        told = await refused(app.vault.Tokenize(request))
    assert told.reason == "REQUEST_ID_REUSED"


async def test_a_refusal_is_not_recorded_under_its_request_id(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        request = tokenize(on_existing=vault.ON_EXISTING_UPDATE)
        told = await refused(app.vault.Tokenize(request))
        request.on_existing = vault.ON_EXISTING_RETURN
        answer = await app.vault.Tokenize(request)
    assert (told.code, told.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert answer.created


async def test_a_customers_card_is_found_again_and_what_differs_is_named(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        number = new_pan()
        card = await stored(app, number, customer=CUSTOMER, metadata={"a": "1"})
        request = tokenize(
            number,
            customer=CUSTOMER,
            stored_credentials=[agreement()],
            metadata={"a": "2"},
        )
        request.card.expiry_year = 2035
        request.card.cardholder_name = "Zoe"
        request.card.billing_address.region_code = "DE"
        found = await app.vault.Tokenize(request)
        same = await app.vault.Tokenize(tokenize(number, customer=CUSTOMER))
    assert not found.created
    assert found.card == card  # nothing stored has changed
    assert list(found.differs) == [
        "card.expiry_year",
        "card.cardholder_name",
        "card.billing_address",
        "stored_credentials",
        "metadata",
    ]
    assert (same.created, same.card.token, list(same.differs)) == (False, card.token, [])


@pytest.mark.parametrize(
    "other",
    [
        {"customer": "customer-8"},
        {"customer": ""},
        {"kind": card_pb2.CARD_KIND_DPAN},
        {"token_format": card_pb2.TOKEN_FORMAT_CARD_SHAPED},
        {"on_existing": vault.ON_EXISTING_NEW},
        {"ttl": timedelta(hours=1)},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_what_is_not_the_same_gets_a_token_of_its_own(
    other: dict[str, object], tmp_path: Path
) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        number = new_pan()
        first = await stored(app, number, customer=CUSTOMER)
        answer = await app.vault.Tokenize(tokenize(number, **{"customer": CUSTOMER, **other}))
    assert answer.created
    assert answer.card.token != first.token


async def test_update_takes_a_later_expiry_or_another_name_and_never_an_earlier_one(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        number = new_pan()
        card = await stored(root, number, customer=CUSTOMER)

        async def again(year: int, name: str) -> vault.TokenizeResponse:
            request = tokenize(number, customer=CUSTOMER, on_existing=vault.ON_EXISTING_UPDATE)
            request.card.expiry_year, request.card.cardholder_name = year, name
            return await root.vault.Tokenize(request)

        earlier = await again(2029, "")
        later = await again(2031, "")
        named = await again(2031, "Zoe")
        shown = await root.reveal.Detokenize(
            reveals.DetokenizeRequest(token=card.token, purpose="payment")
        )
    assert (earlier.card.revision, earlier.card.expiry_year) == (1, 2030)
    assert (later.card.revision, later.card.credential_version) == (2, 2)
    assert (named.card.revision, named.card.credential_version) == (3, 2)
    assert {each.created for each in (earlier, later, named)} == {False}
    assert (shown.card.expiry_year, shown.card.cardholder_name) == (2031, "Zoe")


async def test_64_callers_at_once_make_one_card(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        number = new_pan()
        requests = [tokenize(number, customer=CUSTOMER) for _caller in range(64)]
        answers = await asyncio.gather(*[app.vault.Tokenize(each) for each in requests])
        rows = stored_rows(site)
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.card.token for answer in answers}) == 1
    assert rows["cards"] == 1
    assert rows["requests"] == 64


async def _close(root: Client, card: card_pb2.Card) -> None:
    await root.vault.SetCardStatus(
        vault.SetCardStatusRequest(
            request_id=request_id(),
            token=card.token,
            expected_revision=card.revision,
            status=card_pb2.CARD_STATUS_CLOSED,
            reason="closed by the issuer",
        )
    )


async def _delete(root: Client, card: card_pb2.Card) -> None:
    await root.vault.DeleteCard(vault.DeleteCardRequest(request_id=request_id(), token=card.token))


async def _renumber(root: Client, card: card_pb2.Card) -> None:
    await root.vault.UpdateCard(
        vault.UpdateCardRequest(
            request_id=request_id(),
            token=card.token,
            expected_revision=card.revision,
            card=card_pb2.CardChanges(number=new_pan()),
            update_mask=FieldMask(paths=["card.number"]),
        )
    )


@pytest.mark.parametrize(
    "leave", [_close, _delete, _renumber], ids=["closed", "deleted", "renumbered"]
)
async def test_when_the_oldest_goes_the_next_oldest_is_found(
    leave: Callable[[Client, card_pb2.Card], Awaitable[None]], tmp_path: Path
) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        number = new_pan()
        new = vault.ON_EXISTING_NEW
        cards = [
            await stored(root, number, customer=CUSTOMER, on_existing=new) for _card in range(3)
        ]
        found = []
        for card in cards:
            answer = await root.vault.Tokenize(tokenize(number, customer=CUSTOMER))
            found.append(answer.card.token)
            await leave(root, card)
        last = await root.vault.Tokenize(tokenize(number, customer=CUSTOMER))
    assert found == [card.token for card in cards]
    assert last.created


async def test_a_card_that_comes_back_takes_its_place_again(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        number = new_pan()
        first = await stored(root, number, customer=CUSTOMER)
        await _delete(root, first)
        second = await root.vault.Tokenize(tokenize(number, customer=CUSTOMER))
        await root.vault.UndeleteCard(
            vault.UndeleteCardRequest(request_id=request_id(), token=first.token)
        )
        found = await root.vault.Tokenize(tokenize(number, customer=CUSTOMER))
    assert second.created
    assert (found.created, found.card.token) == (False, first.token)


async def test_card_shaped_tokens_are_digits_that_are_no_card_number(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        shaped = card_pb2.TOKEN_FORMAT_CARD_SHAPED
        numbers = [new_pan() for _card in range(20)]
        batch = [tokenize(number, token_format=shaped) for number in numbers]
        answer = await app.vault.BatchTokenize(vault.BatchTokenizeRequest(requests=batch))
        tokens = [result.response.card.token for result in answer.results]
        again = (await app.vault.GetCard(vault.GetCardRequest(token=tokens[0]))).card
    assert len(set(tokens)) == 20
    assert all(token.isdigit() and not luhn_valid(token) for token in tokens)
    lengths_and_ends = [(len(number), number[-4:]) for number in numbers]
    assert [(len(token), token[-4:]) for token in tokens] == lengths_and_ends
    assert again.token_format == shaped


async def test_a_batch_answers_in_order_and_each_alone(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        good = [tokenize() for _card in range(3)]
        bad = tokenize(customer="not allowed")
        reused = tokenize()
        reused.request_id = good[0].request_id
        batch = [good[0], bad, good[1], reused, good[2], good[1]]
        answer = await app.vault.BatchTokenize(vault.BatchTokenizeRequest(requests=batch))
        results = answer.results
    assert [result.WhichOneof("result") for result in results] == [
        "response",
        "error",
        "response",
        "error",
        "response",
        "response",
    ]
    assert [refusal_in(results[at].error).reason for at in (1, 3)] == [
        "INVALID_FIELD",
        "REQUEST_ID_REUSED",
    ]
    assert results[5].response.card.token == results[2].response.card.token
    numbers = [request.card.number[-4:] for request in good]
    assert [results[at].response.card.last4 for at in (0, 2, 4)] == numbers


async def test_past_its_time_to_live_a_card_is_deleted_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        card = await stored(root, ttl=timedelta(hours=1))
        get = vault.GetCardRequest(token=card.token)
        reveal = reveals.DetokenizeRequest(token=card.token, purpose="payment")
        clock.advance(timedelta(minutes=59))
        before = (await root.vault.GetCard(get)).card
        await root.reveal.Detokenize(reveal)
        clock.advance(timedelta(minutes=1))
        after = (await root.vault.GetCard(get)).card
        told = await refused(root.reveal.Detokenize(reveal))
        undelete = vault.UndeleteCardRequest(request_id=request_id(), token=card.token)
        gone = await refused(root.vault.UndeleteCard(undelete))
    assert before.status == card_pb2.CARD_STATUS_ACTIVE
    assert before.expire_time.seconds - before.create_time.seconds == 3600
    assert after.status == card_pb2.CARD_STATUS_DELETED
    assert (told.code, told.reason) == ("FAILED_PRECONDITION", "CARD_DELETED")
    assert (gone.code, gone.reason) == ("FAILED_PRECONDITION", "CARD_ERASED")


async def test_a_batch_whose_reply_could_not_be_sent_is_refused_before_it_is_stored(
    tmp_path: Path,
) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        metadata = {f"k{at}": "v" * 990 for at in range(4)}
        fits = [tokenize(metadata=metadata) for _card in range(900)]
        answer = await app.vault.BatchTokenize(
            vault.BatchTokenizeRequest(requests=fits), timeout=30
        )
        before = stored_rows(site)
        too_many = [tokenize(metadata=metadata) for _card in range(1000)]
        request = vault.BatchTokenizeRequest(requests=too_many)
        told = await refused(app.vault.BatchTokenize(request, timeout=30))
        assert stored_rows(site) == before
    assert request.ByteSize() < 4 << 20  # the transport would have let it through
    assert len(answer.results) == 900
    assert all(each.HasField("response") for each in answer.results)
    assert (told.code, told.reason) == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")
    assert told.fields == ("requests",)
