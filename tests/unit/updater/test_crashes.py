"""Die before or after every port call of a whole cycle, start again: as if nothing had happened."""

from pathlib import Path

import pytest

from tests.doubles.feed_files import answer_file
from tests.doubles.updater_crashes import ending, run, shelves, world_at
from tests.doubles.updater_faults import Crash
from tests.doubles.updater_world import files_of
from updater.domain.feed import FeedState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.files.answers import ResponseHead


@pytest.mark.parametrize("name", [CYBERSOURCE, GP_BIGBATCH, MES_AUS])
async def test_a_crash_anywhere_changes_nothing_in_the_end(tmp_path: Path, name: str) -> None:
    calm = world_at(tmp_path / "calm", name)
    calls = await run(calm)
    expected = await ending(calm)
    assert calls >= 40
    for after in (False, True):
        for at in range(calls):
            world = world_at(tmp_path / f"{at}-{after}", name)
            world.faults.arm(at, after=after)
            await run(world)
            assert await ending(world) == expected, f"died {'after' if after else 'before'} {at}"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_the_harness_does_crash(tmp_path: Path, *, after: bool) -> None:
    world = world_at(tmp_path / "w")
    world.faults.arm(0, after=after)
    with pytest.raises(Crash):
        async with world.running() as updater:
            await updater.ask()


async def test_an_answer_may_be_here_before_the_sending_is_noted(tmp_path: Path) -> None:
    world = world_at(tmp_path / "w")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        (inquiry,) = await updater.channels[0].cycle.choose("demo")
        written = await updater.channels[0].cycle.write(inquiry)
        await updater.channels[0].ports.exchange.send(written.file_name)  # and died here
    world.acquirer.answer_all()
    async with world.running() as updater:
        await updater.listen()
        await updater.listen()
        await updater.channels[0].cycle.dispatch()
        (file,) = await files_of(updater)
    assert file.state is FeedState.APPLIED
    assert shelves(world)["outbox"] == 0


async def test_an_answer_before_the_question_is_set_aside(tmp_path: Path) -> None:
    world = world_at(tmp_path / "w")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        (inquiry,) = await updater.channels[0].cycle.choose("demo")
        head = ResponseHead(inquiry.merchant_id, inquiry.batch_id, "", None)
        plain = answer_file(CYBERSOURCE, head, ())
        world.acquirer.deliver("early.csv.pgp", world.acquirer.seal(plain))
        await updater.listen()
        await updater.listen()
        (file,) = await files_of(updater)
    assert file.reason == "BATCH_NOT_SENT"
