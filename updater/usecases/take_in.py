"""Take in one file of the inbox: in whole or not at all, once, whatever crashes in between."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from updater.domain.errors import BatchAlreadyAnswered, VaultRefused
from updater.domain.feed import (
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    Quarantine,
    Sighting,
)
from updater.domain.inquiry import InquiryState
from updater.files.cybersource import read_response
from updater.files.cybersource_records import MAX_BYTES, ResponseFile
from updater.files.refusal import FileRefused
from updater.usecases.apply import Apply
from updater.usecases.correlate import Correlate, Misfit, Told
from updater.usecases.ports import (
    Cipher,
    Clock,
    Exchange,
    FeedStore,
    IncidentStore,
    InquiryStore,
    Marks,
    NotOpened,
    SealFault,
    Shelf,
)

MAX_SEALED: int = MAX_BYTES * 2  # armour and packet framing included; larger is never read
# WRITTEN, too: after a crash between sending and noting it, the answer may be here first.
_ANSWERABLE = frozenset(
    {InquiryState.WRITTEN, InquiryState.SENT, InquiryState.ANSWERED, InquiryState.EXPIRED}
)


# Why a file was set aside that may open once our keys, or the acquirer's, are the right ones.
_KEYS = frozenset({SealFault.WRONG_KEY.value, SealFault.BAD_SIGNATURE.value})


class Taken(StrEnum):
    """What became of a file at this look."""

    APPLIED = "APPLIED"
    QUARANTINED = "QUARANTINED"
    DUPLICATE = "DUPLICATE"
    WAITING = "WAITING"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The outcome for one file; `feed_id` is empty while it waits."""

    taken: Taken
    feed_id: str = ""


class _Refused(Exception):
    """Leads a refusal to where the file is set aside. Never leaves this module."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class _Incomplete(Exception):
    """The file may still be on its way. Never leaves this module."""


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Open, parse and validate a file as a whole, keep its answers, apply them, shelve it.

    Each step finds what an interrupted run left: a file is known by the digest of its bytes, its
    state says how far it got, and the vault drops what it was told before.
    """

    channel: str
    cipher: Cipher
    exchange: Exchange
    inquiries: InquiryStore
    feeds: FeedStore
    incidents: IncidentStore
    marks: Marks
    correlate: Correlate
    apply: Apply
    clock: Clock
    patience: int = 4  # looks at an unchanged file that doesn't open before it is set aside

    async def __call__(self, seen: Sighting) -> TakenIn:
        """Deal with one file that has stopped growing. Raises VaultUnavailable: try again."""
        sealed = await self.exchange.read(seen.name, limit=MAX_SEALED + 1)
        if sealed is None:
            return TakenIn(Taken.GONE)
        fresh = self._fresh(seen, sealed)
        known = await self.feeds.by_digest(self.channel, fresh.sha256)
        same = next((file for file in known if file.name == fresh.name), None)
        if same is not None:
            return await self._resume(same, sealed)
        if known and known[0].state is FeedState.VALIDATED:
            # Not applied yet, and maybe gone under its own name: its bytes are here all the same.
            # The copy is noted at the next look.
            return await self._resume(known[0], sealed)
        if known and _may_open_now(known[0]):
            return await self._again(replace(known[0], name=fresh.name), sealed)
        if known:
            return await self._duplicate(fresh, sealed, known[0])
        if len(sealed) > MAX_SEALED:
            return await self._quarantine(fresh, _Refused(Quarantine.TOO_LARGE.value), sealed)
        return await self._first_time(fresh, sealed, patient=seen.polls < self.patience)

    async def _first_time(self, fresh: FeedFile, sealed: bytes, *, patient: bool) -> TakenIn:
        try:
            file = await self._parse(sealed, patient=patient)
            told, checked = await self._validate(file, fresh)
            await self.feeds.admit(checked, [each.answer for each in told])
        except _Incomplete:
            return TakenIn(Taken.WAITING)
        except _Refused as refused:
            return await self._quarantine(fresh, refused, sealed)
        except BatchAlreadyAnswered:
            return await self._quarantine(fresh, _Refused(Quarantine.BATCH_REUSED.value), sealed)
        return await self._apply(checked, told)

    async def _parse(self, sealed: bytes, *, patient: bool) -> ResponseFile:
        try:
            return read_response(await self.cipher.open(sealed))
        except NotOpened as fault:
            # A cut-off file can't be told from a damaged one: it gets the time to become whole.
            if patient and fault.fault is SealFault.CIPHERTEXT_DAMAGED:
                raise _Incomplete from None
            raise _Refused(fault.fault.value) from None
        except FileRefused as refused:
            raise _Refused(f"FORM_{refused.reason.value}", refused.offset) from None

    async def _validate(
        self, file: ResponseFile, fresh: FeedFile
    ) -> tuple[Sequence[Told], FeedFile]:
        inquiry = await self.inquiries.find(file.header.batch_id)
        if inquiry is None or inquiry.channel != self.channel:
            raise _Refused(Quarantine.UNKNOWN_BATCH.value)
        if inquiry.state not in _ANSWERABLE:
            raise _Refused(Quarantine.BATCH_NOT_SENT.value)
        questions = await self.inquiries.questions(inquiry.batch_id)
        try:
            told = self.correlate(file, inquiry, questions, fresh.feed_id)
        except Misfit as misfit:
            raise _Refused(misfit.reason.value, misfit.offset) from None
        return told, replace(
            fresh,
            batch_id=inquiry.batch_id,
            tenant=inquiry.tenant,
            records=len(file.records),
        )

    async def _apply(self, file: FeedFile, told: Sequence[Told]) -> TakenIn:
        try:
            await self.apply(file, told)
        except VaultRefused:
            return await self._stuck(file, VaultRefused.reason.value)
        await self.exchange.shelve(file.name, Shelf.DONE)
        return TakenIn(Taken.APPLIED, file.feed_id)

    async def _stuck(self, file: FeedFile, reason: str) -> TakenIn:
        """Nothing is lost: the file stays where it is, and goes on once an operator has acted."""
        now = self.clock.now_us()
        kind = ExceptionKind.APPLY_REFUSED
        await self.incidents.open(Incident(kind, file.feed_id, reason, opened_at=now))
        return TakenIn(Taken.WAITING, file.feed_id)

    async def _resume(self, known: FeedFile, sealed: bytes) -> TakenIn:
        """Finish what an earlier run began, or shelve what is delivered again."""
        if _may_open_now(known):
            return await self._again(known, sealed)
        if known.state is FeedState.QUARANTINED:
            await self._put_aside(known.name, sealed)
            return TakenIn(Taken.QUARANTINED, known.feed_id)
        if known.state is not FeedState.VALIDATED:
            await self.exchange.shelve(known.name, Shelf.DONE)
            return TakenIn(Taken.DUPLICATE, known.feed_id)
        try:  # validated before, so it opens and fits; the same answers come out, to the letter
            file = await self._parse(sealed, patient=False)
            told, _ = await self._validate(file, known)
        except _Refused as refused:  # unless our keys are other ones now
            return await self._stuck(known, refused.reason)
        return await self._apply(known, told)

    async def _again(self, known: FeedFile, sealed: bytes) -> TakenIn:
        """Take in what was set aside for its keys and has been delivered again."""
        fresh = replace(known, state=FeedState.VALIDATED, reason="", offset=0)
        try:
            file = await self._parse(sealed, patient=False)
            told, checked = await self._validate(file, fresh)
            await self.feeds.admit(checked, [each.answer for each in told])
        except (_Refused, BatchAlreadyAnswered):
            await self._put_aside(known.name, sealed)
            return TakenIn(Taken.QUARANTINED, known.feed_id)
        return await self._apply(checked, told)

    async def _duplicate(self, fresh: FeedFile, sealed: bytes, first: FeedFile) -> TakenIn:
        """Note that known bytes came under another name, and do nothing else."""
        copy = replace(
            fresh, state=FeedState.DUPLICATE, tenant=first.tenant, duplicate_of=first.feed_id
        )
        await self.feeds.add(copy)
        if first.state is FeedState.QUARANTINED:
            await self._put_aside(fresh.name, sealed)
        else:
            await self.exchange.shelve(fresh.name, Shelf.DONE)
        return TakenIn(Taken.DUPLICATE, copy.feed_id)

    async def _quarantine(self, fresh: FeedFile, refused: _Refused, sealed: bytes) -> TakenIn:
        """Set a file aside, and say so to an operator."""
        aside = replace(
            fresh,
            state=FeedState.QUARANTINED,
            reason=refused.reason,
            offset=refused.offset,
            tenant=await self._claimed_tenant(fresh.name),
        )
        incident = Incident(
            ExceptionKind.FILE_QUARANTINED,
            aside.feed_id,
            refused.reason,
            offset=refused.offset,
            opened_at=fresh.received_at,
        )
        await self.feeds.add(aside, incident)
        await self._put_aside(fresh.name, sealed)
        return TakenIn(Taken.QUARANTINED, aside.feed_id)

    async def _claimed_tenant(self, name: str) -> str:
        """Return whose inquiry a file's name claims to answer: who gets to see what became of it.

        Its content has no say in this: it is not trusted.
        """
        parts = name.split(".")
        inquiry = await self.inquiries.find(parts[1]) if len(parts) > 1 else None
        return "" if inquiry is None else inquiry.tenant

    async def _put_aside(self, name: str, found: bytes) -> None:
        """Move a file to the quarantine; what came in plain text is kept encrypted to ourselves.

        Of one that is too large to be read, and plain, nothing is kept.
        """
        instead = None
        if not self.cipher.is_sealed(found):
            evidence = found if len(found) <= MAX_SEALED else b""
            instead = await self.cipher.seal_for_ourselves(evidence)
        await self.exchange.shelve(name, Shelf.QUARANTINE, instead=instead)

    def _fresh(self, seen: Sighting, found: bytes) -> FeedFile:
        whole = len(found) <= MAX_SEALED
        if not whole:
            digest = f"unread:{seen.size}:{seen.name}"
        elif self.cipher.is_sealed(found):
            digest = hashlib.sha256(found).hexdigest()
        else:  # an unkeyed hash of card numbers could be guessed back
            digest = f"mac:{self.marks.file(found)}"
        return FeedFile(
            feed_id=f"feed_{secrets.token_hex(12)}",
            channel=self.channel,
            name=seen.name,
            size=len(found) if whole else seen.size,
            sha256=digest,
            state=FeedState.VALIDATED,
            received_at=self.clock.now_us(),
        )


def _may_open_now(known: FeedFile) -> bool:
    return known.state is FeedState.QUARANTINED and known.reason in _KEYS
