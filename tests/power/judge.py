"""Open what a power cut left with the real store, and hold it against what was promised."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from tests.doubles.audit_database import KEYS
from tests.doubles.decide_bench import EVERY_STATUS, Draws, new_card
from tests.doubles.vault_ledger import WarmKeyring, encode_event
from tests.power.reference import Reference, Told
from tests.power.tables import Changes, State, differences, state_in
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import verify_audit
from vault.adapters.engine import Engine
from vault.adapters.sqlite.connection import open_reader
from vault.adapters.sqlite.open import open_sqlite
from vault.domain.card import CardKey
from vault.domain.intents import Caller, Entry, RequestMark, Reveal
from vault.domain.outcome import Applied
from vault.domain.queries import Checkpoint
from vault.domain.results import Revealed, TokenizeResult
from vault.usecases.chain_start import start_chain
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ports import StoreError

AFTER: Final = "chn_9999"
NOW_US: Final = 4_000_000_000_000_000  # later than any script gets
MOST_NAMED: Final = 3


class Promised(NamedTuple):
    """What has to be there at a cut: all up to `acknowledged`, nothing behind `begun`."""

    acknowledged: int
    begun: int
    told: int  # how much had been told, of `Reference.told`


@dataclass(frozen=True)
class Verdict:
    """Up to which transaction an image goes, and what is wrong with it."""

    transaction: int
    wrong: tuple[str, ...] = ()


class Judge:
    """Judges images in the order of their cuts: `state` is what is acknowledged by then."""

    def __init__(self, reference: Reference, vfs: str | None = None) -> None:
        self._reference = reference
        self._vfs = vfs
        self._states = reference.states()
        self.state: State = next(self._states)
        self.at = 0

    def advance(self, transaction: int) -> None:
        """Go on to a later transaction's state."""
        while self.at < transaction:
            self.state = next(self._states)
            self.at += 1

    async def judge(self, path: Path, promised: Promised) -> Verdict:
        """Open an image, compare it, and see that the store goes on."""
        self.advance(promised.acknowledged)
        try:
            async with open_sqlite(path, vfs=self._vfs) as engine:
                image = self._read(path)
                verdict = self.compare(image, promised)
                if verdict.wrong:
                    return verdict
                await go_on(engine, image)
        except (StoreError, apsw.Error, BaseExceptionGroup, AssertionError) as error:
            return Verdict(-1, (f"the store does not open and go on: {type(error).__name__}",))
        return Verdict(verdict.transaction, tuple(self._whole(path, promised)))

    def _read(self, path: Path) -> State:
        db = open_reader(path, self._vfs)
        try:
            return state_in(db)
        finally:
            db.close()

    def compare(self, image: State, promised: Promised) -> Verdict:
        """Find the transaction up to which an image goes, or what it lacks or has by halves."""
        found = differences(self.state, image)
        behind: Changes = {}
        for number in range(promised.acknowledged, promised.begun + 1):
            if number > promised.acknowledged:
                behind |= self._reference.transactions[number - 1]
            if found == {p: row for p, row in behind.items() if self._now(p) != row}:
                return Verdict(number)
        lost = self._behind(image, promised) or self._lost(image, promised)
        return Verdict(-1, (*lost[:MOST_NAMED], *_by_halves(found, bool(lost))))

    def _now(self, place: tuple[str, tuple[object, ...]]) -> object:
        return self.state[place[0]].get(place[1])

    def _behind(self, image: State, promised: Promised) -> list[str]:
        """Name what was told, where an image is whole and of an earlier moment."""
        last = -1
        for number, state in enumerate(self._reference.states()):
            if number > promised.acknowledged:
                break
            last = number if not differences(state, image) else last
        if last < 0:
            return []
        told = self._reference.told[: promised.told]
        return [f"acknowledged and lost: {each.what}" for each in told if each.transaction > last]

    def _lost(self, image: State, promised: Promised) -> list[str]:
        """Name what was told and is not there as it was told."""
        lost: list[str] = []
        for told in self._reference.told[: promised.told]:
            gone = [
                place
                for place in told.places
                if (told_row := self.state[place.table].get(place.key)) is not None
                and image[place.table].get(place.key) != told_row
            ]
            if gone:
                lost.append(f"acknowledged and lost: {told.what}")
        return lost

    def _whole(self, path: Path, promised: Promised) -> list[str]:
        """Check the closed database as a whole, and the audit up to the last checkpoint told."""
        wrong: list[str] = []
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            said = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
        finally:
            db.close()
        if said != ["ok"]:
            wrong.append(f"the integrity check finds {len(said)} things")
        given = last_checkpoint(self._reference.told[: promised.told])
        try:
            report = verify_audit(path, KEYS, given)
        except NotReadable:
            return [*wrong, "the audit can't be read"]
        return wrong + [f"the audit: {finding}" for finding in report.findings[:MOST_NAMED]]


def last_checkpoint(told: Sequence[Told]) -> Checkpoint | None:
    """Return the newest signed checkpoint that somebody was told of."""
    return next((each.checkpoint for each in reversed(told) if each.checkpoint), None)


def _by_halves(found: Changes, lost: bool) -> tuple[str, ...]:
    """Say that an image is of no moment, by the first row that is wrong; not its contents."""
    if lost:
        return ()
    (table, key), row = next(iter(found.items()), (("", ()), None))
    shown = "/".join([each.hex()[:8] if isinstance(each, bytes) else str(each) for each in key])
    how = "is missing" if row is None else "is not as it was written"
    return (f"half done: of {len(found)} rows that differ, {table} {shown} {how}",)


async def go_on(engine: Engine, image: State) -> None:
    """Restart a vault over an image: store a card, and reveal it and one that was there."""

    def now_us() -> int:
        return NOW_US

    await start_chain(engine.store, engine.audit, AFTER, now_us)
    ledger = GroupCommitLedger(
        store=engine.store,
        reader=engine.reader,
        keyring=WarmKeyring(),
        decider=Decider(encode_event),
        chain=AFTER,
        now_us=now_us,
        random=Draws(salt=b"after"),
    )
    caller = Caller("demo", "spiffe://test/app", "after")
    live = next(
        (
            CardKey(row[0], row[1])
            for row in image["cards"].values()
            if row[6] in EVERY_STATUS and not row[17]
        ),
        None,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ledger.run())
        try:
            entries = [Entry(caller, new_card(1), RequestMark("after", b"after"))]
            if live is not None:
                there = Caller(live.tenant, caller.principal, "after")
                entries.append(Entry(there, Reveal(live.token, "payment", EVERY_STATUS)))
            outcomes = await ledger.apply(entries)
            for outcome in outcomes:
                assert isinstance(outcome, Applied), type(outcome).__name__
            stored = outcomes[0].value  # type: ignore[union-attr]
            assert isinstance(stored, TokenizeResult)
            key = stored.card.key
            assert (await engine.reader.cards([key]))[key] == stored.card
            if live is not None:
                revealed = outcomes[1].value  # type: ignore[union-attr]
                assert isinstance(revealed, Revealed)
                same = revealed.contents.pan.last4 == image["cards"][live][10]
                assert same
        finally:
            ledger.close()
