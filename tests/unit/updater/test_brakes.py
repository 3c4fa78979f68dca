"""Brakes: files out of bounds are held, pauses stop between batches, shadow changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cards.brands import Brand
from cards.luhn import check_digit
from cards.outcomes import Outcome
from tests.doubles.updater_case import LATER, Case, asked, number
from tests.doubles.updater_world import make_world
from updater.domain.bounds import Bounds
from updater.domain.dispositions import Disposition
from updater.domain.feed import Counted, ExceptionKind, FeedState, IncidentState
from updater.domain.inquiry import InquiryState
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.domain.shadow import Shadow
from updater.files.digits import Digits
from updater.usecases.ports_store import Pause, RequestMark
from updater.usecases.take_in import Taken

FORMATS = [CYBERSOURCE, GP_BIGBATCH, MES_AUS]


PLACES = count()


def mark() -> RequestMark:
    return RequestMark("demo", "spiffe://demo/operator", f"request-{next(PLACES)}", "digest")


async def decide(case: Case, state: FeedState) -> None:
    (file,) = [each for each in await case.files() if each.state is FeedState.HELD]
    feeds = case.updater.ports.stores.feeds
    await feeds.release(file.feed_id, state, "looked at it", at=1, mark=mark())


async def pause(case: Case) -> None:
    rest = Pause(case.world.channel.name, "demo", "looking", "operator", 1)
    await case.updater.ports.stores.pauses.pause(rest, mark())


async def resume(case: Case) -> None:
    stores = case.updater.ports.stores
    await stores.pauses.resume(case.world.channel.name, "demo", at=2, mark=mark())


@pytest.mark.parametrize("name", FORMATS)
async def test_answers_nobody_asked_for_are_held_until_they_are_released(
    tmp_path: Path, name: str
) -> None:
    async with asked(tmp_path, name) as case:
        other = case.world.vault.add("tok_other")
        stranger = case.by_number("closed", Digits(other.number.reveal()))
        assert await case.taken(case.row("closed"), stranger) == {Taken.HELD: 1}
        (file,) = await case.files()
        assert (file.state, file.reason) == (FeedState.HELD, "UNASKED_ANSWERS")
        (incident,) = await case.incidents(ExceptionKind.FILE_HELD)
        assert (incident.feed_id, incident.reason) == (file.feed_id, "UNASKED_ANSWERS:1")
        assert (incident.tenant, incident.channel) == ("demo", name)
        assert (await case.listen()).taken == {Taken.HELD: 1}
        assert case.untouched()
        await decide(case, FeedState.VALIDATED)
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert await case.counts() == {Counted(Outcome.CLOSED, Disposition.APPLIED): 2}
        assert other.status.value == "CLOSED"
        assert (case.shelf("inbox"), len(case.shelf("done"))) == ([], 1)
        found = await case.updater.ports.stores.incidents.get(incident.exception_id)
        assert found is not None
        assert found.state is IncidentState.RESOLVED


async def test_a_refused_file_is_set_aside_and_stays_so(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        path = case.deliver(case.row("closed"), case.by_number("closed", number(9)))
        content = path.read_bytes()
        await case.listen()
        await decide(case, FeedState.QUARANTINED)
        assert (await case.listen(1)).taken == {Taken.QUARANTINED: 1}
        assert (case.shelf("inbox"), len(case.shelf("quarantine"))) == ([], 1)
        case.acquirer.deliver("again.pgp", content)
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}
        assert case.untouched()
        # Its batch can be answered all the same.
        assert await case.taken(case.row("closed")) == {Taken.APPLIED: 1}


async def test_a_row_without_number_or_question_changes_nothing_even_if_released(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path) as case:
        nothing = replace(case.row("closed"), reference="X" * 24, old_number=None)
        assert await case.taken(nothing) == {Taken.HELD: 1}
        await decide(case, FeedState.VALIDATED)
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert await case.counts() == {Counted(Outcome.CLOSED, Disposition.NOT_SENT): 1}
        assert case.untouched()


async def test_unasked_rows_that_lead_to_each_other_are_unasked(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        one = case.by_number("new", number(1), new_number=number(2))
        other = case.by_number("new", number(2), new_number=number(1))
        assert await case.taken(one, other) == {Taken.HELD: 1}


BOUNDED: dict[str, tuple[str, dict[str, Any], Bounds]] = {
    "many to one": ("new", {"new_number": number(1)}, Bounds(many_to_one=3)),
    "closed": ("closed", {}, Bounds(closed_share=0.9, from_records=4)),
    "contact": ("contact", {}, Bounds(closed_share=0.9, from_records=4)),
    "changed": ("expiry", {"new_expiry": LATER}, Bounds(changed_share=0.9, from_records=4)),
}


@pytest.mark.parametrize("kind", BOUNDED)
async def test_a_file_out_of_bounds_is_held(tmp_path: Path, kind: str) -> None:
    what, new, bounds = BOUNDED[kind]
    async with asked(tmp_path, cards=4, bounds=bounds) as case:
        rows = [case.row(what, at, **new) for at in range(4)]
        assert await case.taken(*rows) == {Taken.HELD: 1}
        assert case.untouched()


@pytest.mark.parametrize("kind", BOUNDED)
async def test_a_file_at_its_bounds_is_applied(tmp_path: Path, kind: str) -> None:
    what, new, bounds = BOUNDED[kind]
    async with asked(tmp_path, cards=4, bounds=bounds) as case:
        rows = [case.row(what, at, **new) for at in range(3)]
        if kind != "many to one":
            rows.append(case.row("valid", 3))
        # Saying something twice is not saying more.
        assert await case.taken(*rows, rows[0], rows[0]) == {Taken.APPLIED: 1}


async def test_a_paused_channel_chooses_writes_and_sends_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        await pause(case)
        case.world.vault.add("tok_more")
        report = await case.updater.ask()
        assert (report.enrolled, report.inquiries) == (1, 0)
        await resume(case)
        await case.updater.channels[0].cycle.choose("demo")
        await pause(case)
        cycle = case.updater.channels[0].cycle
        assert (await cycle.dispatch()).inquiries == 0
        inquiries = case.updater.ports.stores.inquiries
        assert len(await inquiries.in_state(InquiryState.CREATED)) == 1
        await resume(case)
        assert (await cycle.dispatch()).inquiries == 1


async def test_what_comes_in_during_a_pause_waits_for_its_end(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        await pause(case)
        assert await case.taken(case.row("closed")) == {Taken.WAITING: 1}
        (file,) = await case.files()
        assert file.state is FeedState.VALIDATED
        assert (await case.listen()).taken == {Taken.WAITING: 1}
        assert case.untouched()
        await resume(case)
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert await case.counts() == {Counted(Outcome.CLOSED, Disposition.APPLIED): 1}


async def test_a_pause_stops_a_file_between_two_batches(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=4) as case:
        world = replace(case.world, batch=2)
        rows = [case.row("closed", at) for at in range(4)]
    async with world.running() as updater:
        case = replace(case, world=world, updater=updater)
        vault, pauses = world.vault, updater.ports.stores.pauses
        apply = vault.apply

        async def paused_after_the_first(*args: Any) -> Any:
            await pause(case)
            return await apply(*args)

        vault.apply = paused_after_the_first  # type: ignore[method-assign, assignment]
        assert await case.taken(*rows) == {Taken.WAITING: 1}
        assert vault.batches == [2]
        assert await pauses.paused()
        await resume(case)
        vault.apply = apply  # type: ignore[method-assign]
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert vault.batches == [2, 2]
        assert await case.counts() == {Counted(Outcome.CLOSED, Disposition.APPLIED): 4}


SHADOWS = {
    "everything": Shadow(everything=True),
    "tenant": Shadow(tenants={"demo"}),
    "range": Shadow(bins={"411111"}),
}


@pytest.mark.parametrize("kind", SHADOWS)
async def test_in_the_shadow_all_is_decided_and_nothing_changes(tmp_path: Path, kind: str) -> None:
    async with asked(tmp_path, shadow=SHADOWS[kind]) as case:
        before = case.world.vault.contents()
        row, closed = case.row("new", 0, new_number=number(1)), case.row("closed", 1)
        covered = all(SHADOWS[kind].covers("demo", each.number.reveal()) for each in case.questions)
        assert covered
        assert await case.taken(row, closed) == {Taken.APPLIED: 1}
        assert case.world.vault.contents() == before
        assert await case.counts() == {
            Counted(Outcome.PAN_UPDATED, Disposition.APPLIED, shadow=True): 1,
            Counted(Outcome.CLOSED, Disposition.APPLIED, shadow=True): 1,
        }


async def test_another_range_is_not_in_the_shadow(tmp_path: Path) -> None:
    async with asked(tmp_path, shadow=Shadow(bins={"555555"}, tenants={"other"})) as case:
        await case.taken(case.row("closed"))
        assert await case.counts() == {Counted(Outcome.CLOSED, Disposition.APPLIED): 1}


async def test_what_does_not_show_its_range_is_in_the_shadow_of_any(tmp_path: Path) -> None:
    async with asked(tmp_path, shadow=Shadow(bins={"555555"})) as case:
        await case.taken(replace(case.row("closed"), old_number=None))
        shadowed = Counted(Outcome.CLOSED, Disposition.APPLIED, shadow=True)
        assert await case.counts() == {shadowed: 1}


UNKNOWN = "911111111111111"
REFUSED = {
    "test number": (number(1), "TEST_NUMBER"),
    "check digit": (Digits("4111111111111112"), "NEW_NUMBER_INVALID"),
    "unknown brand": (
        Digits("911111111111111" + check_digit("911111111111111")),
        "NEW_BRAND_UNKNOWN",
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", REFUSED)
async def test_a_new_number_that_is_none_changes_nothing_and_is_for_a_person(
    tmp_path: Path, name: str, kind: str
) -> None:
    new, note = REFUSED[kind]
    async with asked(tmp_path, name, takes_test_numbers=False) as case:
        before = case.world.vault.contents()
        assert await case.taken(case.row("new", new_number=new)) == {Taken.APPLIED: 1}
        refused = Counted(Outcome.REJECTED_INPUT, Disposition.NOT_SENT)
        assert await case.counts() == {refused: 1}
        assert case.world.vault.contents() == before
        (incident,) = await case.incidents(ExceptionKind.ANSWER_NOT_APPLIED)
        assert incident.reason == f"NOT_SENT:{note}"


async def test_a_test_number_of_another_brand_is_one_all_the_same(tmp_path: Path) -> None:
    async with asked(tmp_path, takes_test_numbers=False) as case:
        await case.taken(case.row("new", new_number=number(1, Brand.MASTERCARD)))
        assert case.untouched()


async def test_a_hold_says_everything_that_is_out_of_bounds_and_by_how_much(
    tmp_path: Path,
) -> None:
    bounds = Bounds(closed_share=0.5, from_records=4)
    async with asked(tmp_path, cards=4, bounds=bounds) as case:
        rows = [case.row("closed", at) for at in range(3)]
        stranger = case.by_number("new", number(9), new_number=number(8))
        assert await case.taken(*rows, stranger) == {Taken.HELD: 1}
        (file,) = await case.files()
        (incident,) = await case.incidents()
        assert file.reason == "UNASKED_ANSWERS"
        assert incident.reason == "UNASKED_ANSWERS:1,CLOSED_SHARE:3/4"


async def test_a_pause_while_a_file_is_written_keeps_it_from_being_sent(tmp_path: Path) -> None:
    world = make_world(tmp_path, lambda _: None)
    world.vault.add("tok_0")
    async with world.running() as updater:
        pauses, real = updater.ports.stores.pauses, type(world.vault).reveal

        async def reveal(tenant: str, tokens: Sequence[str]) -> Any:
            rest = Pause(world.channel.name, "demo", "looking", "operator", 1)
            await pauses.pause(rest, mark())
            return await real(world.vault, tenant, tokens)

        world.vault.reveal = reveal  # type: ignore[method-assign]
        report = await updater.ask()
        assert (report.inquiries, world.acquirer.collect()) == (0, [])
        await pauses.resume(world.channel.name, "demo", at=2, mark=mark())
        await updater.channels[0].cycle.dispatch()
        assert len(world.acquirer.collect()) == 1


async def test_a_chain_that_begins_in_the_shadow_stays_in_it(tmp_path: Path) -> None:
    async with asked(tmp_path / "first") as case:
        begins = case.questions[0].number.reveal()[:8]
    first, second, third = (number(at, Brand.MASTERCARD) for at in (1, 2, 3))
    async with asked(tmp_path / "second", shadow=Shadow(bins=frozenset({begins}))) as case:
        assert case.questions[0].number.reveal().startswith(begins)
        rows = (
            case.by_number("new", second, new_number=third, new_expiry=LATER),
            case.row("new", 0, new_number=first, new_expiry=LATER),
            case.by_number("new", first, new_number=second, new_expiry=LATER),
        )
        assert await case.taken(*rows) == {Taken.APPLIED: 1}
        counts = await case.counts()
        assert counts.total() == 3
        assert all(each.shadow for each in counts)
