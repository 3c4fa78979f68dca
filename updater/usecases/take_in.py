"""Take in one file of the inbox: in whole or not at all, once, whatever crashes in between."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from updater.domain.bounds import outside
from updater.domain.errors import BatchAlreadyAnswered, VaultRefused
from updater.domain.feed import (
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    Quarantine,
    Sighting,
)
from updater.usecases.apply import Apply
from updater.usecases.aside import Aside
from updater.usecases.channel import Channel
from updater.usecases.ports import Clock
from updater.usecases.ports_exchange import Exchange, SealFault, Shelf
from updater.usecases.ports_store import FeedStore, IncidentStore, PauseStore
from updater.usecases.reading import NotYet, Reader, Reading, Refused
from updater.usecases.stalls import ENDS_THE_TURN, Stalled

# Why a file was set aside that may be the right one by now: once our keys are, or the acquirer's,
# or the channel's settings; or once the inquiry was sent.
_MAY_FIT_LATER: Final = frozenset(
    {
        SealFault.WRONG_KEY.value,
        SealFault.BAD_SIGNATURE.value,
        Quarantine.UNKNOWN_BATCH.value,
        Quarantine.WRONG_MERCHANT.value,
        Quarantine.BATCH_NOT_SENT.value,
    }
)


def largest_sealed(channel: Channel) -> int:
    """Return the most bytes of a sealed file that are read: armour and packets included."""
    return channel.codec.max_bytes * 2


class Taken(StrEnum):
    """What became of a file at this look."""

    APPLIED = "APPLIED"
    HELD = "HELD"
    QUARANTINED = "QUARANTINED"
    DUPLICATE = "DUPLICATE"
    WAITING = "WAITING"
    GONE = "GONE"


STANDING: Final = frozenset({Taken.WAITING, Taken.HELD})
"""What is still so at the next look: such files are there, and nothing has happened to them."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The outcome for one file; `feed_id` is empty while nothing is known of it.

    `trouble` is why it couldn't be dealt with at this look; empty where it could.
    """

    taken: Taken
    feed_id: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Open and judge a file as a whole, keep it as good, apply it record by record, shelve it.

    Each step finds what an interrupted run left: a file is known by the digest of its bytes, its
    state says how far it got, its last recorded answer where to go on, and the vault drops what it
    was told before.
    """

    channel: Channel
    reader: Reader
    aside: Aside
    exchange: Exchange
    feeds: FeedStore
    incidents: IncidentStore
    pauses: PauseStore
    apply: Apply
    clock: Clock
    patience: int = 4  # looks at an unchanged file that doesn't open before it is set aside

    async def __call__(self, seen: Sighting) -> TakenIn:
        """Deal with one file that has stopped growing. Raises Stalled: try again."""
        largest = largest_sealed(self.channel)
        sealed = await self.exchange.read(seen.name, limit=largest + 1)
        if sealed is None:
            return TakenIn(Taken.GONE)
        fresh = self.aside.fresh(seen, sealed)
        known = await self.feeds.by_digest(self.channel.name, fresh.sha256)
        if known:
            return await self._known(fresh, known, sealed)
        if len(sealed) > largest:
            aside = await self.aside.quarantine(fresh, Refused(Quarantine.TOO_LARGE.value), sealed)
            return TakenIn(Taken.QUARANTINED, aside.feed_id)
        return await self._first_time(fresh, sealed, patient=seen.polls < self.patience)

    async def _known(self, fresh: FeedFile, known: Sequence[FeedFile], sealed: bytes) -> TakenIn:
        """Go on with these bytes where an earlier look left them, under whatever name."""
        first = known[0]
        if first.missing_since is not None:
            # Only now is it sure that no operator gives up on it any more, or that one has.
            first = await self.feeds.found(first.feed_id, self.clock.now_us())
        if first.state is FeedState.VALIDATED:
            # Maybe gone under its own name: its bytes are here all the same. A copy is noted at
            # the next look.
            return await self._resume(first, sealed)
        if first.state is FeedState.HELD:
            return TakenIn(Taken.HELD, first.feed_id)
        if first.state is FeedState.QUARANTINED and first.reason in _MAY_FIT_LATER:
            return await self._again(first, fresh.name, sealed)
        if fresh.name not in {each.name for each in known}:
            copy = await self.aside.duplicate(fresh, first, sealed)
            return TakenIn(Taken.DUPLICATE, copy.feed_id)
        await self.aside.shelve(fresh.name, first, sealed)
        again = first.state is FeedState.QUARANTINED and fresh.name == first.name
        return TakenIn(Taken.QUARANTINED if again else Taken.DUPLICATE, first.feed_id)

    async def _first_time(self, fresh: FeedFile, sealed: bytes, *, patient: bool) -> TakenIn:
        try:
            return await self._judged(fresh, sealed)
        except Refused as refused:
            if patient and _may_grow(refused, sealed):
                return TakenIn(Taken.WAITING)
            aside = await self.aside.quarantine(fresh, refused, sealed)
            return TakenIn(Taken.QUARANTINED, aside.feed_id)

    async def _again(self, known: FeedFile, name: str, sealed: bytes) -> TakenIn:
        """Take in what was set aside, has been delivered again, and may fit by now."""
        fresh = replace(known, name=name, state=FeedState.VALIDATED, reason="", offset=0)
        try:
            return await self._judged(fresh, sealed)
        except Refused:
            await self.aside.put(name, sealed, known)
            return TakenIn(Taken.QUARANTINED, known.feed_id)

    async def _judged(self, fresh: FeedFile, sealed: bytes) -> TakenIn:
        """Judge a file, keep it if it is good, and apply it if it is within bounds.

        Raises Refused.
        """
        try:
            reading = await self.reader(fresh, sealed)
        except NotYet:
            return TakenIn(Taken.WAITING)
        case, survey = reading.case, reading.survey
        held = outside(survey.tally, self.channel.bounds)
        good = replace(
            fresh,
            state=FeedState.HELD if held else FeedState.VALIDATED,
            reason=held[0].reason.value if held else "",
            batch_id=case.inquiry.batch_id,
            tenant=case.inquiry.tenant,
            records=survey.records,
            part=case.head.part,
            file_time=case.head.file_time,
        )
        kind, account = ExceptionKind.FILE_HELD, case.inquiry.merchant_account
        reasons = ",".join(map(str, held))
        incident = self._incident(kind, good, reasons, account) if held else None
        try:
            await self.feeds.admit(good, incident)
        except BatchAlreadyAnswered:
            raise Refused(Quarantine.BATCH_REUSED.value) from None
        if held:
            return TakenIn(Taken.HELD, good.feed_id)
        return await self._apply(good, reading)

    async def _resume(self, known: FeedFile, sealed: bytes) -> TakenIn:
        """Finish what an earlier look began, if nothing is in the way any more."""
        if (known.channel, known.tenant) in await self.pauses.paused():
            return TakenIn(Taken.WAITING, known.feed_id)
        try:  # validated before, so it opens and fits; the same answers come out, to the letter
            with _going_on_with(known):
                reading = await self.reader(known, sealed)
        except NotYet:
            return TakenIn(Taken.WAITING, known.feed_id)
        except Refused as refused:  # unless our keys are other ones now
            return await self._stuck(known, refused.reason)
        return await self._apply(known, reading)

    async def _apply(self, file: FeedFile, reading: Reading) -> TakenIn:
        try:
            with _going_on_with(file):
                if not await self.apply(file, self.reader.records(reading)):
                    return TakenIn(Taken.WAITING, file.feed_id)
                await self.exchange.shelve(file.name, Shelf.DONE, file)
        except VaultRefused:
            return await self._stuck(file, VaultRefused.reason.value)
        return TakenIn(Taken.APPLIED, file.feed_id)

    async def _stuck(self, file: FeedFile, reason: str) -> TakenIn:
        """Nothing is lost: the file stays where it is, and goes on once an operator has acted."""
        await self.incidents.open(self._incident(ExceptionKind.APPLY_REFUSED, file, reason))
        return TakenIn(Taken.WAITING, file.feed_id)

    def _incident(
        self, kind: ExceptionKind, file: FeedFile, reason: str, account: str = ""
    ) -> Incident:
        return Incident(
            kind,
            file.feed_id,
            reason,
            opened_at=self.clock.now_us(),
            tenant=file.tenant,
            channel=file.channel,
            feed_id=file.feed_id,
            merchant_account=account,
        )


@contextmanager
def _going_on_with(file: FeedFile) -> Iterator[None]:
    """Say of whatever goes wrong which file it is about. Raises Stalled."""
    try:
        yield
    except (*ENDS_THE_TURN, VaultRefused, Refused, NotYet):
        raise
    except Exception as error:
        raise Stalled(file, error) from error


def _may_grow(refused: Refused, sealed: bytes) -> bool:
    """Tell whether a file may be cut off: it gets the time to become whole.

    A cut-off message can't be told from a damaged one. What opened is whole: the acquirer signed
    it as it is, though it may lack its end.
    """
    return refused.reason == SealFault.CIPHERTEXT_DAMAGED.value or not sealed
