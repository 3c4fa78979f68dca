"""Write an inquiry's file and send it: under one batch id, the same bytes or none."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from updater.domain.inquiry import AskedCard, Inquiry, InquiryState, Question, request_name
from updater.files.cybersource import write_request
from updater.files.cybersource_records import RequestFile, RequestHeader, RequestRecord, YearMonth
from updater.files.digits import Digits
from updater.usecases.choose import Channel
from updater.usecases.ports import (
    Cipher,
    Clock,
    Exchange,
    InquiryStore,
    Marks,
    NotRevealed,
    Revealed,
    Vault,
)

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
        """Return the inquiry as written, or EMPTY. Raises VaultUnavailable, VaultRefused."""
        questions = list((await self.inquiries.questions(inquiry.batch_id)).values())
        kept: list[Question] = []
        records: list[RequestRecord] = []
        dropped: dict[str, str] = {}
        for start in range(0, len(questions), _BATCH):
            part = questions[start : start + _BATCH]
            for question, shown in zip(part, await self._reveal(inquiry, part), strict=True):
                if isinstance(shown, NotRevealed):
                    dropped[question.reference] = shown.reason
                else:
                    kept.append(self._as_asked(question, shown))
                    records.append(_record(question.reference, shown))
        now = self.clock.now_us()
        if not kept:
            await self.inquiries.emptied(inquiry.batch_id, dropped, now)
            return replace(inquiry, state=InquiryState.EMPTY)
        header = RequestHeader(inquiry.merchant_id, inquiry.batch_id, self.channel.status_email)
        sealed = await self.cipher.seal(write_request(RequestFile(header, records)))
        done = replace(
            inquiry,
            state=InquiryState.WRITTEN,
            asked_at=now,
            file_name=request_name(inquiry),
            sha256=hashlib.sha256(sealed).hexdigest(),
            size=len(sealed),
            records=len(records),
        )
        await self.exchange.stage(done.file_name, sealed)
        await self.inquiries.written(done, kept, dropped)
        return done

    async def _reveal(
        self, inquiry: Inquiry, questions: Sequence[Question]
    ) -> Sequence[Revealed | NotRevealed]:
        # Cards behind one question hold one number: one of them is enough, and each reveal counts.
        tokens = [question.cards[0].token for question in questions]
        return await self.vault.reveal(inquiry.tenant, tokens)

    def _as_asked(self, question: Question, shown: Revealed) -> Question:
        """Take the version that was revealed as the one asked about, whatever was enrolled."""
        first, *others = question.cards
        current = shown.credential_version == first.credential_version
        cards = [AskedCard(shown.token, shown.credential_version), *(others if current else ())]
        mac = self.marks.number(question.reference, shown.number.reveal())
        return replace(question, cards=cards, number_mac=mac)


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


def _record(reference: str, shown: Revealed) -> RequestRecord:
    expiry = None if shown.expiry is None else YearMonth(shown.expiry.year, shown.expiry.month)
    return RequestRecord(Digits(shown.number.reveal()), expiry, reference)
