"""A file that can't be dealt with keeps no other one waiting, and is told of if it stays so."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.updater_case import Case, asked
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_world import World, files_of, make_world, open_incidents
from updater.domain.errors import StandsBy, StorageFull, StoreBroken, VaultUnavailable
from updater.domain.feed import ExceptionKind, FeedState, IncidentState
from updater.usecases.ports_exchange import Exchange
from updater.usecases.ports_store import Pause, RequestMark
from updater.usecases.ports_vault import CardUpdate, UpdateResult
from updater.usecases.take_in import Taken


def refusing(world: World, tenant: str, error: Exception | None) -> None:
    """Have the vault fail at one tenant's answers, whatever becomes of others'."""
    real = type(world.vault).apply

    async def apply(whose: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        if error is not None and whose == tenant:
            raise error
        return await real(world.vault, whose, updates)

    world.vault.apply = apply  # type: ignore[assignment,method-assign]


class Unreadable:
    """An exchange in which one file can't be read."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        self._exchange = exchange
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    async def read(self, name: str, *, limit: int) -> bytes | None:
        if name == self._name:
            raise PermissionError
        return await self._exchange.read(name, limit=limit)


def unreadable(case: Case, name: str) -> None:
    """Have one file fail before anything is known of it."""
    (desk,) = case.updater.channels
    poll = desk.cycle.poll
    exchange: Any = Unreadable(poll.take_in.exchange, name)
    taking = replace(poll.take_in, exchange=exchange)
    cycle = replace(desk.cycle, poll=replace(poll, take_in=taking))
    case.updater = replace(case.updater, channels=(replace(desk, cycle=cycle),))


@pytest.mark.parametrize("kind", ["unavailable", "unforeseen"])
async def test_a_file_that_fails_keeps_no_other_one_waiting(tmp_path: Path, kind: str) -> None:
    world = make_world(tmp_path, new_number, tenants=("demo", "other"))
    world.vault.add("tok_a")
    world.vault.add("tok_b", tenant="other")
    reason = "VAULT_UNAVAILABLE" if kind == "unavailable" else "UNEXPECTED:ZeroDivisionError"
    async with world.running() as updater:
        await updater.ask()
        failing = "demo"
        for inquiry in world.acquirer.collect():
            asked_by = await updater.ports.stores.inquiries.find(inquiry.named_batch)
            assert asked_by is not None
            path = world.acquirer.answer(inquiry, world.acquirer.respond(inquiry))
            path.rename(path.with_name("0.pgp" if asked_by.tenant == failing else "1.pgp"))
        error = VaultUnavailable("away") if kind == "unavailable" else ZeroDivisionError("x")
        refusing(world, failing, error)
        await updater.listen()
        report = await updater.listen()
        assert report.taken == {Taken.APPLIED: 1, Taken.WAITING: 1}
        (trouble,) = report.trouble
        assert trouble.split("@")[0] == reason
        for _ in range(39 if kind == "unavailable" else 3):
            assert not await open_incidents(updater)
            await updater.listen()
        (incident,) = await open_incidents(updater)
        states = {each.tenant: each.state for each in await files_of(updater)}
        assert states.pop(failing) is FeedState.VALIDATED
        assert list(states.values()) == [FeedState.APPLIED]
        (stalled,) = [each for each in await files_of(updater) if each.tenant == failing]
        told = (incident.kind, incident.subject, incident.reason, incident.tenant)
        assert told == (ExceptionKind.APPLY_REFUSED, stalled.feed_id, reason, failing)
        refusing(world, failing, None)
        assert (await updater.listen()).taken == {Taken.APPLIED: 1}
        found = await updater.ports.stores.incidents.get(incident.exception_id)
        assert found is not None
        assert found.state is IncidentState.RESOLVED


async def test_looks_in_between_that_go_well_are_no_failures(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.row("closed"))
        await case.listen(1)
        for _ in range(2):
            case.world.vault.down = True
            await case.listen(3)
            await pause_once(case)
        assert not await case.incidents()
        case.world.vault.down = True
        await case.listen(1)
        assert not await case.incidents()


async def pause_once(case: Case) -> None:
    """Have one look at which nothing fails: the channel rests."""
    pauses, channel = case.updater.ports.stores.pauses, case.world.channel.name
    first, second = (RequestMark("demo", "ann", uuid.uuid4().hex, "digest") for _ in range(2))
    await pauses.pause(Pause(channel, "demo", "looking", "ann", 1), first)
    await case.listen(1)
    await pauses.resume(channel, "demo", at=2, mark=second)


async def test_a_file_that_fails_is_not_missing(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        path = case.deliver(case.row("closed"))
        case.world.vault.down = True
        await case.listen()
        path.rename(path.with_name("renamed.pgp"))
        await case.listen(45)
        assert [each.kind for each in await case.incidents()] == [ExceptionKind.APPLY_REFUSED]


async def test_what_fails_before_anything_is_known_of_it_is_told_of_without_its_name(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path, cards=2) as case:
        case.deliver(case.row("closed", 0), name="0.pgp")
        case.deliver(case.row("closed", 1), name="1.pgp")
        unreadable(case, "0.pgp")
        report = await case.listen(5)
        assert report.taken == {Taken.APPLIED: 1, Taken.WAITING: 1}
        (incident,) = await case.incidents()
        told = (incident.kind, incident.subject, incident.reason)
        subject = f"{case.world.channel.name}/inbox"
        assert told == (ExceptionKind.APPLY_REFUSED, subject, "UNEXPECTED:PermissionError")


@pytest.mark.parametrize("error", [StandsBy, StoreBroken, StorageFull])
async def test_what_is_wrong_with_the_store_ends_the_turn(
    tmp_path: Path, error: type[Exception]
) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.row("closed"))
        refusing(case.world, "demo", error("x"))
        await case.listen(1)
        with pytest.raises(error):
            await case.listen(1)
