"""`mes-aus-124`: goldens built from section 4.4b, both directions, and what is refused where.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from cards.brands import Brand
from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead, YearMonth
from updater.files.digits import Digits
from updater.files.mes_aus import MesAus
from updater.files.refusal import FileFault, FileRefused, RecordInvalid

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
CODEC = MesAus()
GOOD = (GOLDEN / "mes-aus-124.response").read_bytes()
ASKED = (GOLDEN / "mes-aus-124.request").read_bytes()
HEADER, *DETAILS, TRAILER = GOOD.splitlines(keepends=True)
HEAD, ROW = len(HEADER), len(DETAILS[0])
END = HEAD + 6 * ROW
VISA, MASTERCARD = Digits("4111111111111111"), Digits("5555555555554444")


def read(data: bytes) -> tuple[ResponseHead, list[AnswerRecord]]:
    response = CODEC.open_response(BytesIO(data))
    return response.head, list(response.records())


def at(position: int, value: bytes) -> bytes:
    """Return the answers with other bytes at a position, from 1, of the first detail."""
    start = HEAD + position - 1
    return GOOD[:start] + value + GOOD[start + len(value) :]


def joined(*parts: bytes) -> bytes:
    return b"".join(parts)


def test_answers_are_read() -> None:
    head, records = read(GOOD)
    assert head == ResponseHead("94100009999900000012", "", "", None)
    assert [record.code for record in records] == [
        *("NEWACCT", "NEWACCT", "NEWEXP", "CLOSED", "CALL", "NOMATCH")
    ]
    assert [record.known for record in records] == [True] * 5 + [False]
    right = records[0] == AnswerRecord(
        ordinal=1,
        offset=HEAD,
        network="",
        code="NEWACCT",
        reason="",
        known=True,
        reference="refaaaaaaaaaaaaaaaaaaaaa",
        merchant_id="",
        old_number=VISA,
        old_expiry=YearMonth(2027, 11),
        new_number=Digits("4242424242424242"),
        new_expiry=YearMonth(2030, 1),
        new_type="VISA",
        previously_sent=None,
        extra="VISAVI",
    )
    assert right
    assert [record.new_type for record in records] == ["VISA", "VISA", "MC", "", "", ""]
    assert records[1].extra == "MC  MC"
    assert [record.new_expiry for record in records[3:]] == [None, None, None]


REQUEST = RequestHead(merchant_id="94100009999900000012", batch="")
ASKS = [
    AskRecord("refaaaaaaaaaaaaaaaaaaaaa", VISA, YearMonth(2027, 11), Brand.VISA),
    AskRecord("refbbbbbbbbbbbbbbbbbbbbb", MASTERCARD, None, Brand.MASTERCARD),
]


def written(head: RequestHead, asks: list[AskRecord]) -> bytes:
    out = BytesIO()
    CODEC.write_request(head, asks, len(asks), out)
    return out.getvalue()


def test_a_request_is_written_as_the_specification_has_it() -> None:
    same = written(REQUEST, ASKS) == ASKED
    maestro = written(REQUEST, [ASKS[0], replace(ASKS[1], brand=Brand.MAESTRO)]) == ASKED
    assert same
    assert maestro
    assert CODEC.carried_merchant(REQUEST.merchant_id, "") == REQUEST.merchant_id


@pytest.mark.parametrize("brand", [Brand.DISCOVER, Brand.AMEX], ids=str)
def test_a_brand_without_a_published_type_is_not_asked_for(brand: Brand) -> None:
    with pytest.raises(RecordInvalid, match="no account type"):
        written(REQUEST, [replace(ASKS[0], brand=brand)])


def test_what_has_no_place_is_not_written() -> None:
    with pytest.raises(RecordInvalid, match="reference"):
        written(REQUEST, [replace(ASKS[0], reference="r" * 33)])
    with pytest.raises(RecordInvalid, match="merchant_id"):
        written(replace(REQUEST, merchant_id="m" * 33), ASKS)


REFUSED = {
    "count one more": (joined(HEADER, *DETAILS, b"T1000007"), FileFault.COUNT_MISMATCH, END + 2),
    "count one less": (joined(HEADER, *DETAILS, b"T1000005"), FileFault.COUNT_MISMATCH, END + 2),
    "count of all": (joined(HEADER, *DETAILS, b"T1000008\n"), FileFault.COUNT_MISMATCH, END + 2),
    "no trailer": (joined(HEADER, *DETAILS), FileFault.TRUNCATED, END),
    "short trailer": (joined(HEADER, *DETAILS, b"T10000"), FileFault.TRUNCATED, END + 6),
    "short trailer line": (joined(HEADER, *DETAILS, b"T10\n"), FileFault.RECORD_LENGTH, END),
    "header alone": (HEADER, FileFault.TRUNCATED, HEAD),
    "half a header": (HEADER[:20], FileFault.TRUNCATED, 20),
    "trailer before details": (
        joined(HEADER, TRAILER, *DETAILS),
        FileFault.DATA_AFTER_TRAILER,
        HEAD + len(TRAILER),
    ),
    "two trailers": (GOOD + TRAILER, FileFault.DATA_AFTER_TRAILER, len(GOOD)),
    "data after trailer": (GOOD + DETAILS[0], FileFault.DATA_AFTER_TRAILER, len(GOOD)),
    "two headers": (joined(HEADER, HEADER, TRAILER), FileFault.SECOND_HEADER, HEAD),
    "no header": (joined(*DETAILS, TRAILER), FileFault.HEADER_EXPECTED, 0),
    "other header": (b"H2" + GOOD[2:], FileFault.FIELD_VALUE, 0),
    "no merchant": (b"H1100000".ljust(40) + GOOD[40:], FileFault.FIELD_MISSING, 8),
    "request": (ASKED, FileFault.WRONG_DIRECTION, HEAD),
    "unknown record": (joined(HEADER, b"X1\n", TRAILER), FileFault.UNKNOWN_RECORD, HEAD),
    "short detail": (joined(HEADER, DETAILS[0][1:], TRAILER), FileFault.UNKNOWN_RECORD, HEAD),
    "cut detail": (
        joined(HEADER, DETAILS[0][:-2], b"\n", TRAILER),
        FileFault.RECORD_LENGTH,
        HEAD,
    ),
    "long detail": (
        joined(HEADER, DETAILS[0][:-1], b" \n", TRAILER),
        FileFault.RECORD_LENGTH,
        HEAD,
    ),
    "no line ends": (GOOD.replace(b"\n", b""), FileFault.RECORD_LENGTH, 0),
    "mixed endings": (GOOD.replace(b"\n", b"\r\n", 1), FileFault.LINE_ENDING, HEAD + ROW),
    "blank line": (joined(HEADER, b"\n", *DETAILS, TRAILER), FileFault.BLANK_LINE, HEAD),
    "trailing sub": (GOOD + b"\x1a", FileFault.CONTROL_BYTE, len(GOOD)),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, FileFault.BYTE_ORDER_MARK, 0),
    "ebcdic": (GOOD.decode().encode("cp500"), FileFault.NOT_ASCII, 0),
    "no-break space": (at(60, b"\xa0"), FileFault.NOT_ASCII, HEAD + 59),
    "empty": (b"", FileFault.EMPTY, 0),
    "no number": (at(7, b" " * 32), FileFault.FIELD_MISSING, HEAD + 6),
    "number indented": (at(7, b" 4"), FileFault.FIELD_ALPHABET, HEAD + 6),
    "gateway card id": (at(7, b"f00"), FileFault.FIELD_ALPHABET, HEAD + 6),
    "number of 20 digits": (at(47, b"4" * 20), FileFault.FIELD_TOO_LONG, HEAD + 46),
    "no code": (at(83, b" " * 8), FileFault.FIELD_MISSING, HEAD + 82),
    "month 13": (at(41, b"13"), FileFault.FIELD_VALUE, HEAD + 38),
    "half an expiry": (at(39, b"  11"), FileFault.FIELD_ALPHABET, HEAD + 38),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_bad_file_is_refused_whole_with_reason_and_offset(case: str) -> None:
    data, reason, offset = REFUSED[case]
    with pytest.raises(FileRefused) as refused:
        read(data)
    assert (refused.value.reason, refused.value.offset) == (reason, offset)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("final", [True, False], ids=["final", "no-final"])
def test_lines_end_in_lf_or_crlf_and_the_last_may_go_without(*, ending: bytes, final: bool) -> None:
    data = GOOD.replace(b"\n", ending)
    found = read(data if final else data.removesuffix(ending))[1]
    same = [replace(record, offset=0) for record in found] == [
        replace(record, offset=0) for record in read(GOOD)[1]
    ]
    assert same


@pytest.mark.parametrize("shown", [b"0000", b"2700", b"    "], ids=["zeros", "month", "spaces"])
def test_month_00_and_spaces_are_no_expiry(shown: bytes) -> None:
    assert read(at(39, shown))[1][0].old_expiry is None
    assert read(at(79, shown))[1][0].new_expiry is None


def test_a_number_has_nineteen_digits_at_most() -> None:
    assert bool(read(at(47, b"4" * 19))[1][0].new_number == Digits("4" * 19))
