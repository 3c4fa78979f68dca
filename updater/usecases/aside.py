"""Put files where they belong that bring nothing: the quarantine, or beside their double."""

import hashlib
import secrets
from dataclasses import dataclass, replace

from updater.domain.feed import (
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    Sighting,
)
from updater.domain.inquiry import batch_named
from updater.usecases.ports import Clock, Marks
from updater.usecases.ports_exchange import Cipher, Exchange, Shelf
from updater.usecases.ports_store import FeedStore, InquiryStore
from updater.usecases.reading import Refused


@dataclass(frozen=True, slots=True)
class Aside:
    """Keeps what was found, encrypted, and says so to an operator. `largest`: of sealed bytes."""

    channel: str
    cipher: Cipher
    exchange: Exchange
    inquiries: InquiryStore
    feeds: FeedStore
    marks: Marks
    clock: Clock
    largest: int

    def fresh(self, seen: Sighting, found: bytes) -> FeedFile:
        """Return a file as it is seen for the first time."""
        whole = len(found) <= self.largest
        if not whole:
            digest = f"unread:{seen.size}:{seen.modified_ns}:{seen.name}"
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

    async def quarantine(self, fresh: FeedFile, refused: Refused, found: bytes) -> FeedFile:
        """Set a file aside, and say so to an operator."""
        tenant = await self._claimed_tenant(fresh.name)
        aside = replace(
            fresh,
            state=FeedState.QUARANTINED,
            reason=refused.reason,
            offset=refused.offset,
            tenant=tenant,
        )
        incident = Incident(
            ExceptionKind.FILE_QUARANTINED,
            aside.feed_id,
            refused.reason,
            offset=refused.offset,
            opened_at=fresh.received_at,
            tenant=tenant,
            channel=self.channel,
            feed_id=aside.feed_id,
        )
        await self.feeds.add(aside, incident)
        await self.put(fresh.name, found, aside)
        return aside

    async def duplicate(self, fresh: FeedFile, first: FeedFile, found: bytes) -> FeedFile:
        """Note that known bytes came under another name, and do nothing else."""
        copy = replace(
            fresh, state=FeedState.DUPLICATE, tenant=first.tenant, duplicate_of=first.feed_id
        )
        await self.feeds.add(copy)
        await self.shelve(fresh.name, first, found)
        return copy

    async def shelve(self, name: str, first: FeedFile, found: bytes) -> None:
        """Put bytes that were dealt with in the very place of those that came first."""
        if first.state is FeedState.QUARANTINED:
            await self.put(name, found, first)
        else:
            await self.exchange.shelve(name, Shelf.DONE, first)

    async def put(self, name: str, found: bytes, file: FeedFile) -> None:
        """Move a file to the quarantine; what came in plain text is kept encrypted to ourselves.

        Of one that is too large to be read, and plain, nothing is kept.
        """
        instead = None
        if not self.cipher.is_sealed(found):
            evidence = found if len(found) <= self.largest else b""
            instead = await self.cipher.seal_for_ourselves(evidence)
        await self.exchange.shelve(name, Shelf.QUARANTINE, file, instead=instead)

    async def _claimed_tenant(self, name: str) -> str:
        """Return whose inquiry a file's name claims to answer: who gets to see what became of it.

        Its content has no say in this: it is not trusted.
        """
        claimed = batch_named(name)
        inquiry = await self.inquiries.find(claimed) if claimed else None
        return "" if inquiry is None or inquiry.channel != self.channel else inquiry.tenant
