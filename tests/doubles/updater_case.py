"""An updater that has asked, the inquiry that the acquirer has read, and what may be answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cards.brands import Brand
from cards.pan import Pan
from cards.testcards import test_pan as number_for_test
from tests.doubles.feed_files import Question
from tests.doubles.updater_acquirer import Acquirer, Asked, said
from tests.doubles.updater_world import (
    World,
    channel_of,
    files_of,
    make_world,
    open_incidents,
)
from updater.domain.feed import Counted, FeedFile, Incident
from updater.domain.mapping import CYBERSOURCE
from updater.files.answers import AnswerRecord, YearMonth
from updater.files.digits import Digits
from updater.usecases.assembly import Updater
from updater.usecases.report import CycleReport
from updater.usecases.take_in import Taken

LATER = YearMonth(2031, 5)


def number(place: int, brand: Brand = Brand.VISA) -> Digits:
    """Return a number that no card of a world has; the same one for the same place."""
    return Digits(number_for_test(brand, 70_000 + place))


@dataclass
class Case:
    """One inquiry that waits for its answers."""

    world: World
    updater: Updater
    inquiry: Asked
    delivered: int = 0

    @property
    def acquirer(self) -> Acquirer:
        return self.world.acquirer

    @property
    def format(self) -> str:
        return self.acquirer.format

    @property
    def questions(self) -> Sequence[Question]:
        """The questions in the order of their tokens: files are written in that of the store."""
        return self.inquiry.records

    def row(self, what: str, at: int = 0, **new: Any) -> AnswerRecord:
        """Return an answer to a question, in the format's words."""
        return said(self.format, what, self.questions[at], **new)

    def by_number(self, what: str, old: Digits, **new: Any) -> AnswerRecord:
        """Return a row about a number that wasn't asked about, under no reference of ours."""
        row = self.row(what, **new)
        return replace(row, old_number=old, reference="X" * 24 if row.reference else "")

    def deliver(self, *records: AnswerRecord, name: str = "") -> Path:
        """Deliver an answer file of some records, under a name of its own."""
        self.delivered += 1
        path = self.acquirer.answer(self.inquiry, records, more=str(self.delivered))
        return path.rename(path.with_name(name)) if name else path

    async def listen(self, times: int = 2) -> CycleReport:
        """Look into the inbox so many times."""
        report = CycleReport()
        for _ in range(times):
            report = report.plus(await self.updater.listen())
        return report

    async def taken(self, *records: AnswerRecord) -> dict[Taken, int]:
        """Deliver a file, listen, and return what became of the files that were there."""
        self.deliver(*records)
        return dict((await self.listen()).taken)

    async def files(self) -> list[FeedFile]:
        return await files_of(self.updater)

    async def incidents(self, *kinds: Any) -> Sequence[Incident]:
        return await open_incidents(self.updater, *kinds)

    async def counts(self) -> Counter[Counted]:
        """Return the answers of all files by what was said and what came of it."""
        counted = Counter[Counted]()
        for file in await self.files():
            report = await self.updater.ports.stores.feeds.report(file.feed_id)
            counted.update(report.counts)
        return counted

    def shelf(self, name: str) -> list[str]:
        """Return the names in a folder of the exchange."""
        return sorted(path.name for path in (self.acquirer.root / name).iterdir())

    def untouched(self) -> bool:
        """Tell whether the vault was asked nothing."""
        return not self.world.vault.batches

    def holds(self, token: str, *digits: Digits) -> bool:
        """Tell whether a card's versions, after its first, have these numbers."""
        versions = self.world.vault.cards["demo", token].versions[1:]
        return [each for each, _ in versions] == [Pan(each.reveal()) for each in digits]


@asynccontextmanager
async def asked(
    root: Path, format_name: str = CYBERSOURCE, *, cards: int = 2, **changes: Any
) -> AsyncIterator[Case]:
    """Ask about some cards over a channel of a format; `changes` are the channel's."""
    world = make_world(root, lambda _: None, channel_of(format_name, **changes))
    for place in range(cards):
        world.vault.add(f"tok_{place}")
    async with world.running() as updater:
        await updater.ask()
        (inquiry,) = world.acquirer.collect()
        yield Case(world, updater, inquiry)
