"""The hard tests of `account-updater.md`, section C, as far as the updater decides.

| C | where |
|---|---|
| 1, 2 | `test_a_chain_in_one_file` here, in every order and format |
| 3 | `test_a_cycle_ends_where_it_began` here; `test_cycle`: the chain's cap |
| 4 | `test_known_files`: known bytes; `test_batches`: other bytes |
| 5 | `test_bad_files`: the same row twice; here: the same answer over two channels |
| 6 | `test_cycle`: a cardholder's later number; here: by number |
| 7 | `test_an_earlier_expiry_is_for_the_vault_to_refuse` here |
| 8 | `test_a_new_number_without_expiry_keeps_the_old_one` here |
| 9 | `test_what_a_new_number_is_that_is_none` here; `test_mapping` |
| 10, 21 | formats that are not served: `test_mapping` has their codes |
| 11 | `test_a_card_of_another_brand_is_asked_by_its_new_networks_channel` here |
| 12 | `test_an_opt_out_that_comes_as_no_match_changes_nothing` here |
| 13 | `test_two_tenants_with_one_number_are_strangers` here |
| 14 | `test_cycle`: one number is asked about once for all its cards |
| 15, 16 | `test_bad_files`; `test_codecs` for every format |
| 17 | `test_sealed_files`: growing, other keys, plain text |
| 18 | `test_answers_over_three_days` here; `test_cycle`: ten days |
| 19 | `test_brakes`: a new number that is none |
| 20 | `test_crashes`, `test_model`; `tests/parts/updater_postgres`: two workers |
| 22 | `test_bad_files`: nothing in the database; `tests/contract/rpc/test_canary` |
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome
from cards.pan import Pan
from tests.doubles.updater_acquirer import expiry_asked, said
from tests.doubles.updater_case import LATER, Case, asked, number
from tests.doubles.updater_world import DAY, POLICY, channel_of, make_world
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import AskingPolicy
from updater.domain.feed import Counted, FeedState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.files.answers import YearMonth
from updater.files.digits import Digits
from updater.usecases.ports_vault import CardUpdate
from updater.usecases.take_in import Taken

FORMATS = [CYBERSOURCE, GP_BIGBATCH, MES_AUS]
ORDERS = list(permutations(range(3)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
async def test_a_chain_in_one_file(tmp_path: Path, name: str, order: tuple[int, ...]) -> None:
    async with asked(tmp_path, name) as case:
        one, two, three = number(1), number(2), number(3)
        rows = (
            case.row("new", new_number=one),
            case.by_number("new", one, new_number=two),
            case.by_number("new", two, new_number=three),
        )
        assert await case.taken(*(rows[at] for at in order)) == {Taken.APPLIED: 1}
        (file,) = await case.files()
        assert (file.state, file.records) == (FeedState.APPLIED, 3)
        token = token_of(case)
        assert case.holds(token, one, two, three)
        assert (await case.counts()).total() == 3
        assert not await case.incidents()


def token_of(case: Case, at: int = 0) -> str:
    """Return the card that a question was about."""
    asked_about = case.questions[at].number.reveal()
    return next(
        token
        for (_, token), card in case.world.vault.cards.items()
        if card.versions[0][0].reveal() == asked_about
    )


@pytest.mark.parametrize("name", [CYBERSOURCE, MES_AUS])
async def test_a_chain_under_one_reference(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, name) as case:
        one, two = number(1), number(2)
        first = case.row("new", new_number=one)
        second = case.row("new", old_number=one, new_number=two)
        assert await case.taken(second, first) == {Taken.APPLIED: 1}
        assert case.holds(token_of(case), one, two)


async def test_a_cycle_ends_where_it_began(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        old, new = case.questions[0].number, number(1)
        there = case.row("new", new_number=new)
        back = case.by_number("new", new, new_number=old)
        assert await case.taken(there, back) == {Taken.APPLIED: 1}
        assert case.holds("tok_0", new, old)
        # Asked about again for its contents are new, and so on, until the cap ends the ping-pong.
        inquiries = 0
        for _ in range(12):
            inquiries += (await case.updater.ask()).inquiries
            for inquiry in case.acquirer.collect():
                again = Case(case.world, case.updater, inquiry)
                other = old if inquiry.records[0].number == new else new
                await again.taken(again.row("new", new_number=other))
        assert inquiries == POLICY.chain_cap


async def test_the_same_answer_over_two_channels_is_one_version(tmp_path: Path) -> None:
    world = make_world(
        tmp_path, lambda _: None, channel_of(CYBERSOURCE), channel_of(GP_BIGBATCH, "visa")
    )
    world.vault.add("tok_0")
    async with world.running() as updater:
        await updater.ask()
        (first,) = world.acquirer.collect()
        world.clock.now += 11 * DAY
        assert (await updater.listen()).unanswered == 1
    other_way = replace(world, channels=tuple(reversed(world.channels)))
    async with other_way.running() as updater:
        await updater.ask()
        (second,) = world.acquirers["visa"].collect()
        for acquirer, inquiry in ((world.acquirer, first), (other_way.acquirer, second)):
            question = inquiry.records[0]
            new = {"new_number": number(1), "new_expiry": LATER}
            acquirer.answer(inquiry, [said(acquirer.format, "new", question, **new)])
        report = (await updater.listen()).plus(await updater.listen())
    assert report.taken == {Taken.APPLIED: 2}
    assert sorted(each.disposition for each in report.counts) == ["APPLIED", "DUPLICATE"]
    assert len(world.vault.cards["demo", "tok_0"].versions) == 2


async def test_an_answer_by_number_leaves_a_cardholders_own_card_alone(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        card = case.world.vault.cards["demo", "tok_0"]
        rows = (
            case.row("new", new_number=number(1)),
            case.by_number("closed", number(1)),
        )
        card.versions.append((Pan(number(50).reveal()), None))  # the cardholder, meanwhile
        await case.taken(*rows)
        assert (await case.counts())[Counted(Outcome.PAN_UPDATED, Disposition.STALE)] == 1
        assert card.number == Pan(number(50).reveal())
        assert card.status.value == "ACTIVE"


async def test_an_earlier_expiry_is_for_the_vault_to_refuse(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        earlier = YearMonth(2020, 1)
        await case.taken(case.row("expiry", new_expiry=earlier))
        refused = Counted(Outcome.EXPIRY_UPDATED, Disposition.REJECTED)
        assert await case.counts() == {refused: 1}
        assert case.world.vault.cards["demo", "tok_0"].expiry == Expiry(2027, 11)
        assert len(await case.incidents()) == 1


async def test_a_new_number_without_expiry_keeps_the_old_one(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        told: list[CardUpdate] = []
        case.world.vault.listens = told.append
        await case.taken(case.row("new", new_number=number(1)))
        assert [(each.outcome, each.new_expiry) for each in told] == [(Outcome.PAN_UPDATED, None)]
        assert case.world.vault.cards["demo", "tok_0"].expiry == Expiry(2027, 11)


@pytest.mark.parametrize("shown", [True, False], ids=["old-number", "no-old-number"])
async def test_what_a_new_number_is_that_is_none(tmp_path: Path, *, shown: bool) -> None:
    async with asked(tmp_path, cards=2) as case:
        rows = []
        for at, expiry in enumerate((expiry_asked(case.questions[0]), LATER)):
            same = case.questions[at].number
            row = case.row("new", at, new_number=same, new_expiry=expiry)
            rows.append(row if shown else replace(row, old_number=None))
        await case.taken(*rows)
        assert await case.counts() == {
            Counted(Outcome.VALID_NO_CHANGE, Disposition.NO_CHANGE): 1,
            Counted(Outcome.EXPIRY_UPDATED, Disposition.APPLIED): 1,
        }


async def test_a_card_of_another_brand_is_asked_by_its_new_networks_channel(
    tmp_path: Path,
) -> None:
    visa = AskingPolicy(brands=frozenset({Brand.VISA}))
    world = make_world(
        tmp_path,
        lambda _: None,
        channel_of(GP_BIGBATCH, "visa", policy=visa),
        channel_of(CYBERSOURCE, "rest"),
    )
    world.vault.add("tok_0")
    async with world.running() as updater:
        await updater.ask()
        (inquiry,) = world.acquirer.collect()
        case = Case(world, updater, inquiry)
        await case.taken(case.row("new", new_number=number(1, Brand.MASTERCARD)))
        assert await case.counts() == {Counted(Outcome.BRAND_CHANGED, Disposition.APPLIED): 1}
        await updater.ask()
    assert world.acquirer.collect() == []
    (again,) = world.acquirers["rest"].collect()
    assert again.records[0].number == number(1, Brand.MASTERCARD)


async def test_an_opt_out_that_comes_as_no_match_changes_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path, GP_BIGBATCH, cards=1) as case:
        before = case.world.vault.contents()
        await case.taken(replace(case.row("closed"), code="P"))
        assert case.world.vault.contents() == before
        await case.taken(replace(case.row("closed"), code="O"))
        assert case.world.vault.cards["demo", "tok_0"].opted_out == {"shop"}


async def test_two_tenants_with_one_number_are_strangers(tmp_path: Path) -> None:
    world = make_world(tmp_path, lambda _: None, tenants=("demo", "other"))
    card = world.vault.add("tok_0")
    twin = world.vault.add("tok_0", tenant="other")
    twin.versions[:] = card.versions
    async with world.running() as updater:
        assert (await updater.ask()).inquiries == 2
        first, second = world.acquirer.collect()
        assert first.records[0].number == second.records[0].number
        assert first.records[0].reference != second.records[0].reference
        case = Case(world, updater, first)
        await case.taken(case.row("new", new_number=number(1)))
        changed = [each for each in (card, twin) if len(each.versions) == 2]
        assert len(changed) == 1
        # The other tenant's row in this tenant's file is nobody's answer.
        stray = Case(world, updater, second)
        mine = replace(stray.row("closed"), reference=first.records[0].reference)
        assert await stray.taken(mine) == {Taken.HELD: 1}


async def test_answers_over_three_days(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=4) as case:
        for day in range(3):
            assert await case.taken(case.row("valid", day, new_number=None)) == {Taken.APPLIED: 1}
            case.world.clock.now += DAY
        assert (await case.listen()).unanswered == 0
        case.world.clock.now += 8 * DAY
        assert (await case.listen()).unanswered == 1
        assert await case.taken(case.row("closed", 3)) == {Taken.APPLIED: 1}
        assert (await case.counts())[Counted(Outcome.CLOSED, Disposition.APPLIED)] == 1


async def test_a_new_number_of_nineteen_digits_is_one(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        long = Digits("4111111111111111110")
        assert await case.taken(case.row("new", new_number=long)) == {Taken.APPLIED: 1}
        assert case.holds("tok_0", long)
