"""An updater that has asked about two cards over `cybersource-au-csv`, and what it is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.doubles.updater_acquirer import Asked as Inquiry
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_world import World, files_of, make_world, open_incidents
from updater.domain.feed import ExceptionKind, FeedFile, FeedState
from updater.files.answers import AnswerRecord
from updater.usecases.assembly import Updater
from updater.usecases.report import CycleReport
from updater.usecases.take_in import Taken

NAME = "shop.1.au.response.pan.csv.pgp"


@dataclass
class Asked:
    """An updater that has asked about two cards, and the inquiry that the acquirer has read."""

    world: World
    updater: Updater
    inquiry: Inquiry

    def records(self) -> list[AnswerRecord]:
        return self.world.acquirer.respond(self.inquiry)

    def plain(self, *records: AnswerRecord, batch: str = "", merchant_id: str = "") -> bytes:
        """Return an answer file, as the script has it unless it is told otherwise."""
        inquiry = replace(
            self.inquiry,
            batch=batch or self.inquiry.batch,
            merchant_id=merchant_id or self.inquiry.merchant_id,
        )
        return self.world.acquirer.plain(inquiry, records or self.records())

    def deliver(self, plain: bytes, name: str = NAME) -> Path:
        return self.deliver_sealed(self.world.acquirer.seal(plain), name)

    def deliver_sealed(self, sealed: bytes, name: str = NAME) -> Path:
        return self.world.acquirer.deliver(name, sealed)

    async def listen(self, times: int = 2) -> CycleReport:
        report = CycleReport()
        for _ in range(times):
            report = report.plus(await self.updater.listen())
        return report

    async def files(self) -> list[FeedFile]:
        return await files_of(self.updater)

    def shelf(self, name: str) -> list[str]:
        folder = self.world.root / "exchange" / name
        return sorted(path.name for path in folder.iterdir())

    def untouched(self) -> bool:
        return not self.world.vault.batches


@asynccontextmanager
async def asked(root: Path) -> AsyncIterator[Asked]:
    world = make_world(root, new_number)
    world.vault.add("tok_1")
    world.vault.add("tok_2")
    async with world.running() as updater:
        await updater.ask()
        (inquiry,) = world.acquirer.collect()
        yield Asked(world, updater, inquiry)


async def quarantined(case: Asked, reason: str, *, times: int = 2) -> FeedFile:
    """Listen, and check that the one file in the inbox is set aside whole."""
    report = await case.listen(times)
    assert report.taken == {Taken.QUARANTINED: 1}
    (file,) = await case.files()
    assert (file.state, file.reason) == (FeedState.QUARANTINED, reason)
    assert case.untouched()
    assert (case.shelf("inbox"), case.shelf("quarantine")) == ([], [f"{file.name}~{file.feed_id}"])
    incidents = await open_incidents(case.updater, ExceptionKind.FILE_QUARANTINED)
    assert [(each.subject, each.reason) for each in incidents] == [(file.feed_id, reason)]
    return file
