"""What the acquirer double answers in these tests."""

from cards.brands import Brand
from cards.pan import Pan
from cards.testcards import test_pan as number_for_test
from tests.doubles.feed_files import Question
from tests.doubles.updater_acquirer import answer, expiry_asked
from updater.files.answers import AnswerRecord, YearMonth
from updater.files.digits import Digits

NEW_EXPIRY = YearMonth(2031, 5)


def replacement(record: Question, brand: Brand) -> Digits:
    """Return another number, the same one each time the same card is asked about."""
    seed = int(record.number.reveal()[-6:-1]) + 50_000
    return Digits(number_for_test(brand, seed))


def new_number(record: Question) -> AnswerRecord:
    return answer(record, "NAN", new_number=replacement(record, Brand.VISA), new_expiry=NEW_EXPIRY)


def current(record: Question) -> AnswerRecord:
    return answer(record, "CUR", new_number=record.number, new_expiry=expiry_asked(record))


def mixed(record: Question) -> AnswerRecord | None:
    """Answer by the last digits but one of the number: every kind, and no answer at all."""
    kind = int(record.number.reveal()[-2]) % 8
    answers = (
        lambda: new_number(record),
        lambda: answer(record, "NED", new_number=record.number, new_expiry=NEW_EXPIRY),
        lambda: answer(record, "ACL"),
        lambda: answer(record, "CCH"),
        lambda: answer(
            record,
            "NAN",
            new_number=replacement(record, Brand.MASTERCARD),
            new_expiry=NEW_EXPIRY,
        ),
        lambda: current(record),
        lambda: answer(record, "ERR", "811"),
        lambda: None,
    )
    return answers[kind]()


def pan(digits: Digits) -> Pan:
    return Pan(digits.reveal())
