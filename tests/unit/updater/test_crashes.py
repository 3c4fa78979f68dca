"""Die before or after every port call of a whole cycle, start again: as if nothing had happened."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.doubles.updater_faults import Crash
from tests.doubles.updater_world import World, make_world
from tests.unit.updater.scripts import mixed
from updater.domain.feed import FeedState
from updater.files.cybersource import write_response
from updater.files.cybersource_records import ResponseFile, ResponseHeader
from updater.usecases.assembly import Updater

CARDS = 9
STAGES = ("ask", "answer", "listen", "listen")


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


async def run(world: World) -> int:
    """Go through the stages; after a crash a new process goes on with the stage that died."""
    total, stage = 0, 0
    while stage < len(STAGES):
        try:
            async with world.running() as updater:
                while stage < len(STAGES):
                    await step(world, updater, STAGES[stage])
                    stage += 1
        except Crash:
            total += world.faults.calls
            world.faults.arm(None)
    return total + world.faults.calls


async def step(world: World, updater: Updater, stage: str) -> None:
    if stage == "ask":
        await updater.cycle.ask()
    elif stage == "answer":
        world.acquirer.answer_all()
    else:
        await updater.cycle.listen()


async def ending(world: World) -> tuple[object, ...]:
    """Return what must be the same: cards, questions asked, answers, files, exceptions."""
    world.faults.arm(None)
    async with world.running() as updater:
        # A crash in the last look at the inbox may leave the file for the next.
        await updater.cycle.listen()
        await updater.cycle.listen()
        files = await updater.ports.feeds.page(tenant="", states=(), before=(0, ""), limit=9)
        reports = [await updater.ports.feeds.report(file.feed_id) for file in files]
        incidents = await updater.ports.incidents.page(
            unresolved_only=True, kinds=(), after=0, limit=99
        )
    outcomes = Counter[str]()
    for report in reports:
        for (outcome, _), count in report.counts.items():
            outcomes[outcome.value] += count
    return (
        world.vault.contents(),
        [len(file.records) for file in world.acquirer.asked],
        Counter(question_numbers(world)),
        [file.state for file in files] == [FeedState.APPLIED],
        outcomes,
        len(incidents),
        shelves(world),
    )


def question_numbers(world: World) -> Sequence[int]:
    return [hash(record.number) for file in world.acquirer.asked for record in file.records]


def shelves(world: World) -> dict[str, int]:
    names = ("outbox", "inbox", "staging", "done", "quarantine")
    return {name: len(list((world.root / "exchange" / name).iterdir())) for name in names}


def world_at(root: Path) -> World:
    root.mkdir()
    world = make_world(root, mixed, batch=4)
    for number in range(CARDS):
        world.vault.add(f"tok_{number}")
    return world


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
