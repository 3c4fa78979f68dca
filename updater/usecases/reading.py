"""Open an answer file, find what it answers, and judge it whole: good, or refused with a reason."""

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from updater.domain.feed import UNSETTLED, FeedFile, Quarantine
from updater.domain.inquiry import Inquiry, InquiryState, batch_named
from updater.files.answers import ResponseHead
from updater.files.codec import Response
from updater.files.refusal import FileRefused
from updater.usecases.channel import Channel
from updater.usecases.correlate import Correlate, Told
from updater.usecases.matching import Case, Misfit
from updater.usecases.ports_exchange import Cipher, NotOpened
from updater.usecases.ports_store import FeedStore, InquiryStore
from updater.usecases.survey import Survey

# WRITTEN, too: after a crash between sending and noting it, the answer may be here first.
_ANSWERABLE: Final = frozenset(
    {InquiryState.WRITTEN, InquiryState.SENT, InquiryState.ANSWERED, InquiryState.EXPIRED}
)


class Refused(Exception):
    """A file that is to be set aside whole. Its text is the reason, never content."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.reason: Final = reason
        self.offset: Final = offset


class NotYet(Exception):
    """Another file of the batch isn't settled: this one waits, for it may repeat that one."""


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """A file that was found good: its plain text, what it answers, and how its rows agree."""

    plain: bytes
    case: Case
    survey: Survey


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads a channel's answer files."""

    channel: Channel
    cipher: Cipher
    inquiries: InquiryStore
    feeds: FeedStore
    correlate: Correlate

    async def __call__(self, file: FeedFile, sealed: bytes, *, anew: bool = False) -> Reading:
        """Read and judge a file; `anew` as if nothing of it was recorded, as a replay needs it.

        Raises Refused, NotYet.
        """
        try:
            plain = await self.cipher.open(sealed, limit=self.channel.codec.max_bytes)
            response = self.channel.codec.open_response(io.BytesIO(plain))
            case = await self._case(file, response.head, anew=anew)
            survey = await self.correlate.survey(response, case)
        except NotOpened as fault:
            raise Refused(fault.fault.value) from None
        except FileRefused as refused:
            raise Refused(f"FORM_{refused.reason.value}", refused.offset) from None
        except Misfit as misfit:
            raise Refused(misfit.reason.value, misfit.offset) from None
        return Reading(plain, case, survey)

    def records(self, reading: Reading) -> Iterator[Sequence[Told]]:
        """Yield what each record says that has no disposition yet, in the file's order."""
        case = reading.case
        response: Response = self.channel.codec.open_response(io.BytesIO(reading.plain))
        for record in response.records():
            if record.ordinal > case.behind:
                yield self.correlate(record, case, reading.survey)

    async def _case(self, file: FeedFile, head: ResponseHead, *, anew: bool) -> Case:
        inquiry = await self._inquiry(file.name, head)
        batch_id = inquiry.batch_id
        questions = await self.inquiries.questions(batch_id)
        if anew:
            return Case(file.feed_id, head, inquiry, questions)
        behind = await self.feeds.last_recorded(file.feed_id)
        others = [
            each for each in await self.feeds.of_batch(batch_id) if each.feed_id != file.feed_id
        ]
        if any(each.state in UNSETTLED for each in others):
            raise NotYet
        earlier: Mapping[str, Collection[str]] = {}
        if others and not head.part:
            earlier = await self.feeds.answered(batch_id)
        return Case(file.feed_id, head, inquiry, questions, earlier, behind)

    async def _inquiry(self, name: str, head: ResponseHead) -> Inquiry:
        """Return what a file answers: by its head, or by its name where the format has no id."""
        if self.channel.codec.batch_digits:
            found = await self.inquiries.by_wire(self.channel.name, head.batch)
        else:
            found = await self.inquiries.find(batch_named(name))
        if found is None or found.channel != self.channel.name:
            raise Refused(Quarantine.UNKNOWN_BATCH.value)
        if found.state not in _ANSWERABLE:
            raise Refused(Quarantine.BATCH_NOT_SENT.value)
        ours = self.channel.segments.get(found.network, "")
        if head.segment and head.segment.lstrip("0") != ours.lstrip("0"):  # filled with zeros
            raise Refused(Quarantine.WRONG_MERCHANT.value)
        return found
