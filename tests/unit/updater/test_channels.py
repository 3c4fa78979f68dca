"""Several channels: who asks about which card, and whose file an answer is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cards.brands import Brand
from tests.doubles.updater_acquirer import said
from tests.doubles.updater_scripts import mixed
from tests.doubles.updater_world import (
    POLICY,
    World,
    channel_of,
    files_of,
    make_world,
    open_incidents,
)
from updater.domain.enrolment import AskingPolicy
from updater.domain.feed import ExceptionKind, FeedState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH
from updater.usecases.choose import Wish
from updater.usecases.ports_store import Pause, RequestMark
from updater.usecases.take_in import Taken

VISA = AskingPolicy(brands=frozenset({Brand.VISA}))


def two(root: Path) -> World:
    """Return a world of two channels: the first for Visa, the second for all."""
    world = make_world(
        root,
        lambda _: None,
        channel_of(GP_BIGBATCH, "visa", policy=VISA),
        channel_of(CYBERSOURCE, "rest"),
    )
    world.vault.add("tok_visa")
    world.vault.add("tok_master", brand=Brand.MASTERCARD)
    return world


async def asked_by(world: World) -> dict[str, list[Brand]]:
    """Ask, and return which brands each channel asked about."""
    async with world.running() as updater:
        await updater.ask()
    return {
        name: [
            card.number.brand
            for inquiry in acquirer.collect()
            for each in inquiry.records
            for card in world.vault.cards.values()
            if card.number.reveal() == each.number.reveal()
        ]
        for name, acquirer in world.acquirers.items()
    }


async def test_the_first_channel_that_serves_a_card_asks(tmp_path: Path) -> None:
    assert await asked_by(two(tmp_path)) == {"visa": [Brand.VISA], "rest": [Brand.MASTERCARD]}


async def test_what_waits_for_an_answer_is_asked_by_no_other(tmp_path: Path) -> None:
    world = two(tmp_path)
    await asked_by(world)
    other_way = replace(world, channels=tuple(reversed(world.channels)))
    assert await asked_by(other_way) == {"visa": [], "rest": []}


async def test_a_channel_that_serves_listed_accounts_only(tmp_path: Path) -> None:
    world = two(tmp_path).with_channel(only_listed=True)
    assert await asked_by(world) == {"visa": [], "rest": [Brand.MASTERCARD, Brand.VISA]}
    listed = two(tmp_path / "listed").with_channel(
        only_listed=True, merchant_ids={("demo", "shop"): "4711"}
    )
    assert await asked_by(listed) == {"visa": [Brand.VISA], "rest": [Brand.MASTERCARD]}


async def test_while_the_first_rests_the_next_one_asks(tmp_path: Path) -> None:
    world = two(tmp_path)
    async with world.running() as updater:
        mark = RequestMark("demo", "operator", "1", "digest")
        await updater.ports.stores.pauses.pause(Pause("visa", "demo", "", "operator", 1), mark)
    assert await asked_by(world) == {"visa": [], "rest": [Brand.MASTERCARD, Brand.VISA]}


async def test_each_channel_names_the_accounts_that_it_needs_an_id_of(tmp_path: Path) -> None:
    world = two(tmp_path)
    for card in world.vault.cards.values():
        card.covered = frozenset({"shop:with:colons"})
    assert await asked_by(world) == {"visa": [], "rest": []}
    async with world.running() as updater:
        found = await open_incidents(updater, ExceptionKind.CARD_NOT_ASKED)
    assert {each.channel for each in found} == {"visa", "rest"}


async def test_a_wish_for_one_channel_is_not_the_others(tmp_path: Path) -> None:
    world = two(tmp_path)
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        mark = RequestMark("demo", "operator", "1", "digest")
        opened = await updater.desk.inquire("demo", "rest", Wish(mark=mark))
        assert opened.channel == "rest"
        assert (await updater.ports.stores.inquiries.progress(opened.batch_id)).cards == 1


async def test_each_channel_takes_in_its_own_files_only(tmp_path: Path) -> None:
    world = two(tmp_path)
    async with world.running() as updater:
        await updater.ask()
        (visa,) = world.acquirers["visa"].collect()
        (rest,) = world.acquirers["rest"].collect()
        row = said(GP_BIGBATCH, "closed", visa.records[0])
        strays = world.acquirers["rest"].root / "inbox"
        path = world.acquirers["visa"].answer(visa, [row])
        path.rename(strays / path.name)
        other = said(CYBERSOURCE, "closed", rest.records[0])
        world.acquirers["rest"].answer(rest, [other])
        report = await updater.listen()
        report = report.plus(await updater.listen())
        assert report.taken == {Taken.QUARANTINED: 1, Taken.APPLIED: 1}
        states = {each.state: each.channel for each in await files_of(updater)}
        assert states == {FeedState.QUARANTINED: "rest", FeedState.APPLIED: "rest"}
        world.acquirers["visa"].answer(visa, [row])
        report = await updater.listen()
        assert report.plus(await updater.listen()).taken == {Taken.APPLIED: 1}


async def test_what_waits_is_counted_over_all_channels(tmp_path: Path) -> None:
    world = two(tmp_path)
    async with world.running() as updater:
        report = await updater.ask()
        assert (report.inquiries, report.records_asked) == (2, 2)
        report = report.plus(await updater.listen())
        assert report.awaiting == 2
        report = report.plus(await updater.listen())
        assert report.awaiting == 2


async def test_one_channels_trouble_is_not_anothers(tmp_path: Path) -> None:
    """A settings mistake that no start could see: a card's account is none for this format."""
    too_long = "a" * 20
    world = make_world(
        tmp_path,
        mixed,
        channel_of(GP_BIGBATCH, "visa", policy=VISA),
        channel_of(CYBERSOURCE, "rest", policy=POLICY),
    )
    world.vault.add("tok_visa", covered=frozenset({too_long}))
    world.vault.add("tok_master", brand=Brand.MASTERCARD)
    async with world.running() as updater:
        assert (await updater.ask()).inquiries == 1
        found = await updater.ports.stores.inquiries.page("demo", states=(), before="", limit=9)
    assert [each.channel for each in found] == ["rest"]


async def test_what_can_not_be_written_waits_for_better_settings(tmp_path: Path) -> None:
    world = make_world(tmp_path, lambda _: None, channel_of(GP_BIGBATCH))
    world.vault.add("tok_0")
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        await updater.channels[0].cycle.choose("demo")
    mistaken = world.with_channel(terminal_id="T" * 50)
    async with mistaken.running() as updater:
        for _ in range(2):
            assert (await updater.ask()).trouble == ("NOT_WRITABLE",)
        (incident,) = await open_incidents(updater)
        assert (incident.kind, incident.reason) == (ExceptionKind.CARD_NOT_ASKED, "NOT_WRITABLE")
        assert (incident.channel, incident.merchant_account) == (GP_BIGBATCH, "shop")
    assert not list((world.acquirer.root / "outbox").iterdir())
    async with world.running() as updater:
        assert (await updater.ask()).inquiries == 1
