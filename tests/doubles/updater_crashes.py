"""A whole cycle in stages, with a process that dies at a port call and one that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cards.brands import Brand
from tests.doubles.feed_files import Question
from tests.doubles.updater_acquirer import said
from tests.doubles.updater_faults import Crash
from tests.doubles.updater_scripts import mixed, replacement
from tests.doubles.updater_world import World, channel_of, files_of, make_world, open_incidents
from updater.domain.feed import Counted, FeedState
from updater.domain.mapping import CYBERSOURCE
from updater.files.answers import AnswerRecord
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
        await updater.ask()
    elif stage == "answer":
        world.acquirer.answer_all()
    else:
        await updater.listen()


async def ending(world: World) -> tuple[object, ...]:
    """Return what must be the same: cards, questions asked, answers, files, exceptions."""
    world.faults.arm(None)
    async with world.running() as updater:
        # A crash in the last look at the inbox may leave the file for the next.
        await updater.listen()
        await updater.listen()
        files = await files_of(updater)
        reports = [await updater.ports.stores.feeds.report(file.feed_id) for file in files]
        incidents = await open_incidents(updater)
    outcomes = Counter[Counted]()
    for report in reports:
        outcomes.update(report.counts)
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


def world_at(root: Path, name: str = CYBERSOURCE, **changes: Any) -> World:
    """Build a world of nine cards under a new directory; `changes` are fields of it.

    Of another format than the first it has three, and every one gets a new number.
    """
    root.mkdir()
    script = mixed if name == CYBERSOURCE else partial(_renumbered, name)
    world = make_world(root, script, channel_of(name), batch=4, **changes)
    for number in range(CARDS if name == CYBERSOURCE else 3):
        world.vault.add(f"tok_{number}")
    return world


def _renumbered(name: str, question: Question) -> AnswerRecord:
    return said(name, "new", question, new_number=replacement(question, Brand.VISA))
