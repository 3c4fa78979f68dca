"""What a record of an answer file says, after its code and its data: the same in every reading."""

from dataclasses import dataclass
from typing import Protocol

from cards.brands import Brand, brand_of
from cards.expiry import Expiry
from cards.pan import Pan, PanInvalid
from cards.testcards import is_test_number
from updater.domain.inquiry import Question
from updater.domain.mapping import (
    Datum,
    Key,
    Level,
    Verdict,
    judge,
    network_for,
    outcome_of,
    type_contradicts,
)
from updater.files.answers import AnswerRecord, YearMonth
from updater.files.digits import Digits
from updater.usecases.channel import Channel


class Knows(Protocol):
    """Whoever can tell the number that was asked about."""

    def is_asked_number(self, question: Question, digits: Digits) -> bool:
        """Tell whether a number is the one that a question was about."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges records of one channel: by its format's codes, and by what may be a card's number."""

    channel: Channel

    def __call__(self, record: AnswerRecord, question: Question | None, knows: Knows) -> Verdict:
        """Return what a record says. `question` is what it was found to be about, if any."""
        old, new = _brand(record.old_number), _brand(record.new_number)
        network = network_for(record.network, old)
        key = Key(self.channel.codec.name, network, Level.RECORD, record.code, record.reason)
        digits = "" if record.new_number is None else record.new_number.reveal()
        return judge(
            outcome_of(key),
            number=_number(record, question, knows),
            brand_differs=new is not None and old not in {None, new},
            expiry=_expiry(record),
            brand_unknown=new is Brand.UNKNOWN,
            test_number=not self.channel.takes_test_numbers and is_test_number(digits),
            type_differs=type_contradicts(record.new_type, new),
        )


def pan_of(digits: Digits | None) -> Pan | None:
    """Return a number that passed its checks, or None."""
    try:
        return None if digits is None else Pan(digits.reveal())
    except PanInvalid:
        return None


def expiry_of(value: YearMonth | None) -> Expiry | None:
    """Return a file's expiry as a card's."""
    return None if value is None else Expiry(value.year, value.month)


def _brand(digits: Digits | None) -> Brand | None:
    return None if digits is None else brand_of(digits.reveal())


def _number(record: AnswerRecord, question: Question | None, knows: Knows) -> Datum:
    old, new = record.old_number, record.new_number
    if new is None:
        return Datum.ABSENT
    if new == old:
        return Datum.SAME
    if old is None and question is not None and knows.is_asked_number(question, new):
        return Datum.SAME
    return Datum.INVALID if pan_of(new) is None else Datum.OTHER


def _expiry(record: AnswerRecord) -> Datum:
    if record.new_expiry is None:
        return Datum.ABSENT
    return Datum.SAME if record.new_expiry == record.old_expiry else Datum.OTHER
