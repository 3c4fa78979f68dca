"""Bytes and batches that are known: delivered again, renamed, or followed by others."""

import os
from pathlib import Path

from tests.doubles.feed_files import answer_file
from tests.doubles.updater_answered import NAME, asked
from tests.doubles.updater_scripts import current
from tests.doubles.updater_world import files_of, make_world
from updater.domain.feed import FeedState
from updater.domain.mapping import CYBERSOURCE
from updater.files.answers import ResponseHead
from updater.usecases.take_in import Taken


async def test_known_bytes_under_another_name_are_noted_and_nothing_else(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        case.deliver_sealed(sealed)
        await case.listen()
        told = dict(case.world.vault.told)
        case.deliver_sealed(sealed, "again.csv.pgp")
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}
        first, copy = await case.files()
        assert (copy.state, copy.duplicate_of) == (FeedState.DUPLICATE, first.feed_id)
        assert case.world.vault.told == told
        assert case.shelf("done") == [f"{NAME}~{first.feed_id}"]


async def test_a_file_that_is_renamed_before_it_was_applied_is_applied_all_the_same(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        first = case.deliver_sealed(sealed)
        case.world.vault.down = True
        await case.listen()
        first.rename(first.with_name(f"again.{NAME}"))
        case.world.vault.down = False
        await case.listen(4)
        (kept, copy) = await case.files()
        assert (kept.state, copy.state) == (FeedState.APPLIED, FeedState.DUPLICATE)
        assert copy.duplicate_of == kept.feed_id
        assert not case.untouched()
        assert case.shelf("inbox") == []


async def test_a_name_that_is_no_text_keeps_no_other_file_waiting(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver_sealed(b"x", os.fsdecode(b"caf\xe9.csv.pgp"))
        case.deliver(case.plain())
        await case.listen()
        (kept,) = await case.files()
        assert kept.state is FeedState.APPLIED


async def test_the_same_file_delivered_again_is_nothing_new(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        case.deliver_sealed(sealed)
        await case.listen()
        case.deliver_sealed(sealed)
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}
        (file,) = await case.files()
        assert (case.shelf("inbox"), case.shelf("done")) == ([], [f"{NAME}~{file.feed_id}"])


async def test_other_bytes_for_an_answered_batch_alarm_and_apply_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain())
        await case.listen()
        told = dict(case.world.vault.told)
        case.world.acquirer.script = current
        case.deliver(case.plain(), "other.csv.pgp")
        assert (await case.listen()).taken == {Taken.QUARANTINED: 1}
        assert [file.reason for file in await case.files()] == ["", "BATCH_REUSED"]
        assert case.world.vault.told == told


async def test_a_batch_whose_file_was_set_aside_can_still_be_answered(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain()[:-4])
        await case.listen()
        case.deliver(case.plain(), "resent.csv.pgp")
        report = await case.listen()
        assert report.taken == {Taken.APPLIED: 1}


async def test_a_copy_of_what_was_set_aside_goes_there_again_and_again(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        plain = case.plain()
        number = case.inquiry.records[0].number.reveal().encode()
        for name in ("one.csv", "copy.csv", "copy.csv"):
            case.deliver_sealed(plain, name)
            await case.listen()
        assert (case.shelf("done"), case.shelf("inbox")) == ([], [])
        first, *_ = await case.files()
        assert case.shelf("quarantine") == [f"one.csv~{first.feed_id}"]
        for path in (case.world.root / "exchange" / "quarantine").iterdir():
            found = number in path.read_bytes()
            assert not found


async def test_an_answer_that_came_too_early_is_taken_in_once_it_comes_again(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path, current)
    world.vault.add("tok_1")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        cycle = updater.channels[0].cycle
        (inquiry,) = await cycle.choose("demo")
        head = ResponseHead(inquiry.merchant_id, inquiry.batch_id, "", None)
        sealed = world.acquirer.seal(answer_file(CYBERSOURCE, head, ()))
        world.acquirer.deliver("early.csv.pgp", sealed)
        report = (await updater.listen()).plus(await updater.listen())
        assert report.taken == {Taken.QUARANTINED: 1}
        world.acquirer.deliver("early.csv.pgp", sealed)
        report = (await updater.listen()).plus(await updater.listen())
        assert report.taken == {Taken.QUARANTINED: 1}
        await cycle.dispatch()
        world.acquirer.deliver("early.csv.pgp", sealed)
        report = (await updater.listen()).plus(await updater.listen())
        assert report.taken == {Taken.APPLIED: 1}
        (file,) = await files_of(updater)
        assert (file.state, file.reason) == (FeedState.APPLIED, "")
