"""Two processes on one database: no card is asked about twice, and whoever works sends it all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.updater_scripts import current
from tests.doubles.updater_world import World, make_world
from updater.domain.errors import NothingToAsk, VaultRefused
from updater.domain.inquiry import Inquiry
from updater.usecases.assembly import Updater
from updater.usecases.choose import Wish
from updater.usecases.ports_store import RequestMark


def wish(request_id: str = "") -> Wish:
    return Wish("", RequestMark("demo", "ann", request_id or str(uuid.uuid4()), "digest"))


def at_once(first: Updater, second: Updater) -> None:
    """Have both have read which cards are due before either opens an inquiry."""
    both = asyncio.Barrier(2)
    for each in (
        first.channels[0].cycle.choose,
        second.desk.choose[first.channels[0].channel.name],
    ):
        enrolments: Any = Meeting(each.enrolments, both)
        object.__setattr__(each, "enrolments", enrolments)


class Meeting:
    """Enrolments whose reader waits for another one, once, when it has read them."""

    def __init__(self, enrolments: Any, both: asyncio.Barrier) -> None:
        self._enrolments = enrolments
        self._both = both
        self._met = False

    async def candidates(self, *args: Any, **named: Any) -> Any:
        found = await self._enrolments.candidates(*args, **named)
        if not self._met:
            self._met = True
            await self._both.wait()
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path, current)
    for place in range(6):
        made.vault.add(f"tok_{place}")
    return made


async def test_two_processes_ask_about_no_card_twice(world: World) -> None:
    async with world.opens(world.root) as engine:
        works, calls = world.assembled(engine), world.assembled(engine)
        await works.enrolment.enrolling()
        at_once(works, calls)
        async with asyncio.timeout(20):
            said = await asyncio.gather(
                works.channels[0].cycle.choose("demo"),
                calls.desk.inquire("demo", world.channel.name, wish()),
                return_exceptions=True,
            )
        assert sum(bool(each) and not isinstance(each, NothingToAsk) for each in said) == 1
        await works.channels[0].cycle.dispatch()
        asked = [row.number for each in world.acquirer.collect() for row in each.records]
        assert (len(asked), len({each.reveal() for each in asked})) == (6, 6)


async def test_one_request_at_two_processes_is_one_inquiry(world: World) -> None:
    async with world.opens(world.root) as engine:
        first, second = world.assembled(engine), world.assembled(engine)
        await first.enrolment.enrolling()
        both = asyncio.Barrier(2)
        mine = wish(str(uuid.uuid4()))
        for each in (first, second):
            choose = each.desk.choose[world.channel.name]
            object.__setattr__(choose, "enrolments", Meeting(choose.enrolments, both))
        async with asyncio.timeout(20):
            opened: Sequence[Inquiry] = await asyncio.gather(
                *(each.desk.inquire("demo", world.channel.name, mine) for each in (first, second))
            )
        assert len({each.batch_id for each in opened}) == 1
        assert await first.ports.stores.inquiries.find(opened[0].batch_id) is not None


async def test_what_the_vault_refuses_is_not_revealed_at_every_look(world: World) -> None:
    reveals = 0

    async def reveal(tenant: str, tokens: Sequence[str]) -> Any:
        nonlocal reveals
        reveals += 1
        raise VaultRefused("not now")

    world.vault.reveal = reveal  # type: ignore[method-assign]
    async with world.running() as updater:
        await updater.enrolment.enrolling()
        cycle = updater.channels[0].cycle
        await cycle.choose("demo")
        for _ in range(3):
            await cycle.dispatch_new()
        assert reveals == 1
        await cycle.dispatch()
        assert reveals == 2
        del world.vault.reveal
        await cycle.dispatch()
        assert len(world.acquirer.collect()) == 1
