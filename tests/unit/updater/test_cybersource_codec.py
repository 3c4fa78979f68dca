"""`cybersource-au-csv`: published samples, refusals with offsets, and any bytes at all."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.updater.strategies import REQUESTS, responses
from updater.files.cybersource import (
    read_request,
    read_response,
    write_request,
    write_response,
)
from updater.files.cybersource_records import (
    MAX_BYTES,
    Code,
    RequestFile,
    RequestHeader,
    RequestRecord,
    ResponseFile,
    YearMonth,
)
from updater.files.digits import Digits
from updater.files.refusal import FileFault, FileRefused, Oddity, RecordInvalid

# The published samples of section 4.1; the second number fails Luhn, which is no codec's matter.
SAMPLE = (
    b"H,cybs.au.request.pan,merchant1,001,2,notify@yourcompany.com,2009-03-23,My Jan Batch\n"
    b"D,1111222233334444,11,09,0001\n"
    b"D,2222333344445555,11,09,0002\n"
    b"F\n"
)
AGGREGATOR = SAMPLE.replace(b",0001\n", b",0001,subId01\n").replace(b",0002\n", b",0002,subId01\n")
HEAD = b"H,cybs.au.response.pan,merchant1,001\n"
ROW = b"D,77,4111111111111111,11,27,,,,ref1,,CUR,800\n"
GOOD = HEAD + ROW + ROW.replace(b"ref1", b"ref2") + b"F,2\n"


@pytest.mark.parametrize("sample", [SAMPLE, AGGREGATOR], ids=["plain", "aggregator"])
def test_the_published_samples_are_read_and_written_back_byte_for_byte(sample: bytes) -> None:
    file = read_request(sample)
    assert write_request(file) == sample
    assert file.header.batch_info == "My Jan Batch"
    assert [record.expiry for record in file.records] == [YearMonth(2009, 11)] * 2


def test_an_answer_file_is_read_and_written_back_byte_for_byte() -> None:
    file = read_response(GOOD)
    assert write_response(file) == GOOD
    assert file.offsets == (len(HEAD), len(HEAD + ROW))
    assert file.count == 2


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("final", [True, False], ids=["final-newline", "no-final-newline"])
def test_line_endings_may_be_either_and_the_last_may_be_absent(
    *, ending: bytes, final: bool
) -> None:
    data = GOOD.replace(b"\n", ending)
    data = data if final else data.removesuffix(ending)
    assert read_response(data).records == read_response(GOOD).records


REFUSED: dict[str, tuple[bytes, FileFault, int]] = {
    "empty": (b"", FileFault.EMPTY, 0),
    "too large": (GOOD.ljust(MAX_BYTES + 1), FileFault.TOO_LARGE, MAX_BYTES),
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
        read_response(data)
    assert (refused.value.reason, refused.value.offset) == (reason, offset)


@pytest.mark.parametrize("case", FIELDS, ids=str)
def test_a_bad_field_is_refused_by_name_and_never_quoted(case: str) -> None:
    old, new, reason = FIELDS[case]
    with pytest.raises(FileRefused) as refused:
        read_response(HEAD + ROW.replace(old, new) + b"F,1\n")
    assert refused.value.reason is reason
    assert refused.value.field
    assert len(HEAD) <= refused.value.offset < len(HEAD) + len(ROW)
    assert not any(run in str(refused.value) for run in ("4111", "44444"))


def test_a_request_with_a_wrong_count_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        read_request(SAMPLE.replace(b",001,2,", b",001,3,"))
    assert refused.value.reason is FileFault.COUNT_MISMATCH


def test_an_answer_is_no_request_and_a_bad_date_is_none() -> None:
    with pytest.raises(FileRefused) as way:
        read_request(GOOD)
    assert way.value.reason is FileFault.WRONG_DIRECTION
    with pytest.raises(FileRefused) as day:
        read_request(SAMPLE.replace(b"2009-03-23", b"2009-02-30"))
    assert day.value.reason is FileFault.FIELD_VALUE


def test_an_unknown_code_is_kept_and_noted_never_an_error() -> None:
    file = read_response(GOOD.replace(b"CUR", b"ZZ9", 1))
    assert str(file.records[0].code) == "UNKNOWN(ZZ9)"
    assert [(note.oddity, note.offset) for note in file.diagnostics] == [
        (Oddity.UNKNOWN_CODE, len(HEAD))
    ]


def test_a_trailer_may_lack_its_count_or_have_more_than_is_published() -> None:
    bare = read_response(GOOD.replace(b"F,2", b"F"))
    more = read_response(GOOD.replace(b"F,2", b"F,2,0,x"))
    assert bare.count is None
    assert [note.oddity for note in bare.diagnostics] == [Oddity.TRAILER_WITHOUT_COUNT]
    assert [note.oddity for note in more.diagnostics] == [Oddity.TRAILER_WITH_MORE_FIELDS]


@pytest.mark.parametrize("month", [b"00", b"0", b""], ids=["zeros", "zero", "empty"])
def test_a_month_of_zero_is_an_absent_expiry(month: bytes) -> None:
    file = read_response(GOOD.replace(b",11,27,", b"," + month + b",27,"))
    assert [record.old_expiry for record in file.records] == [None, None]


def test_two_digit_years_are_of_this_century() -> None:
    file = read_response(GOOD.replace(b",11,27,", b",12,99,", 1).replace(b",11,27,", b",01,00,"))
    assert [record.old_expiry for record in file.records] == [(2099, 12), (2000, 1)]


def test_quotes_may_enclose_a_field_with_commas() -> None:
    file = read_request(SAMPLE.replace(b"My Jan Batch", b'"Jan, all of it"'))
    assert file.header.batch_info == "Jan, all of it"
    assert read_request(write_request(file)) == file


def test_a_value_without_a_place_in_the_file_is_not_written() -> None:
    header = RequestHeader("merchant1", "1", "a@example.org")
    record = RequestRecord(Digits("1"), reference="r" * 51)
    with pytest.raises(RecordInvalid, match="reference"):
        write_request(RequestFile(header, [record]))
    with pytest.raises(RecordInvalid, match="month"):
        write_request(RequestFile(header, [RequestRecord(Digits("1"), YearMonth(2150, 1))]))
    with pytest.raises(RecordInvalid, match="batch_id"):
        write_request(RequestFile(replace(header, batch_id="b1"), []))
    with pytest.raises(RecordInvalid, match="10 MB"):
        write_request(
            RequestFile(header, [RequestRecord(Digits("1" * 19), reference="r" * 50)] * 140_000)
        )


def test_digits_are_compared_but_never_shown_or_serialised() -> None:
    number = Digits("4111111111111111")
    assert bool(number == Digits("4111111111111111"))
    assert hash(number) == hash(Digits("4111111111111111"))
    assert not any(char.isdigit() for char in f"{number!r}{number}")
    with pytest.raises(TypeError):
        number.__reduce__()
    with pytest.raises(ValueError, match="nineteen"):
        Digits("")


@given(REQUESTS)
def test_any_request_survives_writing_and_reading(file: RequestFile) -> None:
    same = read_request(write_request(file)) == file
    assert same


@given(responses())
def test_any_answer_survives_writing_and_reading(file: ResponseFile) -> None:
    again = read_response(write_response(file))
    same = (again.header, again.records, again.count) == (file.header, file.records, file.count)
    assert same


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_request, read_response):
        with contextlib.suppress(FileRefused):
            read(data)


@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_what_is_read_writes_back(
    data: st.DataObject,
) -> None:
    good = bytearray(write_response(data.draw(responses())))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        if not good:
            break
    offset = 0
    try:
        file = read_response(bytes(good))
        same = read_response(write_response(file)).records == file.records
    except FileRefused as refused:
        offset, same = refused.offset, True
    assert same
    assert 0 <= offset <= len(good)


def test_a_published_code_is_known() -> None:
    assert Code("NAN").known
    assert not Code("nan").known
