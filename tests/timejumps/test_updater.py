"""An updater whose host's clock is set: nothing is deleted, given up or asked again early.

The vault and the files are real, and the updater is put together as its service does it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_acquirer import Acquirer
from tests.doubles.updater_processes import make_keys, settings, store
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_site import CHANNEL
from tests.doubles.vault_site import vault_site
from tests.timejumps.clock import JumpingClock
from tests.timejumps.trial import DAY, HOUR, JUMPS
from updater import opening
from updater.config import UpdaterConfig
from updater.opening import open_updater
from updater.usecases.assembly import Updater

CARDS: Final = 3
GIVEN_UP: Final = "questions were given up"
DELETED: Final = "a file that nobody has collected was deleted"
ASKED_AGAIN: Final = "cards were asked about again"


@dataclass
class Case:
    """An updater that has asked about its cards; the file waits in the outbox."""

    updater: Updater
    clock: JumpingClock
    acquirer: Acquirer

    async def look(self) -> list[str]:
        """Have it look for answers and due cards; return what it did before its time."""
        found = []
        sent = self.outbox()
        if (await self.updater.listen()).unanswered:
            found.append(GIVEN_UP)
        if not sent <= self.outbox():
            found.append(DELETED)
        if (await self.updater.ask()).records_asked:
            found.append(ASKED_AGAIN)
        return found

    def outbox(self) -> set[str]:
        """Return what waits to be collected."""
        return {path.name for path in (self.acquirer.root / "outbox").iterdir()}


@asynccontextmanager
async def asked(root: Path) -> AsyncIterator[Case]:
    make_keys(root)
    clock = JumpingClock(time.time_ns() // 1_000)  # files have the host's times
    acquirer = Acquirer(root / "simulator-keys", root / "exchange", CHANNEL, new_number)
    async with vault_site(root) as site:
        await store(site, [number_for_test(Brand.VISA, place) for place in range(CARDS)])
        given = {
            name.removeprefix("CARDVAULT_UPDATER_").lower(): value
            for name, value in settings(site, f"sqlite:///{root}/updater.db").items()
        }
        async with open_updater(UpdaterConfig.load(**given), clock) as updater:
            assert (await updater.ask()).records_asked == CARDS
            yield Case(updater, clock, acquirer)


async def test_no_jump_makes_it_do_anything_early(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        assert len(case.outbox()) == 1
        for name, seconds in JUMPS.items():
            case.clock.jump(seconds)
            assert await case.look() == [], name
            case.clock.advance(HOUR)
            assert await case.look() == [], name
            case.clock.correct()
            assert await case.look() == [], name
        case.acquirer.answer_all()
        taken = (await case.updater.listen()).plus(await case.updater.listen())
        assert sum(taken.counts.values()) == CARDS
        assert (await case.updater.ask()).records_asked == CARDS  # they have new numbers now


async def test_what_is_due_is_done_all_the_same(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.clock.jump(JUMPS["a year forward"])
        assert await case.look() == []
        case.clock.correct()
        case.clock.advance(31 * DAY)
        assert await case.look() == [GIVEN_UP, DELETED, ASKED_AGAIN]


async def test_who_goes_by_the_wall_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "UnhurriedClock", lambda clock: clock)
    async with asked(tmp_path) as case:
        case.clock.jump(JUMPS["a year forward"])
        assert await case.look() == [GIVEN_UP, DELETED, ASKED_AGAIN]
