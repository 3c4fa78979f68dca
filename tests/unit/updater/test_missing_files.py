"""Files whose bytes left the inbox before they were dealt with: told, found again, given up."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from cards.outcomes import Outcome
from tests.doubles.updater_case import Case, asked, number
from updater.domain.dispositions import Disposition
from updater.domain.errors import FeedFileStateWrong
from updater.domain.feed import (
    BY_ITSELF,
    Counted,
    ExceptionKind,
    FeedFile,
    FeedState,
    IncidentState,
)
from updater.domain.mapping import MES_AUS
from updater.usecases.holds import Holds
from updater.usecases.ports_store import RequestMark
from updater.usecases.take_in import Taken

CLOSED = Counted(Outcome.CLOSED, Disposition.APPLIED)
MISSING = ExceptionKind.FILE_MISSING


async def stuck(case: Case, state: FeedState) -> Path:
    """Deliver a file that can't be dealt with yet, and a further one that waits for it."""
    strangers = [case.by_number("closed", number(9))] if state is FeedState.HELD else []
    case.world.vault.down = state is FeedState.VALIDATED
    path = case.deliver(case.row("closed", 0), *strangers)
    await case.listen()
    case.world.vault.down = False
    (file,) = await case.files()
    assert file.state is state
    return path


async def the(case: Case) -> FeedFile:
    return (await case.files())[0]


async def reject(case: Case, file: FeedFile) -> None:
    ports = case.updater.ports
    mark = RequestMark("demo", "ann", str(uuid.uuid4()), "digest")
    await Holds(ports.stores.feeds, ports.clock).reject("demo", file.feed_id, "it is lost", mark)


@pytest.mark.parametrize("state", [FeedState.VALIDATED, FeedState.HELD])
async def test_after_some_looks_without_it_an_operator_is_told_once(
    tmp_path: Path, state: FeedState
) -> None:
    async with asked(tmp_path, cards=2) as case:
        path = await stuck(case, state)
        path.unlink()
        await case.listen(3)
        assert not await case.incidents(MISSING)
        await case.listen(3)
        (incident,) = await case.incidents(MISSING)
        file = await the(case)
        assert (incident.feed_id, incident.tenant) == (file.feed_id, "demo")
        assert incident.reason == "NOT_IN_THE_INBOX"
        assert file.missing_since == incident.opened_at


async def test_a_look_that_finds_it_begins_the_count_anew(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        path = await stuck(case, FeedState.HELD)
        for _ in range(3):
            away = path.rename(tmp_path / "away")
            await case.listen(3)
            away.rename(path)
            await case.listen(2)
        assert not await case.incidents(MISSING)


@pytest.mark.parametrize("name", ["", "another.name.pgp"], ids=["its name", "another"])
async def test_its_bytes_come_back_and_it_goes_on(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path, cards=2) as case:
        path = await stuck(case, FeedState.VALIDATED)
        away = path.rename(tmp_path / "away")
        await case.listen(5)
        assert await case.incidents(MISSING)
        away.rename(path.with_name(name) if name else path)
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert not await case.incidents()
        file = await the(case)
        assert (file.state, file.missing_since) == (FeedState.APPLIED, None)
        (settled,) = await case.updater.ports.stores.incidents.page(
            tenant="", channel="", states=(), kinds=(MISSING,), after=0, limit=9
        )
        assert (settled.state, settled.resolved_by) == (IncidentState.RESOLVED, BY_ITSELF)


async def test_it_may_be_missing_again(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        path = await stuck(case, FeedState.HELD)
        for _ in range(2):
            away = path.rename(tmp_path / "away")
            await case.listen(5)
            assert len(await case.incidents(MISSING)) == 1
            away.rename(path)
            assert (await case.listen()).taken == {Taken.HELD: 1}
            assert not await case.incidents(MISSING)


@pytest.mark.parametrize("state", [FeedState.VALIDATED, FeedState.HELD])
async def test_given_up_its_batch_goes_on(tmp_path: Path, state: FeedState) -> None:
    async with asked(tmp_path, cards=2) as case:
        path = await stuck(case, state)
        away = path.rename(tmp_path / "away")
        await case.listen(5)
        waiting = case.deliver(case.row("closed", 0), case.row("closed", 1))
        assert (await case.listen()).taken == {Taken.WAITING: 1}
        await reject(case, await the(case))
        file = await the(case)
        assert (file.state, file.reason) == (FeedState.QUARANTINED, "REJECTED_BY_OPERATOR")
        assert (file.decided_by, file.missing_since) == ("ann", None)
        assert not await case.incidents()
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert await case.counts() == {CLOSED: 2}
        assert not waiting.exists()
        away.rename(path)  # too late
        assert (await case.listen()).taken == {Taken.QUARANTINED: 1}
        assert await case.counts() == {CLOSED: 2}


async def test_what_is_there_is_not_given_up(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=2) as case:
        path = await stuck(case, FeedState.VALIDATED)
        with pytest.raises(FeedFileStateWrong):
            await reject(case, await the(case))
        away = path.rename(tmp_path / "away")
        await case.listen(5)
        missing = await the(case)
        away.rename(path)
        case.world.vault.down = True
        await case.listen()
        with pytest.raises(FeedFileStateWrong):
            await reject(case, missing)
        case.world.vault.down = False
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        with pytest.raises(FeedFileStateWrong):
            await reject(case, missing)


async def test_what_was_applied_of_it_stays_and_the_rest_is_given_up(tmp_path: Path) -> None:
    async with asked(tmp_path, cards=3) as case:
        incidents = case.updater.ports.stores.incidents
        path = case.deliver(*(case.row("closed", at) for at in range(3)))
        await case.listen(1)
        await half_applied(case)
        away = path.rename(tmp_path / "away")
        await case.listen(5)
        await reject(case, await the(case))
        file = await the(case)
        assert (file.state, file.reason) == (FeedState.APPLIED, "REJECTED_BY_OPERATOR")
        assert await case.counts() == {CLOSED: 1}
        assert not await incidents.page(
            tenant="", channel="", states=(IncidentState.OPEN,), kinds=(), after=0, limit=9
        )
        # What else it said another file may say, and then repeat what it did say.
        taken = await case.taken(case.row("closed", 0), case.row("closed", 1))
        assert taken == {Taken.APPLIED: 1}
        assert (await case.counts())[CLOSED] == 2
        away.rename(path)
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}
        assert (await case.counts())[CLOSED] == 2


async def half_applied(case: Case) -> None:
    """Have the first record applied, and the vault away from then on."""
    real, cycle = case.world.vault.listens, case.updater.channels[0].cycle
    take_in = cycle.poll.take_in
    one_by_one = replace(take_in, apply=replace(take_in.apply, batch=1))

    def once(_update: object) -> None:
        case.world.vault.down = True

    case.world.vault.listens = once
    await replace(cycle, poll=replace(cycle.poll, take_in=one_by_one)).listen()
    case.world.vault.listens = real
    case.world.vault.down = False


async def test_a_file_that_was_set_aside_goes_by_the_name_it_came_under_last(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path, MES_AUS, cards=1) as case:
        sealed = case.acquirer.seal(case.acquirer.plain(case.inquiry, [case.row("closed")]))
        case.acquirer.deliver("no.batch.of.ours", sealed)
        assert (await case.listen()).taken == {Taken.QUARANTINED: 1}
        case.acquirer.deliver(case.acquirer.name_of(case.inquiry), sealed)
        case.world.vault.down = True
        await case.listen()
        case.world.vault.down = False
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        assert (await the(case)).name == case.acquirer.name_of(case.inquiry)
