"""Taking files back: what is counted over pages, and when a file counts as taken back."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.doubles.updater_faults import Crash
from tests.doubles.updater_scripts import current, mixed
from tests.doubles.updater_world import World, files_of, make_world
from updater.domain.errors import FeedFileStateWrong, RequestIdReused, VaultUnavailable
from updater.domain.feed import FeedFile, FeedState
from updater.handling import handlers
from updater.usecases.assembly import Updater
from updater.usecases.ports_store import RequestMark
from updater.usecases.ports_vault import RevertedCard, RevertedPage, Undone
from updater.usecases.revert import MOST_KEPT, Revert

FILE = FeedFile("feed_1", "csv", "a.pgp", 1, "00" * 32, FeedState.VALIDATED, 1, tenant="demo")


@dataclass
class Pages:
    """A vault that has these pages; None: it goes away there. What went back once stays so."""

    pages: list[RevertedPage | None]
    asked: list[tuple[str, str, str, str, bool]] = field(default_factory=list)

    async def revert(
        self, tenant: str, channel: str, feed_id: str, *, request_id: str, dry_run: bool
    ) -> AsyncIterator[RevertedPage]:
        self.asked.append((tenant, channel, feed_id, request_id, dry_run))
        for page in self.pages:
            if page is None:
                raise VaultUnavailable("away")
            yield page
        if not dry_run:
            self.pages = [page and _gone_back(page) for page in self.pages]


def page(*undone: Undone, dropped: int = 0, first: int = 0) -> RevertedPage:
    cards = [RevertedCard(f"tok_{first + at:05}", each, 1, 2) for at, each in enumerate(undone)]
    return RevertedPage(cards, dropped)


def _gone_back(page: RevertedPage) -> RevertedPage:
    done = {Undone.REVERTED: Undone.ALREADY_REVERTED}
    cards = [replace(card, undone=done.get(card.undone, card.undone)) for card in page.cards]
    return RevertedPage(cards, 0)


def mark(digest: str = "d") -> RequestMark:
    return RequestMark("demo", "operator", str(uuid.uuid4()), digest)


async def revert_over(updater: Updater, vault: Pages) -> Revert:
    """Keep an applied file; return the use case over a vault of pages."""
    feeds = updater.ports.stores.feeds
    await feeds.admit(FILE)
    await feeds.applied(FILE.feed_id, 2)
    return replace(handlers(updater, lambda: None).decisions.revert, vault=vault)  # type: ignore[arg-type]


async def state(updater: Updater) -> FeedState:
    found = await updater.ports.stores.feeds.find(FILE.feed_id)
    assert found is not None
    return found.state


async def test_pages_are_counted_together_and_cards_that_stay_are_named(tmp_path: Path) -> None:
    vault = Pages(
        [
            page(Undone.REVERTED, Undone.KEPT_NEWER, dropped=1),
            page(Undone.PARTLY_REVERTED, Undone.GONE, first=2, dropped=2),
        ]
    )
    async with make_world(tmp_path, current).running() as updater:
        revert = await revert_over(updater, vault)
        asked = mark()
        done = await revert("demo", FILE.feed_id, asked, dry_run=False)
        assert await state(updater) is FeedState.REVERTED
    assert done.counts == {
        Undone.REVERTED: 1,
        Undone.KEPT_NEWER: 1,
        Undone.PARTLY_REVERTED: 1,
        Undone.GONE: 1,
    }
    assert list(done.kept) == ["tok_00001", "tok_00002"]
    assert done.dropped_parked == 3
    assert done.report.file.state is FeedState.REVERTED
    # Once more behind the mark: for what another process brought meanwhile.
    assert vault.asked == [("demo", "csv", FILE.feed_id, asked.request_id, False)] * 2


async def test_of_many_cards_that_stay_the_first_are_named(tmp_path: Path) -> None:
    many = [Undone.KEPT_NEWER] * (MOST_KEPT - 1)
    vault = Pages([page(*many), page(*many, first=MOST_KEPT)])
    async with make_world(tmp_path, current).running() as updater:
        revert = await revert_over(updater, vault)
        done = await revert("demo", FILE.feed_id, mark(), dry_run=True)
        assert await state(updater) is FeedState.APPLIED
    assert len(done.kept) == MOST_KEPT
    assert done.counts[Undone.KEPT_NEWER] == 2 * (MOST_KEPT - 1)


async def test_a_file_counts_as_applied_until_every_card_could_be_looked_at(tmp_path: Path) -> None:
    async with make_world(tmp_path, current).running() as updater:
        vault = Pages([page(Undone.REVERTED), None])
        revert = await revert_over(updater, vault)
        with pytest.raises(VaultUnavailable):
            await revert("demo", FILE.feed_id, mark(), dry_run=False)
        assert await state(updater) is FeedState.APPLIED
        vault.pages = [page(Undone.ALREADY_REVERTED, Undone.FAILED)]
        asked = mark()
        failed = await revert("demo", FILE.feed_id, asked, dry_run=False)
        assert await state(updater) is FeedState.APPLIED
        assert list(failed.kept) == ["tok_00001"]
        vault.pages = [page(Undone.ALREADY_REVERTED, Undone.REVERTED)]
        await revert("demo", FILE.feed_id, asked, dry_run=False)
        assert await state(updater) is FeedState.REVERTED


async def test_an_id_used_otherwise_keeps_the_vault_from_being_asked(tmp_path: Path) -> None:
    async with make_world(tmp_path, current).running() as updater:
        vault = Pages([page(Undone.REVERTED)])
        revert = await revert_over(updater, vault)
        trial = mark("dry")
        await revert("demo", FILE.feed_id, trial, dry_run=True)
        with pytest.raises(RequestIdReused):
            await revert("demo", FILE.feed_id, replace(trial, digest="real"), dry_run=False)
        assert len(vault.asked) == 1
        real = mark()
        await revert("demo", FILE.feed_id, real, dry_run=False)
        again = await revert("demo", FILE.feed_id, real, dry_run=False)
        assert again.report.file.state is FeedState.REVERTED
        with pytest.raises(RequestIdReused):
            await revert("demo", FILE.feed_id, replace(real, digest="other"), dry_run=False)
        assert len(vault.asked) == 4


async def test_who_took_it_back_and_why_is_kept_of_the_first(tmp_path: Path) -> None:
    async with make_world(tmp_path, current).running() as updater:
        revert = await revert_over(updater, Pages([page(Undone.REVERTED)]))
        for who, why in (("ann", "a test file"), ("bob", "to be sure")):
            asked = replace(mark(), principal=who)
            done = await revert("demo", FILE.feed_id, asked, dry_run=False, reason=why)
            assert done.report.file.state is FeedState.REVERTED
            found = done.report.file
            assert (found.reverted_by, found.revert_reason) == ("ann", "a test file")


async def test_what_comes_between_the_pages_and_the_mark_goes_back_too(tmp_path: Path) -> None:
    vault = Pages([page(Undone.REVERTED)])
    async with make_world(tmp_path, current).running() as updater:
        revert = await revert_over(updater, vault)
        real = revert.feeds.reverted

        async def noted(*args: object, **named: object) -> FeedFile:
            vault.pages.append(page(Undone.REVERTED, Undone.KEPT_NEWER, first=7, dropped=1))
            return await real(*args, **named)  # type: ignore[arg-type]

        revert.feeds.reverted = noted  # type: ignore[method-assign]
        done = await revert("demo", FILE.feed_id, mark(), dry_run=False)
    assert done.counts == {Undone.REVERTED: 2}
    assert done.dropped_parked == 1


async def test_one_that_is_refused_begins_nothing_and_leaves_no_mark(tmp_path: Path) -> None:
    begun: list[str] = []
    async with make_world(tmp_path, current).running() as updater:
        vault = Pages([page(Undone.REVERTED)])
        feeds = updater.ports.stores.feeds
        await feeds.admit(FILE)
        revert = replace(handlers(updater, lambda: None).decisions.revert, vault=vault)  # type: ignore[arg-type]
        asked = mark()
        with pytest.raises(FeedFileStateWrong):
            await revert(
                "demo", FILE.feed_id, asked, dry_run=False, begin=lambda: begun.append("refused")
            )
        assert (begun, vault.asked) == ([], [])
        await feeds.applied(FILE.feed_id, 2)
        other = replace(asked, digest="other")
        await revert("demo", FILE.feed_id, other, dry_run=False, begin=lambda: begun.append("b"))
    assert begun == ["b"]


async def test_after_it_every_card_is_as_before_the_file(tmp_path: Path) -> None:
    world = make_world(tmp_path, mixed)
    for number in range(16):
        world.vault.add(f"tok_{number:02}")
    before = _current(world)
    async with world.running() as updater:
        await updater.ask()
        world.acquirer.answer_all()
        await updater.listen()
        await updater.listen()
        (file,) = await files_of(updater)
        changed = _current(world)
        assert changed != before
        revert = handlers(updater, lambda: None).decisions.revert
        trial = await revert("demo", file.feed_id, mark(), dry_run=True)
        assert _current(world) == changed
        done = await revert("demo", file.feed_id, mark(), dry_run=False)
    assert _current(world) == before
    assert done.counts == trial.counts
    assert done.counts[Undone.REVERTED] > 5


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_anywhere_is_made_good_by_the_same_call_again(
    tmp_path: Path,
    *,
    after: bool,
) -> None:
    world = make_world(tmp_path, mixed)
    for number in range(16):
        world.vault.add(f"tok_{number:02}")
    before, asked, at = _current(world), mark(), 0
    async with world.running() as updater:
        await updater.ask()
        world.acquirer.answer_all()
        await updater.listen()
        await updater.listen()
        (file,) = await files_of(updater)
    while True:
        world.faults.arm(at, after=after)
        try:
            async with world.running() as updater:
                revert = handlers(updater, lambda: None).decisions.revert
                await revert("demo", file.feed_id, asked, dry_run=False)
        except Crash:
            at += 1
        else:
            break
        finally:
            world.faults.arm(None)
    assert at > 2
    async with world.running() as updater:
        (file,) = await files_of(updater)
    assert file.state is FeedState.REVERTED
    assert _current(world) == before


def _current(world: World) -> list[tuple[object, ...]]:
    return [
        (token, card.number, card.expiry, card.status, card.opted_out)
        for (_, token), card in sorted(world.vault.cards.items())
    ]
