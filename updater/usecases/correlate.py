"""Tie an answer file's records to what was asked, and say what each one means.

The whole file is judged before anything is applied: one record that answers no question of its
batch, or is about another number, sets the whole file aside.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cards.brands import brand_of
from cards.expiry import Expiry
from cards.pan import Pan, PanInvalid
from updater.domain.dispositions import NEVER_SENT
from updater.domain.feed import Answer, Quarantine
from updater.domain.inquiry import Inquiry, ItemState, Question
from updater.domain.mapping import (
    Datum,
    Key,
    Level,
    Network,
    Verdict,
    judge,
    network_of,
    outcome_of,
)
from updater.files.cybersource_records import ResponseFile, ResponseRecord, YearMonth
from updater.files.digits import Digits
from updater.usecases.ports import CardUpdate, Marks

MOST_TO_ONE: Final = 2
"""More numbers than this don't become one; a file that says so is broken, or worse."""


class Misfit(Exception):
    """A file that doesn't fit what was asked. Names reason and byte offset, never content."""

    def __init__(self, reason: Quarantine, offset: int) -> None:
        super().__init__(f"{reason.value} at byte {offset}")
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Told:
    """One record's answer for one card: what is kept of it, and what the vault is told.

    `update` is None where the answer isn't about the card at all.
    """

    answer: Answer
    update: CardUpdate | None


@dataclass(frozen=True, slots=True)
class Correlate:
    """Turn a parsed answer file into answers. Pure, and the same on every run."""

    channel: str
    marks: Marks

    def __call__(
        self,
        file: ResponseFile,
        inquiry: Inquiry,
        questions: Mapping[str, Question],
        feed_id: str,
    ) -> Sequence[Told]:
        """Return one Told per record and card, in the file's order. Raises Misfit."""
        if file.header.merchant_id != inquiry.merchant_id:
            raise Misfit(Quarantine.WRONG_MERCHANT, 0)
        told: list[Told] = []
        seen: dict[str, ResponseRecord] = {}
        renumbered: Counter[Digits] = Counter()
        for ordinal, (record, offset) in enumerate(
            zip(file.records, file.offsets, strict=True), start=1
        ):
            question = questions.get(record.reference)
            if question is None or question.state is ItemState.DROPPED:
                raise Misfit(Quarantine.UNASKED_ANSWER, offset)
            self._check_number(record, question, offset)
            first = seen.setdefault(record.reference, record)
            if first is not record:
                if first != record:
                    raise Misfit(Quarantine.ANSWERED_TWICE, offset)
                continue  # the same row once more says nothing more
            if record.new_number is not None and record.new_number != record.old_number:
                renumbered[record.new_number] += 1
                if renumbered[record.new_number] > MOST_TO_ONE:
                    raise Misfit(Quarantine.MANY_TO_ONE, offset)
            told += self._told(record, ordinal, inquiry, question, feed_id)
        return told

    def _check_number(self, record: ResponseRecord, question: Question, offset: int) -> None:
        if record.old_number is None:  # the reference alone ties it
            return
        mac = self.marks.number(question.reference, record.old_number.reveal())
        if mac != question.number_mac:
            raise Misfit(Quarantine.ANSWER_ABOUT_ANOTHER_NUMBER, offset)

    def _told(
        self,
        record: ResponseRecord,
        ordinal: int,
        inquiry: Inquiry,
        question: Question,
        feed_id: str,
    ) -> Iterator[Told]:
        number = _pan(record.new_number)
        verdict = self._verdict(record, number)
        update_id = self._update_id(record, inquiry.batch_id, ordinal)
        for card in question.cards:
            answer = Answer(
                ordinal=ordinal,
                token=card.token,
                reference=question.reference,
                update_id=update_id,
                outcome=verdict.outcome,
                raw_code=record.code.raw,
                raw_reason=record.reason,
                note=verdict.note,
            )
            if verdict.outcome in NEVER_SENT:
                yield Told(answer, None)
                continue
            yield Told(
                answer,
                CardUpdate(
                    update_id=update_id,
                    token=card.token,
                    credential_version=card.credential_version,
                    merchant_account=inquiry.merchant_account,
                    outcome=verdict.outcome,
                    new_number=number if verdict.takes_number else None,
                    new_expiry=_expiry(record.new_expiry) if verdict.takes_expiry else None,
                    asked_at=inquiry.asked_at,
                    channel=self.channel,
                    feed_id=feed_id,
                    ordinal=ordinal,
                    raw_code=f"{record.code.raw}/{record.reason}",
                ),
            )

    def _verdict(self, record: ResponseRecord, number: Pan | None) -> Verdict:
        old, new = record.old_number, record.new_number
        old_brand = None if old is None else brand_of(old.reveal())
        network = Network.ANY if old_brand is None else network_of(old_brand)
        key = Key(self.channel, network, Level.RECORD, record.code.raw, record.reason)
        if new is None:
            datum = Datum.ABSENT
        elif new == old:
            datum = Datum.SAME
        else:
            datum = Datum.INVALID if number is None else Datum.OTHER
        return judge(
            outcome_of(key),
            number=datum,
            brand_differs=number is not None and old_brand not in {None, number.brand},
            expiry=_expiry_datum(record.old_expiry, record.new_expiry),
        )

    def _update_id(self, record: ResponseRecord, batch_id: str, ordinal: int) -> str:
        """Channel, batch, ordinal and a *keyed* MAC: a plain hash could be guessed back."""
        mac = self.marks.record(self.channel, batch_id, ordinal, _content(record))
        return f"{self.channel}:{batch_id}:{ordinal}:{mac}"


def _pan(digits: Digits | None) -> Pan | None:
    try:
        return None if digits is None else Pan(digits.reveal())
    except PanInvalid:
        return None


def _expiry(value: YearMonth | None) -> Expiry | None:
    return None if value is None else Expiry(value.year, value.month)


def _expiry_datum(old: YearMonth | None, new: YearMonth | None) -> Datum:
    if new is None:
        return Datum.ABSENT
    return Datum.SAME if new == old else Datum.OTHER


def _content(record: ResponseRecord) -> bytes:
    """Return a record's values with their lengths, so that no two records look alike."""
    values = [
        record.code.raw,
        record.reason,
        record.reference,
        "" if record.old_number is None else record.old_number.reveal(),
        "" if record.new_number is None else record.new_number.reveal(),
        str(record.old_expiry or ""),
        str(record.new_expiry or ""),
        record.request_id,
        record.sub_merchant,
    ]
    return b"".join(
        len(raw).to_bytes(2, "big") + raw for raw in (value.encode("ascii") for value in values)
    )
