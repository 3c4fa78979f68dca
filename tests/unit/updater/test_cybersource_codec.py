"""`cybersource-au-csv`: published samples, refusals with offsets, and what is let pass.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from cards.brands import Brand
from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead, YearMonth
from updater.files.cybersource_csv import CybersourceCsv
from updater.files.cybersource_records import MAX_BYTES
from updater.files.digits import Digits
from updater.files.refusal import Diagnostic, FileFault, FileRefused, Oddity, RecordInvalid

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
CODEC = CybersourceCsv()
# The published sample of section 4.1; its second number fails Luhn, which is no codec's matter.
SAMPLE = (GOLDEN / "cybersource-au-csv.request").read_bytes()
ANSWERS = (GOLDEN / "cybersource-au-csv.response").read_bytes()
HEAD = b"H,cybs.au.response.pan,merchant1,001\n"
ROW = b"D,77,4111111111111111,11,27,,,,ref1,,CUR,800\n"
GOOD = HEAD + ROW + ROW.replace(b"ref1", b"ref2") + b"F,2\n"
MARCH_23RD = 1_237_766_400_000_000
REQUEST = RequestHead(
    merchant_id="merchant1",
    batch="001",
    status_email="notify@yourcompany.com",
    created=MARCH_23RD,
    info="My Jan Batch",
)
ASKS = [
    AskRecord("0001", Digits("1111222233334444"), YearMonth(2009, 11), Brand.UNKNOWN),
    AskRecord("0002", Digits("2222333344445555"), YearMonth(2009, 11), Brand.MASTERCARD),
]


def read(data: bytes) -> tuple[ResponseHead, list[AnswerRecord], list[Diagnostic]]:
    response = CODEC.open_response(BytesIO(data))
    records = list(response.records())
    return response.head, records, list(response.diagnostics)


def records_of(data: bytes) -> list[AnswerRecord]:
    return [replace(record, offset=0) for record in read(data)[1]]


def written(head: RequestHead, asks: list[AskRecord]) -> bytes:
    out = BytesIO()
    CODEC.write_request(head, asks, len(asks), out)
    return out.getvalue()


def test_the_published_samples_are_written_byte_for_byte() -> None:
    plain = written(REQUEST, ASKS) == SAMPLE
    aggregator = SAMPLE.replace(b",0001\n", b",0001,subId01\n").replace(b"2\nF", b"2,subId01\nF")
    subs = [replace(ask, sub_merchant="subId01") for ask in ASKS]
    same = written(REQUEST, subs) == aggregator
    assert plain
    assert same


def test_a_request_may_go_without_date_and_info() -> None:
    bare = written(replace(REQUEST, created=0, info=""), ASKS)
    assert bare.startswith(b"H,cybs.au.request.pan,merchant1,001,2,notify@yourcompany.com\nD,")
    assert CODEC.carried_merchant("merchant1", "") == "merchant1"


def test_answers_are_read() -> None:
    head, records, notes = read(ANSWERS)
    assert head == ResponseHead("merchant1", "001", "", None)
    assert [(record.code, record.reason) for record in records] == [
        *(("NAN", "800"), ("NAN", "800"), ("NED", "800"), ("ACL", "800")),
        *(("DEC", "862"), ("ERR", "806"), ("ZZ9", "800")),
    ]
    assert [record.known for record in records] == [True] * 6 + [False]
    right = records[0] == AnswerRecord(
        ordinal=1,
        offset=ANSWERS.index(b"D,77"),
        network="",
        code="NAN",
        reason="800",
        known=True,
        reference="ref1",
        merchant_id="",
        old_number=Digits("4111111111111111"),
        old_expiry=YearMonth(2027, 11),
        new_number=Digits("4242424242424242"),
        new_expiry=YearMonth(2030, 1),
        new_type="",
        previously_sent=None,
        extra="77,",
    )
    assert right
    assert [record.new_expiry for record in records[1:3]] == [None, YearMonth(2029, 12)]
    assert records[4].extra == "81,sub01"
    assert notes == [Diagnostic(Oddity.UNKNOWN_CODE, ANSWERS.index(b"D,83"))]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("final", [True, False], ids=["final-newline", "no-final-newline"])
def test_line_endings_may_be_either_and_the_last_may_be_absent(
    *, ending: bytes, final: bool
) -> None:
    data = GOOD.replace(b"\n", ending)
    same = records_of(data if final else data.removesuffix(ending)) == records_of(GOOD)
    assert same


REFUSED: dict[str, tuple[bytes, FileFault, int]] = {
    "empty": (b"", FileFault.EMPTY, 0),
    "too large": (HEAD + ROW * 250_000, FileFault.TOO_LARGE, MAX_BYTES),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, FileFault.BYTE_ORDER_MARK, 0),
    "nul": (GOOD.replace(b"ref1", b"re\0f"), FileFault.CONTROL_BYTE, GOOD.index(b"ref1") + 2),
    "trailing sub": (GOOD + b"\x1a", FileFault.CONTROL_BYTE, len(GOOD)),
    "tab": (GOOD.replace(b"ref1", b"\tref"), FileFault.CONTROL_BYTE, GOOD.index(b"ref1")),
    "ebcdic": (GOOD.decode().encode("cp500"), FileFault.NOT_ASCII, 0),
    "no-break space": (GOOD.replace(b"ref1", b"re\xa0f"), FileFault.NOT_ASCII, GOOD.index(b"f1")),
    "bare cr": (GOOD.replace(b"\n", b"\r"), FileFault.LINE_ENDING, len(HEAD) - 1),
    "mixed endings": (GOOD.replace(b"\n", b"\r\n", 1), FileFault.LINE_ENDING, len(HEAD + ROW)),
    "blank line": (HEAD + b"\n" + ROW + b"F,1\n", FileFault.BLANK_LINE, len(HEAD)),
    "long line": (HEAD + b"D," + b"1" * 1100 + b"\nF,1", FileFault.LINE_TOO_LONG, len(HEAD)),
    "quote in the tag": (HEAD + b'"D,1\nF,0\n', FileFault.QUOTING, len(HEAD)),
    "open quote": (HEAD + ROW.replace(b"ref1", b'"ref1') + b"F,1", FileFault.QUOTING, len(HEAD)),
    "embedded quote": (HEAD + ROW.replace(b"ref1", b'r"1') + b"F,1", FileFault.QUOTING, len(HEAD)),
    "doubled quote": (
        HEAD + ROW.replace(b"ref1", b'"r""1"') + b"F,1",
        FileFault.QUOTING,
        len(HEAD),
    ),
    "no header": (ROW + b"F,1\n", FileFault.HEADER_EXPECTED, 0),
    "two headers": (HEAD + HEAD + b"F,0\n", FileFault.SECOND_HEADER, len(HEAD)),
    "short header": (b"H,cybs.au.response.pan\nF,0\n", FileFault.COLUMN_COUNT, 0),
    "bare header": (b"H\nF,0\n", FileFault.WRONG_CLASSIFICATION, 1),
    "request for a response": (SAMPLE, FileFault.WRONG_DIRECTION, 2),
    "other class": (GOOD.replace(b".pan", b".ss"), FileFault.WRONG_CLASSIFICATION, 2),
    "unknown record": (HEAD + b"X,1\nF,0\n", FileFault.UNKNOWN_RECORD, len(HEAD)),
    "lower case tag": (HEAD + b"d,1\nF,0\n", FileFault.UNKNOWN_RECORD, len(HEAD)),
    "short row": (HEAD + b"D,77,41\nF,1\n", FileFault.COLUMN_COUNT, len(HEAD)),
    "long row": (HEAD + ROW.replace(b",800", b",800,") + b"F,1", FileFault.COLUMN_COUNT, len(HEAD)),
    "truncated": (HEAD + ROW, FileFault.TRUNCATED, len(HEAD + ROW)),
    "truncated in a row": (GOOD[: len(HEAD) + 20], FileFault.TRUNCATED, len(HEAD) + 20),
    "count one more": (HEAD + ROW + b"F,2\n", FileFault.COUNT_MISMATCH, len(HEAD + ROW)),
    "count one less": (HEAD + ROW + b"F,0\n", FileFault.COUNT_MISMATCH, len(HEAD + ROW)),
    "count of all lines": (HEAD + ROW + b"F,3\n", FileFault.COUNT_MISMATCH, len(HEAD + ROW)),
    "two trailers": (GOOD + b"F,2\n", FileFault.DATA_AFTER_TRAILER, len(GOOD)),
    "data after trailer": (GOOD + ROW, FileFault.DATA_AFTER_TRAILER, len(GOOD)),
    "trailer before details": (HEAD + b"F,1\n" + ROW, FileFault.DATA_AFTER_TRAILER, len(HEAD) + 4),
    "letters in the count": (HEAD + b"F,x\n", FileFault.FIELD_ALPHABET, len(HEAD) + 2),
}
FIELDS: dict[str, tuple[bytes, bytes, FileFault]] = {
    "number padded": (b"4111111111111111", b" 4111111111111111", FileFault.FIELD_ALPHABET),
    "number too long": (b"4111111111111111", b"4" * 20, FileFault.FIELD_TOO_LONG),
    "month 13": (b",11,27,", b",13,27,", FileFault.FIELD_VALUE),
    "half an expiry": (b",11,27,", b",11,,", FileFault.FIELD_VALUE),
    "one-digit month": (b",11,27,", b",1,27,", FileFault.FIELD_VALUE),
    "letters in a year": (b",11,27,", b",11,2x,", FileFault.FIELD_ALPHABET),
    "reference too long": (b"ref1", b"r" * 51, FileFault.FIELD_TOO_LONG),
    "code missing": (b"CUR", b"", FileFault.FIELD_MISSING),
    "code too long": (b"CUR", b"CURR", FileFault.FIELD_TOO_LONG),
    "letters in a reason": (b",800", b",8o0", FileFault.FIELD_ALPHABET),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_bad_answer_file_is_refused_whole_with_reason_and_offset(case: str) -> None:
    data, reason, offset = REFUSED[case]
    with pytest.raises(FileRefused) as refused:
        read(data)
    assert (refused.value.reason, refused.value.offset) == (reason, offset)


@pytest.mark.parametrize("case", FIELDS, ids=str)
def test_a_bad_field_is_refused_by_name_and_never_quoted(case: str) -> None:
    old, new, reason = FIELDS[case]
    with pytest.raises(FileRefused) as refused:
        read(HEAD + ROW.replace(old, new) + b"F,1\n")
    assert refused.value.reason is reason
    assert refused.value.field
    assert len(HEAD) <= refused.value.offset < len(HEAD) + len(ROW)
    assert not any(run in str(refused.value) for run in ("4111", "44444"))


def test_a_bad_head_is_refused_before_any_record_is_asked_for() -> None:
    with pytest.raises(FileRefused, match="WRONG_DIRECTION"):
        CODEC.open_response(BytesIO(SAMPLE))


def test_a_trailer_may_lack_its_count_or_have_more_than_is_published() -> None:
    bare = read(GOOD.replace(b"F,2", b"F"))[2]
    more = read(GOOD.replace(b"F,2", b"F,2,0,x"))[2]
    assert [note.oddity for note in bare] == [Oddity.TRAILER_WITHOUT_COUNT]
    assert [note.oddity for note in more] == [Oddity.TRAILER_WITH_MORE_FIELDS]


@pytest.mark.parametrize("month", [b"00", b"0", b""], ids=["zeros", "zero", "empty"])
def test_a_month_of_zero_is_an_absent_expiry(month: bytes) -> None:
    records = read(GOOD.replace(b",11,27,", b"," + month + b",27,"))[1]
    assert [record.old_expiry for record in records] == [None, None]


def test_two_digit_years_are_of_this_century() -> None:
    data = GOOD.replace(b",11,27,", b",12,99,", 1).replace(b",11,27,", b",01,00,")
    assert [record.old_expiry for record in read(data)[1]] == [(2099, 12), (2000, 1)]


def test_quotes_may_enclose_a_field_with_commas() -> None:
    data = written(replace(REQUEST, info="Jan, all of it"), ASKS)
    assert b',2009-03-23,"Jan, all of it"\n' in data
    assert [record.reference for record in read(GOOD.replace(b"ref1", b'"a,b"'))[1]] == [
        *("a,b", "ref2")
    ]


def test_a_value_without_a_place_in_the_file_is_not_written() -> None:
    with pytest.raises(RecordInvalid, match="reference"):
        written(REQUEST, [replace(ASKS[0], reference="r" * 51)])
    with pytest.raises(RecordInvalid, match="batch_id"):
        written(replace(REQUEST, batch="b1"), [])
    with pytest.raises(RecordInvalid, match="batch_id"):
        written(replace(REQUEST, batch="1" * 31), [])


def test_digits_are_compared_but_never_shown_or_serialised() -> None:
    number = Digits("4111111111111111")
    assert bool(number == Digits("4111111111111111"))
    assert hash(number) == hash(Digits("4111111111111111"))
    assert not any(char.isdigit() for char in f"{number!r}{number}")
    with pytest.raises(TypeError):
        number.__reduce__()
    with pytest.raises(ValueError, match="nineteen"):
        Digits("")
