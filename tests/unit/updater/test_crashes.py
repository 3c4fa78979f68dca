"""Die before or after every port call of a whole cycle, start again: as if nothing had happened."""

from pathlib import Path

import pytest

from tests.doubles.updater_crashes import ending, run, shelves, world_at
from tests.doubles.updater_faults import Crash
from updater.domain.feed import FeedState
from updater.files.cybersource import write_response
from updater.files.cybersource_records import ResponseFile, ResponseHeader


async def test_a_crash_anywhere_changes_nothing_in_the_end(tmp_path: Path) -> None:
    calm = world_at(tmp_path / "calm")
    calls = await run(calm)
    expected = await ending(calm)
    assert calls >= 40
    for after in (False, True):
        for at in range(calls):
            world = world_at(tmp_path / f"{at}-{after}")
            world.faults.arm(at, after=after)
            await run(world)
            assert await ending(world) == expected, f"died {'after' if after else 'before'} {at}"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_the_harness_does_crash(tmp_path: Path, *, after: bool) -> None:
    world = world_at(tmp_path / "w")
    world.faults.arm(0, after=after)
    with pytest.raises(Crash):
        async with world.running() as updater:
            await updater.cycle.ask()


async def test_an_answer_may_be_here_before_the_sending_is_noted(tmp_path: Path) -> None:
    world = world_at(tmp_path / "w")
    async with world.running() as updater:
        await updater.cycle.enrol("demo")
        (inquiry,) = await updater.cycle.choose("demo")
        written = await updater.cycle.write(inquiry)
        await updater.ports.exchange.send(written.file_name)  # and the process died here
    world.acquirer.answer_all()
    async with world.running() as updater:
        await updater.cycle.listen()
        await updater.cycle.listen()
        await updater.cycle.dispatch()
        (file,) = await updater.ports.feeds.page(tenant="", states=(), before=(0, ""), limit=9)
    assert file.state is FeedState.APPLIED
    assert shelves(world)["outbox"] == 0


async def test_an_answer_before_the_question_is_set_aside(tmp_path: Path) -> None:
    world = world_at(tmp_path / "w")
    async with world.running() as updater:
        await updater.cycle.enrol("demo")
        (inquiry,) = await updater.cycle.choose("demo")
        header = ResponseHeader(inquiry.merchant_id, inquiry.batch_id)
        plain = write_response(ResponseFile(header, (), 0))
        world.acquirer.deliver("early.csv.pgp", world.acquirer.seal(plain))
        await updater.cycle.listen()
        await updater.cycle.listen()
        (file,) = await updater.ports.feeds.page(tenant="", states=(), before=(0, ""), limit=9)
    assert file.reason == "BATCH_NOT_SENT"
