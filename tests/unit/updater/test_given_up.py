"""The brake followed by an undo: a file that is stopped half way, given up, and taken back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.updater_case import LATER, asked, number
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_world import World, files_of, make_world, open_incidents
from updater.domain.errors import FeedFileStateWrong, VaultRefused
from updater.domain.feed import ExceptionKind, FeedFile, FeedState, IncidentState
from updater.handling import handlers
from updater.rpc.decisions import DecisionHandlers
from updater.usecases.assembly import Updater
from updater.usecases.ports_store import RequestMark
from updater.usecases.ports_vault import CardUpdate

CARDS = 16


def mark() -> RequestMark:
    return RequestMark("demo", "ann", str(uuid.uuid4()), "digest")


@asynccontextmanager
async def stopped(root: Path) -> AsyncIterator[tuple[World, Updater, DecisionHandlers]]:
    """Have a channel rest in the middle of applying a file, behind its second batch of four."""
    world = make_world(root, new_number, batch=4)
    for place in range(CARDS):
        world.vault.add(f"tok_{place:02}")
    async with world.running() as updater:
        await updater.ask()
        channels = handlers(updater, lambda: None).channels
        real, batches = type(world.vault).apply, 0

        async def apply(tenant: str, updates: Sequence[CardUpdate]) -> Any:
            nonlocal batches
            batches += 1
            if batches == 2:
                await channels.pauses.pause("demo", world.channel.name, "wrong answers", mark())
            return await real(world.vault, tenant, updates)

        world.vault.apply = apply  # type: ignore[method-assign]
        world.acquirer.answer_all()
        await updater.listen()
        await updater.listen()
        yield world, updater, handlers(updater, lambda: None).decisions


def changed(world: World) -> int:
    return sum(card.versions[0] != card.versions[-1] for card in world.vault.cards.values())


async def the(updater: Updater) -> FeedFile:
    (file,) = await files_of(updater)
    return file


async def resume(world: World, updater: Updater) -> None:
    pauses = handlers(updater, lambda: None).channels.pauses
    await pauses.resume("demo", world.channel.name, mark())


async def test_what_was_applied_stays_and_the_rest_never_comes(tmp_path: Path) -> None:
    async with stopped(tmp_path) as (world, updater, decisions):
        file = await the(updater)
        assert (file.state, changed(world)) == (FeedState.VALIDATED, 8)
        report = await decisions.holds.reject("demo", file.feed_id, "mixed up", mark())
        assert report.file.state is FeedState.APPLIED
        assert (report.file.reason, report.file.decision) == ("REJECTED_BY_OPERATOR", "mixed up")
        assert sum(report.counts.values()) == 8
        await resume(world, updater)
        for _ in range(3):
            await updater.listen()
        assert changed(world) == 8
        for dry_run in (True, False):  # nor by a replay
            with pytest.raises(FeedFileStateWrong, match="given up"):
                await decisions.replay("demo", file.feed_id, mark(), dry_run=dry_run)
        await decisions.revert("demo", file.feed_id, mark(), dry_run=False)
        assert changed(world) == 0
        assert (await the(updater)).state is FeedState.REVERTED


async def test_while_its_channel_works_it_is_not_given_up(tmp_path: Path) -> None:
    async with stopped(tmp_path) as (world, updater, decisions):
        file = await the(updater)
        await resume(world, updater)
        with pytest.raises(FeedFileStateWrong):
            await decisions.holds.reject("demo", file.feed_id, "mixed up", mark())
        await updater.listen()
        assert (changed(world), (await the(updater)).state) == (CARDS, FeedState.APPLIED)


async def during(root: Path, at: int) -> tuple[World, FeedFile, Callable[[], int]]:
    """Give a file up, and let the channel go on, while the vault decides about a batch of it."""
    world = make_world(root, new_number, batch=4)
    for place in range(CARDS):
        world.vault.add(f"tok_{place:02}")
    async with world.running() as updater:
        await updater.ask()
        decisions = handlers(updater, lambda: None).decisions
        pauses = handlers(updater, lambda: None).channels.pauses
        real, batches = type(world.vault).apply, 0

        async def apply(tenant: str, updates: Sequence[CardUpdate]) -> Any:
            nonlocal batches
            batches += 1
            if batches == at:
                file = await the(updater)
                await pauses.pause("demo", world.channel.name, "wrong answers", mark())
                await decisions.holds.reject("demo", file.feed_id, "mixed up", mark())
                await resume(world, updater)
            return await real(world.vault, tenant, updates)

        world.vault.apply = apply  # type: ignore[method-assign]
        world.acquirer.answer_all()
        for _ in range(3):
            await updater.listen()
        file = await the(updater)
        reached = changed(world)
        await decisions.revert("demo", file.feed_id, mark(), dry_run=False)
        return world, file, lambda: reached


@pytest.mark.parametrize("at", [1, 2])
async def test_given_up_in_the_middle_of_a_batch_it_stops_behind_it_and_can_be_undone(
    tmp_path: Path, at: int
) -> None:
    world, file, reached = await during(tmp_path, at)
    assert file.state is (FeedState.QUARANTINED if at == 1 else FeedState.APPLIED)
    assert reached() == 4 * at
    assert changed(world) == 0


async def test_a_file_that_the_vault_refuses_is_told_again_and_can_be_given_up(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path) as case:

        async def refuse(*_: object) -> Any:
            raise VaultRefused("no")

        case.world.vault.apply = refuse  # type: ignore[method-assign,assignment]
        case.deliver(case.row("new", 0, new_number=number(1), new_expiry=LATER))
        await case.listen()
        made = handlers(case.updater, lambda: None)
        for _ in range(2):
            (incident,) = await case.incidents(ExceptionKind.APPLY_REFUSED)
            await made.exceptions.exceptions.settle(
                "demo", incident.exception_id, IncidentState.RESOLVED, "mended?", mark()
            )
            assert not await open_incidents(case.updater)
            await case.listen()
        (file,) = await case.files()
        await made.channels.pauses.pause("demo", case.world.channel.name, "it sticks", mark())
        report = await made.decisions.holds.reject("demo", file.feed_id, "given up", mark())
        assert report.file.state is FeedState.QUARANTINED
        assert not await case.incidents()
        await case.listen()
        assert not await case.incidents()


async def test_a_late_retry_of_a_pause_says_how_the_channel_is(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        pauses = handlers(case.updater, lambda: None).channels.pauses
        name, wanted = case.world.channel.name, mark()
        first = await pauses.pause("demo", name, "trouble", wanted)
        assert first.pause is not None
        await pauses.resume("demo", name, mark())
        assert (await pauses.pause("demo", name, "trouble", wanted)).pause is None
