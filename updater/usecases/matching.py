"""Which question a record of an answer file is about, and what of it counts when rows compare."""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from updater.domain.feed import Quarantine
from updater.domain.inquiry import Inquiry, ItemState, Question
from updater.files.answers import AnswerRecord, ResponseHead
from updater.files.digits import Digits
from updater.usecases.ports import Marks


class Misfit(Exception):
    """A file that doesn't fit what was asked. Names reason and byte offset, never content."""

    def __init__(self, reason: Quarantine, offset: int) -> None:
        super().__init__(f"{reason.value} at byte {offset}")
        self.reason: Final = reason
        self.offset: Final = offset


@dataclass(frozen=True, slots=True)
class Case:
    """One answer file, and the inquiry that it answers.

    `earlier` are the record MACs that the batch was answered with so far, by reference, where the
    format doesn't tell its files apart (`ResponseHead.part`). `behind` is the last record that has
    its dispositions: it is not 0 when a file is gone on with, and then `earlier` holds its own too.
    """

    feed_id: str
    head: ResponseHead
    inquiry: Inquiry
    questions: Mapping[str, Question]
    earlier: Mapping[str, Collection[str]] = field(default_factory=dict)
    behind: int = 0


class Tie(Enum):
    """How a record hangs together with what was asked."""

    ASKED = auto()
    ANOTHER_NUMBER = auto()
    """Under the reference of a question, and about another number than it."""
    UNASKED = auto()


@dataclass(frozen=True, slots=True)
class Match:
    """What a record is about. Rows with one `key` are about the same; it says nothing by itself."""

    tie: Tie
    key: bytes
    question: Question | None = None


class Matcher:
    """Finds the question of each record of one file.

    By the reference where the format echoes it, and by the keyed MAC of the number where not.
    Digests are under a key of this matcher's own, and serve to compare within one file only.
    """

    def __init__(self, marks: Marks, case: Case, *, by_reference: bool) -> None:
        self._marks: Final = marks
        self._batch_id: Final = case.inquiry.batch_id
        self._by_reference: Final = by_reference
        asked = {
            reference: question
            for reference, question in case.questions.items()
            if question.state is not ItemState.DROPPED and question.number_mac
        }
        by_number = {question.number_mac: question for question in asked.values()}
        self._questions: Final = asked if by_reference else by_number
        self._key: Final = secrets.token_bytes(32)

    def match(self, record: AnswerRecord) -> Match:
        """Return what a record is about."""
        old = record.old_number
        question = self._found(record)
        if question is None:
            # Without a number it is about nothing that others could be about, too.
            about = str(record.ordinal) if old is None else f"#{old.reveal()}"
            return Match(Tie.UNASKED, self._digest(about))
        if self._by_reference and old is not None and not self.is_asked_number(question, old):
            return Match(Tie.ANOTHER_NUMBER, self.number(old))
        return Match(Tie.ASKED, self._digest(question.reference), question)

    def is_asked_number(self, question: Question, digits: Digits) -> bool:
        """Tell whether a number is the one that a question was about."""
        return question.number_mac == self._mac(question.reference, digits)

    def number(self, digits: Digits) -> bytes:
        """Return what stands for a number: the key of the rows that are about it by number."""
        return self._digest(f"#{digits.reveal()}")

    def meaning(self, record: AnswerRecord) -> bytes:
        """Return what stands for what a record says: rows that differ in it contradict."""
        return self._digest_of(_said(record))

    def letter(self, record: AnswerRecord, reference: str) -> str:
        """Return the MAC that is kept of a record: equal for rows equal to the letter."""
        return self._marks.content(self._batch_id, reference, content(record))

    def _found(self, record: AnswerRecord) -> Question | None:
        if self._by_reference:
            return self._questions.get(record.reference)
        if record.old_number is None:
            return None
        return self._questions.get(self._mac("", record.old_number))

    def _mac(self, reference: str, digits: Digits) -> str:
        bound_to = reference if self._by_reference else self._batch_id
        return self._marks.number(bound_to, digits.reveal())

    def _digest(self, text: str) -> bytes:
        return self._digest_of(text.encode())

    def _digest_of(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=16, key=self._key).digest()


def content(record: AnswerRecord) -> bytes:
    """Return everything a record holds, so that no two records look alike."""
    sent = "" if record.previously_sent is None else str(record.previously_sent)
    return _said(record) + _joined(record.reference, record.merchant_id, sent, record.extra)


def _said(record: AnswerRecord) -> bytes:
    return _joined(
        record.network,
        record.code,
        record.reason,
        "" if record.old_number is None else record.old_number.reveal(),
        "" if record.new_number is None else record.new_number.reveal(),
        "" if record.old_expiry is None else "{:04}{:02}".format(*record.old_expiry),
        "" if record.new_expiry is None else "{:04}{:02}".format(*record.new_expiry),
        record.new_type,
    )


def _joined(*values: str) -> bytes:
    """Return values with their lengths before them."""
    return b"".join(
        len(raw).to_bytes(2, "big") + raw for raw in (value.encode() for value in values)
    )
