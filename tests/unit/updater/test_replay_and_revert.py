"""A replay and a revert of one file at the same time; and same files, same decisions."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cards.outcomes import Outcome
from tests.doubles.updater_case import LATER, Case, asked, number
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_world import World, files_of, make_world
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus
from updater.domain.errors import FeedFileStateWrong, RequestIdReused
from updater.domain.feed import Counted, FeedFile, FeedState
from updater.domain.shadow import Shadow
from updater.files.digits import Digits
from updater.handling import handlers
from updater.usecases.assembly import Updater
from updater.usecases.ports_store import RequestMark
from updater.usecases.ports_vault import CardUpdate, UpdateResult

CARDS = 16


def mark() -> RequestMark:
    return RequestMark("demo", "operator", str(uuid.uuid4()), "digest")


@dataclass
class Halting:
    """Halts a vault before or after its third batch, until it is let go."""

    world: World
    after: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    batches: int = 0

    async def apply(self, tenant: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        real = type(self.world.vault).apply
        self.batches += 1
        if self.batches != 3:
            return await real(self.world.vault, tenant, updates)
        results = await real(self.world.vault, tenant, updates) if self.after else []
        self.reached.set()
        await self.go.wait()
        return results or await real(self.world.vault, tenant, updates)


@asynccontextmanager
async def out_of_the_shadow(root: Path) -> AsyncIterator[tuple[World, Updater, FeedFile]]:
    """Have a file answered in the shadow, which the channel is in no more."""
    world = make_world(root, new_number).with_channel(shadow=Shadow(everything=True))
    for place in range(CARDS):
        world.vault.add(f"tok_{place:02}")
    async with world.running() as updater:
        await updater.ask()
        world.acquirer.answer_all()
        await updater.listen()
        await updater.listen()
        (file,) = await files_of(updater)
    lit = world.with_channel(shadow=Shadow())
    async with lit.running() as updater:
        yield lit, updater, file


def contents(world: World) -> Sequence[object]:
    return [
        (token, card.number, card.expiry, card.status)
        for token, card in sorted(world.vault.cards.items())
    ]


@pytest.mark.parametrize("after", [False, True], ids=["before it", "behind it"])
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_file_that_is_taken_back_while_it_is_replayed_changes_no_card(
    tmp_path: Path, *, processes: int, after: bool
) -> None:
    async with out_of_the_shadow(tmp_path) as (world, updater, file):
        before, halting = contents(world), Halting(world, after)
        world.vault.apply = halting.apply  # type: ignore[method-assign]
        here = handlers(updater, lambda: None).decisions
        there = here if processes == 1 else handlers(updater, lambda: None).decisions
        replay = replace(here.replay, batch=4)
        running = asyncio.create_task(replay("demo", file.feed_id, mark(), dry_run=False))
        await halting.reached.wait()
        undoing = asyncio.create_task(there.revert("demo", file.feed_id, mark(), dry_run=False))
        if processes == 2:
            await undoing
        else:
            await asyncio.sleep(0.05)
            assert not undoing.done()
        halting.go.set()
        if processes == 2:
            with pytest.raises(FeedFileStateWrong, match="meanwhile"):
                await running
        else:
            await running
            await undoing
        assert contents(world) == before
        found = await updater.ports.stores.feeds.find(file.feed_id)
        assert found is not None
        assert found.state is FeedState.REVERTED


async def test_a_refused_replay_begins_nothing_and_leaves_no_mark(tmp_path: Path) -> None:
    begun: list[str] = []
    async with out_of_the_shadow(tmp_path) as (_, updater, file):
        decisions = handlers(updater, lambda: None).decisions
        await decisions.revert("demo", file.feed_id, mark(), dry_run=False)
        asked_for = mark()
        with pytest.raises(FeedFileStateWrong):
            await decisions.replay(
                *("demo", file.feed_id, asked_for),
                dry_run=False,
                begin=lambda: begun.append("refused"),
            )
        assert begun == []
        other = replace(asked_for, digest="other")
        await decisions.revert("demo", file.feed_id, other, dry_run=True)
        with pytest.raises(RequestIdReused):
            await decisions.replay("demo", file.feed_id, asked_for, dry_run=False)


async def by_number(case: Case, card: Any) -> FeedFile:
    """Have a row about a number taken in that nobody asked about, and approved."""
    row = case.by_number(
        "new", Digits(card.number.reveal()), new_number=number(5), new_expiry=LATER
    )
    case.deliver(case.row("valid"), row)
    await case.listen()
    (file,) = await case.files()
    decisions = handlers(case.updater, lambda: None).decisions
    await decisions.holds.approve("demo", file.feed_id, "meant so", mark())
    await case.listen()
    return file


async def replayed(case: Case, file: FeedFile, *, dry_run: bool) -> Mapping[Counted, int]:
    decisions = handlers(case.updater, lambda: None).decisions
    _, brought = await decisions.replay("demo", file.feed_id, mark(), dry_run=dry_run)
    return brought


@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_found_no_card_is_not_about_the_cards_of_today(
    tmp_path: Path, *, dry_run: bool
) -> None:
    async with asked(tmp_path) as case:
        stranger = case.world.vault.add("tok_x", covered=frozenset())
        file = await by_number(case, stranger)
        before = await case.counts()
        assert Counted(Outcome.PAN_UPDATED, Disposition.NOT_FOUND) in before
        stranger.covered = frozenset({"shop"})
        brought = await replayed(case, file, dry_run=dry_run)
        assert brought[Counted(Outcome.PAN_UPDATED, Disposition.NOT_FOUND)] == 1
        assert len(stranger.versions) == 1
        assert await case.counts() == before


async def test_what_found_one_card_is_not_about_another_one_since(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        found = case.world.vault.add("tok_x")
        twin = case.world.vault.add("tok_y", covered=frozenset())
        twin.versions[:] = [(found.number, found.expiry)]
        file = await by_number(case, found)
        before = await case.counts()
        assert len(found.versions) == 2
        twin.covered = frozenset({"shop"})
        brought = await replayed(case, file, dry_run=False)
        assert {counted.disposition for counted in brought} == {Disposition.DUPLICATE}
        assert len(twin.versions) == 1
        assert await case.counts() == before


async def test_a_card_that_was_deleted_then_is_not_told_when_it_is_back(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=1) as case:
        card = case.world.vault.cards["demo", "tok_0"]
        alive, card.status = card.status, CardStatus.DELETED
        case.deliver(case.row("new", new_number=number(1), new_expiry=LATER))
        await case.listen()
        (file,) = await case.files()
        before = await case.counts()
        assert before == {Counted(Outcome.PAN_UPDATED, Disposition.NOT_FOUND): 1}
        card.status = alive
        assert await replayed(case, file, dry_run=False) == before
        assert len(card.versions) == 1
        assert await case.counts() == before
