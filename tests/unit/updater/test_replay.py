"""Replays: what is told again, what stays unsaid, and what a stop or a crash in between leaves."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doubles.updater_faults import Crash
from tests.doubles.updater_scripts import mixed, new_number
from tests.doubles.updater_world import World, files_of, make_world
from updater.domain.dispositions import Disposition
from updater.domain.errors import ChannelUnknown, FeedFileStateWrong, VaultUnavailable
from updater.domain.feed import Counted, FeedFile, FeedReport
from updater.domain.shadow import Shadow
from updater.handling import handlers
from updater.usecases.assembly import Updater
from updater.usecases.ports_store import Pause, RequestMark
from updater.usecases.ports_vault import CardUpdate
from updater.usecases.replay import Replay

CARDS = 16
SAID_AGAIN = {Disposition.DUPLICATE, Disposition.NOT_SENT}


def mark() -> RequestMark:
    return RequestMark("demo", "operator", str(uuid.uuid4()), "digest")


def replay_of(updater: Updater, batch: int = 1000) -> Replay:
    return replace(handlers(updater, lambda: None).decisions.replay, batch=batch)


async def applied(world: World) -> FeedFile:
    """Have every card asked about and answered; return the file."""
    for number in range(CARDS):
        world.vault.add(f"tok_{number:02}")
    async with world.running() as updater:
        await updater.ask()
        world.acquirer.answer_all()
        await updater.listen()
        await updater.listen()
        (file,) = await files_of(updater)
    return file


async def replayed(
    world: World, file: FeedFile, *, dry_run: bool = False, batch: int = 1000
) -> tuple[FeedReport, Mapping[Counted, int]]:
    async with world.running() as updater:
        done = await replay_of(updater, batch)("demo", file.feed_id, mark(), dry_run=dry_run)
        assert (await updater.ports.stores.feeds.report(file.feed_id)).file == file
    return done


async def test_a_replay_tells_nothing_new_and_leaves_all_as_it_is(tmp_path: Path) -> None:
    world = make_world(tmp_path, mixed)
    file = await applied(world)
    before = world.vault.contents()
    report, brought = await replayed(world, file, batch=3)
    assert world.vault.contents() == before
    assert {counted.disposition for counted in brought} == SAID_AGAIN
    assert sum(brought.values()) == sum(report.counts.values()) > 10
    later, _ = await replayed(world, file)
    assert later.counts == report.counts


async def test_a_dry_run_says_what_would_be_and_does_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, mixed).with_channel(shadow=Shadow(everything=True))
    file = await applied(world)
    before = world.vault.contents()
    trial, would = await replayed(world.with_channel(shadow=Shadow()), file, dry_run=True)
    assert world.vault.contents() == before
    assert all(counted.shadow for counted in trial.counts)
    assert not any(counted.shadow for counted in would)
    plain = {(counted.outcome, counted.disposition): n for counted, n in trial.counts.items()}
    assert plain == {(counted.outcome, counted.disposition): n for counted, n in would.items()}
    later, _ = await replayed(world, file, dry_run=True)
    assert later.counts == trial.counts


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_anywhere_is_made_good_by_the_next_replay(
    tmp_path: Path, *, after: bool
) -> None:
    wanted = make_world(tmp_path / "plain", mixed)
    await applied(wanted)
    world = make_world(tmp_path / "shadow", mixed).with_channel(shadow=Shadow(everything=True))
    file = await applied(world)
    lit, at = world.with_channel(shadow=Shadow()), 0
    while True:
        world.faults.arm(at, after=after)
        try:
            await replayed(lit, file, batch=5)
        except Crash:
            at += 2
        else:
            break
        finally:
            world.faults.arm(None)
    assert at > 10
    assert _statuses(lit) == _statuses(wanted)
    report, again = await replayed(lit, file)
    assert not any(counted.shadow for counted in report.counts)
    assert {counted.disposition for counted in again} == SAID_AGAIN


async def test_what_repeats_an_earlier_file_of_the_batch_stays_unsaid(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number)
    for number in range(3):
        world.vault.add(f"tok_{number}")
    heard: list[CardUpdate] = []
    async with world.running() as updater:
        await updater.ask()
        (asked,) = world.acquirer.collect()
        rows = world.acquirer.respond(asked)
        for part, name in ((rows[:2], ""), (rows[1:], "more")):
            world.acquirer.answer(asked, part, name)
            await updater.listen()
            await updater.listen()
        _, second = await files_of(updater)
        world.vault.listens = heard.append
        await replay_of(updater)("demo", second.feed_id, mark(), dry_run=False)
    assert [update.ordinal for update in heard] == [2]


@pytest.mark.parametrize("crash", [None, "before", "after"])
async def test_a_file_is_replayed_though_others_came_under_its_name(
    tmp_path: Path, crash: str | None
) -> None:
    world = make_world(tmp_path, new_number)
    for number in range(2):
        world.vault.add(f"tok_{number}")
    async with world.running() as updater:
        await updater.ask()
    (asked,) = world.acquirer.collect()
    rows = world.acquirer.respond(asked)
    for row in (rows[:1], rows[1:]):  # other bytes, and the same name
        world.acquirer.answer(asked, row)
        if crash is not None:
            world.faults.arm_at("shelve", after=crash == "after")
            with pytest.raises(Crash):
                await listened(world)
            world.faults.arm(None)
        await listened(world)
    assert not list((tmp_path / "exchange" / "inbox").iterdir())
    async with world.running() as updater:
        files = await files_of(updater)
    assert len({file.name for file in files}) == 1
    assert len(list((tmp_path / "exchange" / "done").iterdir())) == 2
    for file in files:
        _, brought = await replayed(world, file)
        assert {counted.disposition for counted in brought} == {Disposition.DUPLICATE}


async def listened(world: World) -> None:
    async with world.running() as updater:
        for _ in range(2):
            await updater.listen()


async def test_a_pause_stops_it_between_batches_and_the_rest_is_done_later(tmp_path: Path) -> None:
    world = make_world(tmp_path, new_number).with_channel(shadow=Shadow(everything=True))
    file = await applied(world)
    lit = world.with_channel(shadow=Shadow())
    async with lit.running() as updater:
        replay = replay_of(updater, batch=5)
        pauses = updater.ports.stores.pauses
        rest = Pause(world.channel.name, "demo", "rest", "operator", 1)
        heard: list[CardUpdate] = []
        world.vault.listens = heard.append
        real = replay.vault.apply

        async def pausing(tenant: str, updates: list[CardUpdate]) -> object:
            await pauses.pause(rest, mark())
            return await real(tenant, updates)

        halting = replace(replay, vault=_Vault(pausing))  # type: ignore[arg-type]
        with pytest.raises(FeedFileStateWrong, match="rests"):
            await halting("demo", file.feed_id, mark(), dry_run=False)
        assert len(heard) == 5
        report = await updater.ports.stores.feeds.report(file.feed_id)
        assert _in_shadow(report) == {True: CARDS - 5, False: 5}
        await pauses.resume(world.channel.name, "demo", at=2, mark=mark())
        _, brought = await replay("demo", file.feed_id, mark(), dry_run=False)
        report = await updater.ports.stores.feeds.report(file.feed_id)
        assert _in_shadow(report) == {False: CARDS}
    assert Counter(counted.disposition for counted in brought) == {
        Disposition.DUPLICATE: 1,
        Disposition.APPLIED: 1,
    }


async def test_a_vault_that_is_away_leaves_everything_for_another_time(tmp_path: Path) -> None:
    world = make_world(tmp_path, mixed).with_channel(shadow=Shadow(everything=True))
    file = await applied(world)
    world.vault.down = True
    with pytest.raises(VaultUnavailable):
        await replayed(world.with_channel(shadow=Shadow()), file)
    world.vault.down = False
    _, brought = await replayed(world.with_channel(shadow=Shadow()), file)
    assert any(counted.disposition is Disposition.APPLIED for counted in brought)


async def test_a_channel_that_is_gone_is_named(tmp_path: Path) -> None:
    world = make_world(tmp_path, mixed)
    file = await applied(world)
    async with world.running() as updater:
        without = replace(replay_of(updater), shelves={})
        with pytest.raises(ChannelUnknown):
            await without("demo", file.feed_id, mark(), dry_run=True)


class _Vault:
    """A vault of which only `apply` is used, as a test has it."""

    def __init__(self, apply: object) -> None:
        self.apply = apply


def _in_shadow(report: FeedReport) -> Mapping[bool, int]:
    found = Counter[bool]()
    for counted, count in report.counts.items():
        found[counted.shadow] += count
    return found


def _statuses(world: World) -> object:
    return [
        (token, card.status, len(card.versions), card.expiry, card.opted_out)
        for (_, token), card in sorted(world.vault.cards.items())
    ]
