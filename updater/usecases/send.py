"""Write an inquiry's file and send it: under one batch id, the same bytes or none."""

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from updater.domain.enrolment import NotAsked
from updater.domain.inquiry import AskedCard, Inquiry, InquiryState, Question, request_name
from updater.files.answers import AskRecord, YearMonth
from updater.files.digits import Digits
from updater.usecases.channel import Channel
from updater.usecases.headers import head_of
from updater.usecases.ports import Clock, Marks
from updater.usecases.ports_exchange import Cipher, Exchange
from updater.usecases.ports_store import InquiryStore
from updater.usecases.ports_vault import NotRevealed, Revealed, Vault

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class WriteInquiry:
    """CREATED → WRITTEN: reveal, encode, encrypt, stage, and fix the digest.

    A crash before the last step leaves a staged file nobody looks at; it is written anew.
    """

    channel: Channel
    vault: Vault
    cipher: Cipher
    exchange: Exchange
    inquiries: InquiryStore
    marks: Marks
    clock: Clock

    async def __call__(self, inquiry: Inquiry) -> Inquiry:
        """Return the inquiry as written, or EMPTY.

        Raises VaultUnavailable, VaultRefused, and RecordInvalid for what the format has no room
        for: nothing is written then.
        """
        questions = list((await self.inquiries.questions(inquiry.batch_id)).values())
        sheet = _Sheet(self.marks, inquiry.batch_id, self.channel.codec.carries_reference)
        for start in range(0, len(questions), _BATCH):
            part = questions[start : start + _BATCH]
            for question, shown in zip(part, await self._reveal(inquiry, part), strict=True):
                sheet.add(question, self._checked(inquiry, shown))
        now = self.clock.now_us()
        if not sheet.asks:
            await self.inquiries.emptied(inquiry.batch_id, sheet.dropped, now)
            return replace(inquiry, state=InquiryState.EMPTY)
        sealed = await self.cipher.seal(await asyncio.to_thread(self._plain, inquiry, sheet, now))
        done = replace(
            inquiry,
            state=InquiryState.WRITTEN,
            asked_at=now,
            file_name=request_name(inquiry, self.channel.codec.request_suffix),
            sha256=hashlib.sha256(sealed).hexdigest(),
            size=len(sealed),
            records=len(sheet.asks),
        )
        await self.exchange.stage(done.file_name, sealed)
        await self.inquiries.written(done, list(sheet.kept.values()), sheet.dropped)
        return done

    def _plain(self, inquiry: Inquiry, sheet: "_Sheet", now: int) -> bytes:
        out = io.BytesIO()
        head = head_of(self.channel, inquiry, now=now)
        self.channel.codec.write_request(head, sheet.asks, len(sheet.asks), out)
        return out.getvalue()

    def _checked(self, inquiry: Inquiry, shown: Revealed | NotRevealed) -> Revealed | NotRevealed:
        """Leave out a card of another brand by now: this file has no place for it."""
        if isinstance(shown, NotRevealed):
            return shown
        served = shown.brand in self.channel.policy.brands
        if served and self.channel.network(shown.brand) == inquiry.network:
            return shown
        return NotRevealed(shown.token, NotAsked.BRAND_NOT_SERVED.value)

    async def _reveal(
        self, inquiry: Inquiry, questions: Sequence[Question]
    ) -> Sequence[Revealed | NotRevealed]:
        # Cards behind one question hold one number: one of them is enough, and each reveal counts.
        tokens = [question.cards[0].token for question in questions]
        return await self.vault.reveal(inquiry.tenant, tokens)


class _Sheet:
    """The questions of one file while it is written, by what an answer finds them by."""

    def __init__(self, marks: Marks, batch_id: str, by_reference: bool) -> None:  # noqa: FBT001
        self._marks: Final = marks
        self._batch_id: Final = batch_id
        self._by_reference: Final = by_reference
        self.kept: Final[dict[str, Question]] = {}
        self.asks: Final[list[AskRecord]] = []
        self.dropped: Final[dict[str, str]] = {}

    def add(self, question: Question, shown: Revealed | NotRevealed) -> None:
        """Take a question in, or note why it isn't asked.

        Where answers are found by number, one number is one question, for the cards of all.
        """
        if isinstance(shown, NotRevealed):
            self.dropped[question.reference] = shown.reason
            return
        bound_to = question.reference if self._by_reference else self._batch_id
        mac = self._marks.number(bound_to, shown.number.reveal())
        cards = _as_asked(question, shown)
        known = self.kept.get(mac)
        if known is not None:
            self.kept[mac] = replace(known, cards=[*known.cards, *cards])
            return
        self.kept[mac] = replace(question, cards=cards, number_mac=mac)
        self.asks.append(_record(question.reference, shown))


def _as_asked(question: Question, shown: Revealed) -> Sequence[AskedCard]:
    """Take the version that was revealed as the one asked about, whatever was enrolled."""
    first, *others = question.cards
    current = shown.credential_version == first.credential_version
    return [AskedCard(shown.token, shown.credential_version), *(others if current else ())]


@dataclass(frozen=True, slots=True)
class SendInquiry:
    """WRITTEN → SENT: the staged file gets its name. Repeatable after a crash anywhere."""

    exchange: Exchange
    inquiries: InquiryStore
    clock: Clock

    async def __call__(self, inquiry: Inquiry) -> None:
        """Send the file that `written` fixed, once."""
        await self.exchange.send(inquiry.file_name)
        await self.inquiries.sent(inquiry.batch_id, self.clock.now_us())


def _record(reference: str, shown: Revealed) -> AskRecord:
    expiry = None if shown.expiry is None else YearMonth(shown.expiry.year, shown.expiry.month)
    return AskRecord(reference, Digits(shown.number.reveal()), expiry, shown.brand)
