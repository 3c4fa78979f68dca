"""The corrected file of a batch: what an earlier one said in vain doesn't count against it."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from cards.outcomes import Outcome
from tests.doubles.updater_case import LATER, Case, asked, number
from updater.domain.dispositions import Disposition
from updater.domain.feed import Counted, FeedState
from updater.domain.mapping import CYBERSOURCE, MES_AUS
from updater.files.digits import Digits
from updater.handling import handlers
from updater.usecases.ports_store import RequestMark
from updater.usecases.take_in import Taken


async def taken_back(case: Case) -> None:
    (file,) = [each for each in await case.files() if each.state is FeedState.APPLIED]
    mark = RequestMark("demo", "ann", str(uuid.uuid4()), "digest")
    revert = handlers(case.updater, lambda: None).decisions.revert
    await revert("demo", file.feed_id, mark, dry_run=False)


@pytest.mark.parametrize("name", [CYBERSOURCE, MES_AUS])
async def test_after_a_file_was_taken_back_the_corrected_one_is_taken_in(
    tmp_path: Path, name: str
) -> None:
    async with asked(tmp_path, name, cards=1) as case:
        wrong = case.row("new", new_number=number(1), new_expiry=LATER)
        right = case.row("new", new_number=number(2), new_expiry=LATER)
        await case.taken(wrong)
        assert await case.taken(right) == {Taken.QUARANTINED: 1}
        await taken_back(case)
        assert await case.taken(right) == {Taken.APPLIED: 1}
        # What is told of the card now is the vault's to say, and no longer kept from it.
        assert len(case.world.vault.told) == 2
        assert await case.taken(wrong) == {Taken.QUARANTINED: 1}


@pytest.mark.parametrize("name", [CYBERSOURCE, MES_AUS])
@pytest.mark.parametrize("again", [1, 2], ids=["once", "twice"])
async def test_a_row_that_was_of_no_use_can_be_corrected(
    tmp_path: Path, name: str, again: int
) -> None:
    async with asked(tmp_path, name, cards=1) as case:
        digits = number(1).reveal()
        broken = Digits(digits[:-1] + str((int(digits[-1]) + 1) % 10))
        refused = case.row("new", new_number=broken, new_expiry=LATER)
        assert await case.taken(*[refused] * again) == {Taken.APPLIED: 1}
        assert case.untouched()
        right = case.row("new", new_number=number(1), new_expiry=LATER)
        assert await case.taken(right) == {Taken.APPLIED: 1}
        assert (await case.counts())[Counted(Outcome.PAN_UPDATED, Disposition.APPLIED)] == 1
        assert case.holds("tok_0", number(1))
