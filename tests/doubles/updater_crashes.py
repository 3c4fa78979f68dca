"""A whole cycle in stages, with a process that dies at a port call and one that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.doubles.updater_faults import Crash
from tests.doubles.updater_scripts import mixed
from tests.doubles.updater_world import World, make_world
from updater.domain.feed import FeedState
from updater.usecases.assembly import Updater

CARDS = 9
STAGES = ("ask", "answer", "listen", "listen")


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


def world_at(root: Path, **changes: Any) -> World:
    """Build a world of nine cards under a new directory; `changes` are fields of it."""
    root.mkdir()
    world = make_world(root, mixed, batch=4, **changes)
    for number in range(CARDS):
        world.vault.add(f"tok_{number}")
    return world
