"""Every format: asked in it, answered in it, found by reference or by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from tests.doubles.updater_acquirer import Acquirer, said
from tests.doubles.updater_case import LATER, Case, asked, number
from tests.doubles.updater_world import channel_of, make_world
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus
from updater.domain.feed import Counted, FeedState
from updater.domain.inquiry import InquiryState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.usecases.ports_vault import CardUpdate
from updater.usecases.take_in import Taken

FORMATS = (CYBERSOURCE, GP_BIGBATCH, MES_AUS)
SUFFIXES = {
    CYBERSOURCE: "au.request.pan.csv.pgp",
    GP_BIGBATCH: "gp.request.txt.pgp",
    MES_AUS: "aus.request.txt.pgp",
}


@pytest.mark.parametrize("name", FORMATS)
async def test_a_question_and_its_answer_in_every_format(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, name, cards=5) as case:
        first, second = number(1), number(2)
        assert case.inquiry.name.endswith(f".{case.inquiry.named_batch}.{SUFFIXES[name]}")
        taken = await case.taken(
            case.row("new", 0, new_number=first, new_expiry=LATER),
            case.row("new", 1, new_number=second),
            case.row("expiry", 2, new_number=case.questions[2].number, new_expiry=LATER),
            case.row("closed", 3),
            case.row("contact", 4),
        )
        assert taken == {Taken.APPLIED: 1}
        assert await case.counts() == {
            Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 2,
            Counted(Outcome.EXPIRY_UPDATED, Disposition.APPLIED): 1,
            Counted(Outcome.CLOSED, Disposition.APPLIED): 1,
            Counted(Outcome.CONTACT_CARDHOLDER, Disposition.APPLIED): 1,
        }
        cards = list(case.world.vault.cards.values())
        assert sorted(card.status for card in cards) == sorted(
            [CardStatus.ACTIVE] * 3 + [CardStatus.CLOSED, CardStatus.NEEDS_CARDHOLDER]
        )
        assert sum(card.expiry == Expiry(*LATER) for card in cards) == 2
        (file,) = await case.files()
        assert (file.state, file.records) == (FeedState.APPLIED, 5)


@pytest.mark.parametrize("name", FORMATS)
async def test_the_time_of_a_file_goes_along_where_it_has_one(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, name) as case:
        told: list[CardUpdate] = []
        case.world.vault.listens = told.append
        await case.taken(case.row("closed"))
        (file,) = await case.files()
        assert (file.file_time is not None) == (name == GP_BIGBATCH)
        assert [each.file_time for each in told] == [file.file_time]
        assert [each.event_time for each in told] == [None]


async def test_a_file_of_one_network_asks_about_cards_of_one_network(tmp_path: Path) -> None:
    world = make_world(tmp_path, lambda _: None, channel_of(GP_BIGBATCH))
    for place, brand in enumerate((Brand.VISA, Brand.MASTERCARD, Brand.VISA, Brand.DISCOVER)):
        world.vault.add(f"tok_{place}", brand=brand)
    async with world.running() as updater:
        report = await updater.ask()
        assert (report.inquiries, report.records_asked) == (3, 4)
        found = await updater.ports.stores.inquiries.page("demo", states=(), before="", limit=9)
    inquiries = world.acquirer.collect()
    assert {each.network: len(each.records) for each in inquiries} == {"V": 2, "M": 1, "D": 1}
    assert sorted(each.batch for each in inquiries) == ["0001", "0002", "0003"]
    assert {each.network: each.segment for each in inquiries} == {
        "V": "000088",
        "M": "012345",
        "D": "077777",
    }
    assert sorted(each.wire_batch for each in found) == ["0001", "0002", "0003"]


async def test_without_references_one_number_is_one_question(tmp_path: Path) -> None:
    world = make_world(tmp_path, lambda _: None, channel_of(GP_BIGBATCH))
    for place in range(3):
        same = "tok_0" if place == 1 else ""
        card = world.vault.add(f"tok_{place}", same_number_as=same)
        card.fingerprint = ""  # not for the updater to see: only the numbers show it
    async with world.running() as updater:
        assert (await updater.ask()).records_asked == 2
        (inquiry,) = world.acquirer.collect()
        case = Case(world, updater, inquiry)
        (first,) = [
            each
            for each in inquiry.records
            if each.number.reveal() == world.vault.cards["demo", "tok_0"].number.reveal()
        ]
        await case.taken(said(GP_BIGBATCH, "new", first, new_number=number(1)))
        assert await case.counts() == {Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 2}
        assert case.holds("tok_0", number(1))
        assert case.holds("tok_1", number(1))
        assert case.holds("tok_2")
        # Both are answered, and asked about again for their new contents alone; the third waits.
        every = await updater.ports.stores.enrolments.page(
            "demo", token="", merchant_account="", states=(), after=("", ""), limit=9
        )
        waits = [each.token for each in every if each.open_batch]
        assert waits == ["tok_2"]


async def test_a_card_of_another_brand_by_now_is_left_out_of_its_file(tmp_path: Path) -> None:
    world = make_world(tmp_path, lambda _: None, channel_of(GP_BIGBATCH))
    card, other = world.vault.add("tok_0"), world.vault.add("tok_1", brand=Brand.MASTERCARD)
    other.covered = frozenset()
    world.vault.add("tok_2")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        await updater.channels[0].cycle.choose("demo")
        card.versions.append((other.number, None))
        report = await updater.channels[0].cycle.dispatch()
    assert (report.records_asked, report.trouble) == (1, [])


async def test_a_batch_id_that_comes_round_again_is_the_newest_inquirys(tmp_path: Path) -> None:
    async with asked(tmp_path, GP_BIGBATCH) as case:
        inquiries = case.updater.ports.stores.inquiries
        (old,) = await inquiries.page("demo", states=(), before="", limit=9)
        newer = str(int(old.batch_id) + 1)
        again = replace(old, batch_id=newer, state=InquiryState.CREATED)
        await inquiries.create(again, ())
        newest = await inquiries.by_wire(case.world.channel.name, "0001")
        assert newest is not None
        assert newest.batch_id == again.batch_id
        case.deliver(case.row("closed"))
        await case.listen()
        (file,) = await case.files()
        assert file.reason == "BATCH_NOT_SENT"


@pytest.mark.parametrize(("field", "value"), [("segment", "999999"), ("network", "M")])
async def test_a_file_of_another_segment_or_network_is_set_aside(
    tmp_path: Path, field: str, value: str
) -> None:
    async with asked(tmp_path, GP_BIGBATCH) as case:
        inquiry = replace(case.inquiry, **{field: value})  # type: ignore[arg-type] # both texts
        acquirer: Acquirer = case.acquirer
        code = ("CONTAC", "") if field == "network" else ("C", "")
        row = replace(case.row("closed"), code=code[0], reason=code[1])
        acquirer.answer(inquiry, [row])
        assert (await case.listen()).taken == {Taken.QUARANTINED: 1}
        (file,) = await case.files()
        reason = {"segment": "WRONG_MERCHANT", "network": "UNKNOWN_BATCH"}[field]
        assert file.reason == reason
        assert case.untouched()


async def test_a_record_of_another_merchant_sets_the_file_aside(tmp_path: Path) -> None:
    async with asked(tmp_path, GP_BIGBATCH) as case:
        good, bad = case.row("closed", 0), replace(case.row("closed", 1), merchant_id="other")
        assert await case.taken(good, bad) == {Taken.QUARANTINED: 1}
        (file,) = await case.files()
        assert (file.reason, file.offset) == ("WRONG_MERCHANT", 3 * 81)
        assert case.untouched()


async def test_a_file_without_batch_id_is_found_by_its_name(tmp_path: Path) -> None:
    async with asked(tmp_path, MES_AUS) as case:
        batch = case.inquiry.named_batch
        case.deliver(case.row("closed", 0), name="shop.12345.aus.response.txt.pgp")
        case.deliver(case.row("closed", 1), name=f"shop.{batch}.aus.response.txt.pgp")
        report = await case.listen()
        assert report.taken == {Taken.QUARANTINED: 1, Taken.APPLIED: 1}
        reasons = {each.name.split(".")[1]: each.reason for each in await case.files()}
        assert reasons == {"12345": "UNKNOWN_BATCH", batch: ""}
