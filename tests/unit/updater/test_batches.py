"""Several files of one batch: parts, further files, repetitions, and what is none of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cards.outcomes import Outcome
from tests.doubles.updater_case import LATER, Case, asked, number
from updater.domain.dispositions import Disposition
from updater.domain.feed import Counted, FeedState, IncidentState
from updater.domain.inquiry import InquiryState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.usecases.ports_store import RequestMark
from updater.usecases.take_in import Taken

CLOSED = Counted(Outcome.CLOSED, Disposition.APPLIED)
REPEATED = Counted(Outcome.CLOSED, Disposition.DUPLICATE)


async def reasons(case: Case) -> list[str]:
    return [each.reason for each in await case.files()]


@pytest.mark.parametrize("name", [CYBERSOURCE, GP_BIGBATCH, MES_AUS])
async def test_answers_may_come_in_several_files(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, name, cards=3) as case:
        assert await case.taken(case.row("closed", 0)) == {Taken.APPLIED: 1}
        assert await case.taken(case.row("closed", 1)) == {Taken.APPLIED: 1}
        inquiries = case.updater.ports.stores.inquiries
        (waits,) = await inquiries.in_state(InquiryState.SENT)
        assert waits.batch_id == case.inquiry.named_batch
        assert await case.taken(case.row("closed", 2)) == {Taken.APPLIED: 1}
        assert await inquiries.in_state(InquiryState.SENT) == []
        assert await case.counts() == {CLOSED: 3}


@pytest.mark.parametrize("name", [CYBERSOURCE, MES_AUS])
async def test_a_further_file_may_repeat_rows_to_the_letter(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, name, cards=2) as case:
        await case.taken(case.row("closed", 0))
        told = len(case.world.vault.told)
        taken = await case.taken(case.row("closed", 1), case.row("closed", 0))
        assert taken == {Taken.APPLIED: 1}
        assert await case.counts() == {CLOSED: 2, REPEATED: 1}
        assert len(case.world.vault.told) == told + 1
        assert not await case.incidents()


@pytest.mark.parametrize("name", [CYBERSOURCE, MES_AUS])
async def test_a_further_file_that_says_otherwise_is_set_aside_whole(
    tmp_path: Path, name: str
) -> None:
    async with asked(tmp_path, name, cards=2) as case:
        await case.taken(case.row("closed", 0))
        other = case.row("new", 0, new_number=number(1))
        assert await case.taken(case.row("closed", 1), other) == {Taken.QUARANTINED: 1}
        assert await reasons(case) == ["", "BATCH_REUSED"]
        assert await case.counts() == {CLOSED: 1}
        (incident,) = await case.incidents()
        assert incident.reason == "BATCH_REUSED"
        # What is right in it may come again.
        assert await case.taken(case.row("closed", 1)) == {Taken.APPLIED: 1}


async def test_another_part_may_say_otherwise(tmp_path: Path) -> None:
    async with asked(tmp_path, GP_BIGBATCH, cards=1) as case:
        await case.taken(case.row("closed"))
        assert await case.taken(case.row("new", new_number=number(1))) == {Taken.APPLIED: 1}
        assert case.holds("tok_0", number(1))


async def test_the_same_row_in_another_part_is_told_again(tmp_path: Path) -> None:
    async with asked(tmp_path, GP_BIGBATCH, cards=1) as case:
        await case.taken(case.row("closed"))
        await case.taken(case.row("new", new_number=number(1)))
        told = len(case.world.vault.told)
        await case.taken(case.row("closed"))
        assert len(case.world.vault.told) == told + 1


async def test_a_part_with_other_bytes_alarms_and_applies_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path, GP_BIGBATCH, cards=2) as case:
        await case.taken(case.row("closed", 0))
        case.acquirer.part -= 1
        assert await case.taken(case.row("closed", 1)) == {Taken.QUARANTINED: 1}
        assert await reasons(case) == ["", "BATCH_REUSED"]
        assert await case.counts() == {CLOSED: 1}


@pytest.mark.parametrize("name", [CYBERSOURCE, GP_BIGBATCH])
async def test_a_further_file_waits_until_the_one_before_is_settled(
    tmp_path: Path, name: str
) -> None:
    async with asked(tmp_path, name, cards=2) as case:
        case.deliver(case.row("closed", 0))
        case.world.vault.down = True
        assert (await case.listen()).trouble
        case.deliver(case.row("closed", 1))
        await case.listen()
        assert [each.state for each in await case.files()] == [FeedState.VALIDATED]
        case.world.vault.down = False
        assert (await case.listen()).taken == {Taken.APPLIED: 2}
        assert await case.counts() == {CLOSED: 2}


async def test_a_further_file_waits_while_another_one_is_held(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        stranger = case.by_number("closed", number(9))
        assert await case.taken(case.row("closed", 0), stranger) == {Taken.HELD: 1}
        assert await case.taken(case.row("closed", 1)) == {Taken.HELD: 1, Taken.WAITING: 1}
        assert len(await case.files()) == 1
        assert case.untouched()


async def test_two_files_at_once_are_taken_in_one_after_the_other(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        case.deliver(case.row("closed", 0))
        case.deliver(case.row("closed", 0), case.row("closed", 1))
        assert (await case.listen()).taken == {Taken.APPLIED: 2}
        assert await case.counts() == {CLOSED: 2, REPEATED: 1}


async def test_other_bytes_under_a_name_that_is_known_are_another_file(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        case.deliver(case.row("closed", 0), name="one.name.pgp")
        await case.listen()
        case.deliver(case.row("closed", 1), name="one.name.pgp")
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert [each.state for each in await case.files()] == [FeedState.APPLIED] * 2
        assert await case.counts() == {CLOSED: 2}


async def test_the_right_file_after_a_wrong_one_is_taken_in(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        wrong = replace(case.row("closed"), old_number=number(9))
        assert await case.taken(wrong) == {Taken.QUARANTINED: 1}
        assert await case.taken(case.row("closed")) == {Taken.APPLIED: 1}


async def test_contradicting_rows_are_the_same_on_every_run(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        closed, other = case.row("closed", 0), case.row("contact", 0)
        case.world.batch = 1
        case.deliver(closed, case.row("closed", 1), other, closed)
        case.world.vault.down = True  # after the first record, which the vault isn't asked about
        await case.listen()
        case.world.vault.down = False
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert await case.counts() == {
            Counted(Outcome.CLOSED, Disposition.CONFLICT): 2,
            Counted(Outcome.CONTACT_CARDHOLDER, Disposition.CONFLICT): 1,
            CLOSED: 1,
        }


TWICE = "CONFLICT:ANSWERED_TWICE"
SINCE = f"{TWICE}:ANSWERED_SINCE"


@pytest.mark.parametrize("name", [CYBERSOURCE, GP_BIGBATCH, MES_AUS])
@pytest.mark.parametrize("what", ["closed", "contact", "expiry"])
async def test_a_further_file_settles_what_rows_contradicted_each_other_about(
    tmp_path: Path, name: str, what: str
) -> None:
    """One of the two rows, to the letter, or a third thing: it is the answer."""
    async with asked(tmp_path, name, cards=2) as case:
        both = case.row("closed", 0), case.row("contact", 0)
        await case.taken(*both, case.row("closed", 1))
        assert len(case.world.vault.told) == 1
        assert [each.reason for each in await case.incidents()] == [TWICE] * 2
        new = {"new_expiry": LATER} if what == "expiry" else {}
        assert await case.taken(case.row(what, 0, **new)) == {Taken.APPLIED: 1}
        assert len(case.world.vault.told) == 2
        # That two things were said is still for a person to look at.
        assert [each.reason for each in await case.incidents()] == [SINCE] * 2
        conflicts = Counted(Outcome.CLOSED, Disposition.CONFLICT)
        assert (await case.counts())[conflicts] == 1


@pytest.mark.parametrize("name", [CYBERSOURCE, MES_AUS])
async def test_a_settled_contradiction_is_settled(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, name, cards=1) as case:
        both = case.row("closed"), case.row("contact")
        await case.taken(*both)
        await case.taken(*both)  # says no more than before
        assert case.untouched()
        assert [each.reason for each in await case.incidents()] == [TWICE] * 4
        await case.taken(case.row("contact"))
        assert await case.taken(case.row("closed")) == {Taken.QUARANTINED: 1}
        assert (await reasons(case))[-1] == "BATCH_REUSED"
        told = len(case.world.vault.told)
        assert await case.taken(case.row("contact")) == {Taken.APPLIED: 1}
        assert len(case.world.vault.told) == told == 1
        assert [each.reason for each in await case.incidents()][:4] == [SINCE] * 4


async def test_an_operators_word_about_a_contradiction_stays(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        await case.taken(case.row("closed"), case.row("contact"))
        store = case.updater.ports.stores.incidents
        first, _ = await case.incidents()
        mark = RequestMark("demo", "ann", "r-1", "digest")
        await store.settle(first.exception_id, IncidentState.RESOLVED, "asked", at=1, mark=mark)
        await case.taken(case.row("closed"))
        found = await store.get(first.exception_id)
        assert found is not None
        assert (found.reason, found.resolution) == (TWICE, "asked")
        assert [each.reason for each in await case.incidents()] == [SINCE]
