"""One whole cycle over real files, real OpenPGP and a real database."""

from collections import Counter
from pathlib import Path

import pytest

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from tests.doubles.feed_files import Question
from tests.doubles.updater_acquirer import answer
from tests.doubles.updater_scripts import NEW_EXPIRY, current, mixed, new_number, pan, replacement
from tests.doubles.updater_world import DAY, World, make_world, open_incidents
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus
from updater.domain.errors import Reason
from updater.domain.feed import Counted, ExceptionKind
from updater.domain.inquiry import InquiryState
from updater.files.digits import Digits
from updater.usecases.report import CycleReport
from updater.usecases.take_in import Taken


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, mixed)


async def whole_cycle(world: World) -> CycleReport:
    async with world.running() as updater:
        report = await updater.ask()
        world.acquirer.answer_all()
        report = report.plus(await updater.listen())
        return report.plus(await updater.listen())


async def test_a_cycle_changes_what_the_channel_says_and_nothing_else(world: World) -> None:
    for number in range(16):
        world.vault.add(f"tok_{number}")
    report = await whole_cycle(world)
    assert (report.enrolled, report.inquiries, report.records_asked) == (16, 1, 16)
    assert report.taken == {Taken.APPLIED: 1}
    said = Counter(
        None if (row := mixed(record)) is None else f"{row.code}/{row.new_number is None}"
        for record in world.acquirer.asked[0].records
    )
    assert len(said) >= 7
    outcomes = Counter[Outcome]()
    for counted, count in report.counts.items():
        outcomes[counted.outcome] += count
    assert outcomes[Outcome.PAN_UPDATED] + outcomes[Outcome.BRAND_CHANGED] == said["NAN/False"]
    assert outcomes[Outcome.BRAND_CHANGED] == 2
    assert outcomes[Outcome.EXPIRY_UPDATED] == said["NED/False"]
    assert outcomes[Outcome.CLOSED] == said["ACL/True"]
    assert outcomes[Outcome.CONTACT_CARDHOLDER] == said["CCH/True"]
    assert outcomes[Outcome.VALID_NO_CHANGE] == said["CUR/False"]
    assert outcomes[Outcome.REJECTED_INPUT] == said["ERR/True"]
    assert outcomes.total() == 16 - said[None]
    statuses = Counter(card.status for card in world.vault.cards.values())
    assert statuses[CardStatus.CLOSED] == said["ACL/True"]
    assert statuses[CardStatus.NEEDS_CARDHOLDER] == said["CCH/True"]
    changed = sum(len(card.versions) == 2 for card in world.vault.cards.values())
    assert changed == said["NAN/False"] + said["NED/False"]


async def test_a_new_number_arrives_under_the_same_token(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    card = world.vault.add("tok_1")
    await whole_cycle(world)
    asked = world.acquirer.asked[0].records[0]
    expected = pan(replacement(asked, Brand.VISA))
    arrived = card.number == expected
    assert arrived
    assert card.expiry == Expiry(*NEW_EXPIRY)
    assert len(card.versions) == 2


async def test_files_in_the_exchange_are_ciphertext_and_end_in_done(world: World) -> None:
    card = world.vault.add("tok_1")
    await whole_cycle(world)
    old = card.versions[0][0].reveal().encode()
    folders = Counter[str]()
    for path in world.root.rglob("*"):
        if path.is_file():
            folders[path.parent.name] += 1
            assert old not in path.read_bytes()
    assert folders["inbox"] == 0
    assert folders["done"] + folders["quarantine"] <= 1


async def test_the_reference_says_nothing_about_the_card(world: World) -> None:
    world.vault.add("tok_1")
    async with world.running() as updater:
        await updater.ask()
    (inquiry,) = world.acquirer.collect()
    reference = inquiry.records[0].reference
    assert reference.isalpha()
    assert len(reference) == 24
    assert inquiry.merchant_id == "shop"


async def test_only_covered_active_fpans_of_served_brands_are_asked_about(world: World) -> None:
    vault = world.vault
    vault.add("tok_yes")
    vault.add("tok_uncovered", covered=frozenset())
    vault.add("tok_out").opted_out = frozenset({"shop"})
    vault.add("tok_closed").status = CardStatus.CLOSED
    vault.add("tok_network_token").fpan = False
    vault.add("tok_jcb", brand=Brand.JCB)
    async with world.running() as updater:
        report = await updater.ask()
    assert report.records_asked == 1
    assert vault.revealed == ["tok_yes"]


async def test_one_number_is_asked_about_once_for_all_its_cards(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    first = world.vault.add("tok_1")
    second = world.vault.add("tok_2", same_number_as="tok_1")
    report = await whole_cycle(world)
    assert report.records_asked == 1
    same = first.number == second.number
    assert same
    assert [len(first.versions), len(second.versions)] == [2, 2]
    assert world.vault.revealed == ["tok_1"]


async def test_the_version_revealed_is_the_one_asked_about(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    card = world.vault.add("tok_1")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        await updater.channels[0].cycle.choose("demo")
        card.versions.append((card.number, Expiry(2030, 1)))  # the cardholder, before the file
        await updater.channels[0].cycle.dispatch()
        world.acquirer.answer_all()
        await updater.listen()
        report = await updater.listen()
    assert report.counts == {Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 1}


async def test_a_cardholders_later_number_is_not_overwritten(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    card = world.vault.add("tok_1")
    other = world.vault.add("tok_other", covered=frozenset())
    async with world.running() as updater:
        await updater.ask()
        card.versions.append((other.number, None))  # the cardholder, after the file
        world.acquirer.answer_all()
        await updater.listen()
        report = await updater.listen()
    assert report.counts == {Counted(Outcome.PAN_UPDATED, Disposition.STALE): 1}


async def test_nothing_is_asked_twice_while_an_answer_is_awaited_or_fresh(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    world.vault.add("tok_1")
    async with world.running() as updater:
        assert (await updater.ask()).inquiries == 1
        assert (await updater.ask()).inquiries == 0
    await whole_cycle(world)
    async with world.running() as updater:
        assert (await updater.ask()).inquiries == 0
        world.clock.now += 27 * DAY
        assert (await updater.ask()).inquiries == 0
        world.clock.now += 2 * DAY
        assert (await updater.ask()).inquiries == 1


async def test_new_contents_are_asked_about_at_once_but_not_for_ever(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    world.vault.add("tok_1")
    asked = [(await whole_cycle(world)).inquiries for _ in range(12)]
    assert sum(asked) == 1 + world.channel.policy.chain_cap


async def test_silence_is_unanswered_after_ten_days_and_a_late_answer_still_counts(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path, new_number)
    card = world.vault.add("tok_1")
    async with world.running() as updater:
        await updater.ask()
        (inquiry,) = world.acquirer.collect()
        world.clock.now += 9 * DAY
        assert (await updater.listen()).unanswered == 0
        world.clock.now += 2 * DAY
        report = await updater.listen()
        assert (report.unanswered, report.awaiting) == (1, 0)
        world.acquirer.answer(inquiry, world.acquirer.respond(inquiry))
        await updater.listen()
        late = await updater.listen()
    assert late.counts == {Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 1}
    assert len(card.versions) == 2


async def test_a_missing_row_is_not_an_answer(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    for number in range(3):
        world.vault.add(f"tok_{number}")
    asked = iter([True, False, True])
    world = world.with_script(lambda r: current(r) if next(asked) else None)
    report = await whole_cycle(world)
    assert report.counts == {Counted(Outcome.VALID_NO_CHANGE, Disposition.NO_CHANGE): 2}
    assert report.awaiting == 1
    async with world.running() as updater:
        world.clock.now += 11 * DAY
        assert (await updater.listen()).unanswered == 1


async def test_a_vault_that_is_down_costs_time_and_nothing_else(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    card = world.vault.add("tok_1")
    world.vault.down = True
    async with world.running() as updater:
        assert (await updater.ask()).trouble == (Reason.VAULT_UNAVAILABLE,)
        world.vault.down = False
        await updater.enrolment.enrolling()
        await updater.channels[0].cycle.choose("demo")
        world.vault.down = True
        assert (await updater.channels[0].cycle.dispatch()).trouble == [Reason.VAULT_UNAVAILABLE]
        world.vault.down = False
        await updater.channels[0].cycle.dispatch()
        world.acquirer.answer_all()
        world.vault.down = True
        await updater.listen()
        assert (await updater.listen()).trouble == (Reason.VAULT_UNAVAILABLE,)
        world.vault.down = False
        assert (await updater.listen()).taken == {Taken.APPLIED: 1}
    assert len(card.versions) == 2


async def test_a_card_that_is_not_revealed_is_dropped_and_named(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    world.vault.add("tok_1")
    gone = world.vault.add("tok_2")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        await updater.channels[0].cycle.choose("demo")
        gone.status = CardStatus.CLOSED
        assert (await updater.channels[0].cycle.dispatch()).records_asked == 1
        incidents = await open_incidents(updater)
    assert [(each.kind, each.reason) for each in incidents] == [
        (ExceptionKind.CARD_NOT_ASKED, "STATUS_FORBIDS")
    ]


async def test_an_inquiry_of_which_nothing_is_left_is_closed(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    gone = world.vault.add("tok_1")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        await updater.channels[0].cycle.choose("demo")
        gone.status = CardStatus.DELETED
        assert (await updater.channels[0].cycle.dispatch()).inquiries == 0
        assert await updater.ports.stores.inquiries.in_state(InquiryState.EMPTY)
    assert not list((world.root / "exchange" / "outbox").iterdir())


async def test_an_account_without_a_usable_merchant_id_is_named_not_asked(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    world.vault.add("tok_1", covered=frozenset({"shop:with:colons"}))
    async with world.running() as updater:
        assert (await updater.ask()).inquiries == 0
        (incident,) = await open_incidents(updater, ExceptionKind.CARD_NOT_ASKED)
    assert (incident.reason, incident.tenant) == ("MERCHANT_ID_NEEDED", "demo")
    assert (incident.channel, incident.merchant_account) == (world.channel.name, "shop:with:colons")


async def test_large_inquiries_are_split_and_large_answers_are_applied_in_batches(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path, new_number, batch=3)
    world = world.with_channel(records_per_file=5)
    for number in range(8):
        world.vault.add(f"tok_{number}")
    report = await whole_cycle(world)
    assert (report.inquiries, report.records_asked) == (2, 8)
    assert sorted(world.vault.batches) == [2, 3, 3]


async def test_an_invalid_new_number_changes_nothing_and_is_for_an_operator(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path, lambda r: answer(r, "NAN", new_number=_broken(r)))
    card = world.vault.add("tok_1")
    report = await whole_cycle(world)
    assert report.counts == {Counted(Outcome.REJECTED_INPUT, Disposition.NOT_SENT): 1}
    assert len(card.versions) == 1
    assert not world.vault.batches
    async with world.running() as updater:
        (incident,) = await open_incidents(updater)
    assert (incident.kind, incident.reason) == (
        ExceptionKind.ANSWER_NOT_APPLIED,
        "NOT_SENT:NEW_NUMBER_INVALID",
    )


def _broken(_record: Question) -> Digits:
    return Digits("4111111111111112")
