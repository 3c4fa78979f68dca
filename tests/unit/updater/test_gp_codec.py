"""`gp-bigbatch-80`: goldens built from section 4.4, both directions, and what is refused where.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from cards.brands import Brand
from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead, YearMonth
from updater.files.digits import Digits
from updater.files.gp_bigbatch import GpBigBatch
from updater.files.gp_records import MAX_BYTES
from updater.files.refusal import FileFault, FileRefused, RecordInvalid

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
CODEC = GpBigBatch()
VISA, MASTERCARD, DISCOVER = (
    (GOLDEN / f"gp-bigbatch-80.{network}.response").read_bytes()
    for network in ("visa", "mastercard", "discover")
)
FIRST, SECOND = Digits("4111111111111111"), Digits("4242424242424242")
LINE = 81  # with its LF


def read(data: bytes) -> tuple[ResponseHead, list[AnswerRecord]]:
    response = CODEC.open_response(BytesIO(data))
    return response.head, list(response.records())


def refused(data: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as refusal:
        read(data)
    return refusal.value


def lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def at(data: bytes, position: int, value: bytes, *, line: int) -> bytes:
    """Return a file with other bytes at a position, from 1, of a line, from 0."""
    start = line * LINE + position - 1
    return data[:start] + value + data[start + len(value) :]


def test_visas_answers_are_read() -> None:
    head, records = read(VISA)
    assert head == ResponseHead(
        merchant_id="",
        batch="0042",
        part="2611231200000007",
        file_time=1_795_435_200_000_000,
        network="V",
        segment="000088",
    )
    assert "".join(record.code for record in records) == "AAECCQOVPNZ"
    assert [record.known for record in records] == [True] * 10 + [False]
    first, blank, echoed, closed, replaced, *_ = records
    right = first == AnswerRecord(
        ordinal=1,
        offset=2 * LINE,
        network="V",
        code="A",
        reason="",
        known=True,
        reference="",
        merchant_id="000000705853",
        old_number=FIRST,
        old_expiry=YearMonth(2027, 11),
        new_number=SECOND,
        new_expiry=YearMonth(2030, 1),
        new_type="",
        previously_sent=False,
        extra="",
    )
    assert right
    assert blank.new_expiry is None
    assert blank.previously_sent is True
    assert bool(echoed.new_number == echoed.old_number)
    assert closed.new_number is None
    # A dead card's dead replacement: kept, and for others to ignore; 0000 is no expiry.
    assert bool(replaced.new_number == Digits("378282246310005"))
    assert replaced.new_expiry is None


def test_mastercards_code_is_its_reason_identifier() -> None:
    head, records = read(MASTERCARD)
    assert head.network == "M"
    assert [record.code for record in records] == [
        *("UPDATE", "UPDATE", "EXPIRY", "CONTAC", "VALID", "UNKNWN", "000104")
    ]
    assert {(record.network, record.reason, record.known) for record in records} == {
        ("M", "", True)
    }
    assert {record.merchant_id for record in records} == {"000000000705858"}
    assert {record.previously_sent for record in records} == {None}


def test_discovers_error_stands_beside_its_reason_code() -> None:
    _, records = read(DISCOVER)
    assert [(record.code, record.reason) for record in records] == [
        *(("A", ""), ("E", ""), ("O", ""), ("N", ""), ("C", ""), ("Q", "")),
        *(("", "15"), ("A", "24")),
    ]
    assert {(record.network, record.known) for record in records} == {("D", True)}


HEAD = RequestHead(
    merchant_id="000000705853",
    batch="0042",
    created=1_795_253_415_000_000,
    network="V",
    segment="88",
    sequence=7,
    terminal_id="TERM0001",
    vendor_id="VENDOR1",
    application_id="CARDVAULT",
)
ASKS = [
    AskRecord("", FIRST, YearMonth(2027, 11), Brand.VISA),
    AskRecord("", SECOND, None, Brand.VISA, "SHOP ONE"),
]


def written(head: RequestHead, asks: list[AskRecord]) -> bytes:
    out = BytesIO()
    CODEC.write_request(head, asks, len(asks), out)
    return out.getvalue()


def test_requests_are_written_as_the_specification_has_them() -> None:
    visa = written(HEAD, ASKS) == (GOLDEN / "gp-bigbatch-80.visa.request").read_bytes()
    head = replace(HEAD, merchant_id="705858", batch="0043", network="M", segment="1234")
    number = Digits("5555555555554444")
    asked = written(head, [AskRecord("", number, YearMonth(2028, 3), Brand.MASTERCARD)])
    mastercard = asked == (GOLDEN / "gp-bigbatch-80.mastercard.request").read_bytes()
    assert visa
    assert mastercard


def test_answers_show_the_merchant_as_it_was_asked_for() -> None:
    assert CODEC.carried_merchant("705858", "V") == "705858"
    assert CODEC.carried_merchant("705858", "M") == "000000000705858"
    assert CODEC.carried_merchant("705858", "D") == "000000000705858"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"network": ""}, "one network"),
        ({"network": "A"}, "one network"),
        ({"batch": "42"}, "four digits"),
        ({"batch": "00x2"}, "batch_id"),
        ({"segment": ""}, "segment"),
        ({"segment": "1234567"}, "segment"),
        ({"sequence": 10_000}, "sequence"),
        ({"terminal_id": "t" * 20}, "terminal_id"),
        ({"merchant_id": "m" * 16}, "merchant_id"),
        ({"created": 0}, "2000 to 2099"),
        ({"network": "M"}, "another network"),
    ],
    ids=str,
)
def test_a_head_without_a_place_in_the_file_is_not_written(
    change: dict[str, str | int], problem: str
) -> None:
    with pytest.raises(RecordInvalid, match=problem):
        written(replace(HEAD, **change), ASKS)  # type: ignore[arg-type] # a field and its value


@pytest.mark.parametrize(
    ("network", "brand"),
    [("M", Brand.MAESTRO), ("D", Brand.DINERS), ("D", Brand.DISCOVER)],
    ids=str,
)
def test_a_network_asks_for_its_brands(network: str, brand: Brand) -> None:
    assert written(replace(HEAD, network=network), [replace(ASKS[0], brand=brand)])
    with pytest.raises(RecordInvalid, match="another network"):
        written(replace(HEAD, network=network), [replace(ASKS[0], brand=Brand.AMEX)])


def trailer(data: bytes, count: int) -> bytes:
    """Return a file whose last trailer says another count."""
    return at(data, 7, b"%010d" % count, line=data.count(b"\n") - 1)


HEAD_LINES, DETAILS, FOOT = lines(VISA)[:2], lines(VISA)[2:-2], lines(VISA)[-2:]
ALL = 15
REQUEST_FT = b"FT      0042" + b"%010d" % ALL + b" " * 58 + b"\n"


def joined(*parts: list[bytes]) -> bytes:
    return b"".join(b"".join(part) for part in parts)


WHOLE = {
    "count one more": (trailer(VISA, ALL + 1), FileFault.COUNT_MISMATCH, 14 * LINE + 6),
    "count one less": (trailer(VISA, ALL - 1), FileFault.COUNT_MISMATCH, 14 * LINE + 6),
    "count of details": (trailer(VISA, ALL - 4), FileFault.COUNT_MISMATCH, 14 * LINE + 6),
    "count without headers": (trailer(VISA, ALL - 2), FileFault.COUNT_MISMATCH, 14 * LINE + 6),
    "no trailer": (joined(HEAD_LINES, DETAILS), FileFault.TRUNCATED, 13 * LINE),
    "no file trailer": (joined(HEAD_LINES, DETAILS, FOOT[:1]), FileFault.TRUNCATED, 14 * LINE),
    "no terminal trailer": (
        joined(HEAD_LINES, DETAILS, FOOT[1:]),
        FileFault.TRAILER_ORDER,
        13 * LINE,
    ),
    "trailer before details": (
        joined(HEAD_LINES, FOOT, DETAILS),
        FileFault.DATA_AFTER_TRAILER,
        4 * LINE,
    ),
    "detail between trailers": (
        joined(HEAD_LINES, DETAILS, FOOT[:1], DETAILS[:1], FOOT[1:]),
        FileFault.DATA_AFTER_TRAILER,
        14 * LINE,
    ),
    "two trailers": (VISA + FOOT[1], FileFault.DATA_AFTER_TRAILER, 15 * LINE),
    "two pairs of trailers": (VISA + b"".join(FOOT), FileFault.DATA_AFTER_TRAILER, 15 * LINE),
    "data after trailer": (VISA + DETAILS[0], FileFault.DATA_AFTER_TRAILER, 15 * LINE),
    "two files": (VISA + VISA, FileFault.DATA_AFTER_TRAILER, 15 * LINE),
    "two headers": (
        joined(HEAD_LINES, HEAD_LINES, DETAILS, FOOT),
        FileFault.SECOND_HEADER,
        2 * LINE,
    ),
    "no terminal header": (
        joined(HEAD_LINES[:1], DETAILS, FOOT),
        FileFault.HEADER_EXPECTED,
        LINE,
    ),
    "no header": (joined(DETAILS, FOOT), FileFault.HEADER_EXPECTED, 0),
    "unknown record": (
        joined(HEAD_LINES, [b"XX" + b" " * 78 + b"\n"], FOOT),
        FileFault.UNKNOWN_RECORD,
        2 * LINE,
    ),
    "request-shaped trailer": (
        joined(HEAD_LINES, DETAILS, FOOT[:1], [REQUEST_FT]),
        FileFault.WRONG_DIRECTION,
        14 * LINE,
    ),
    "request": (
        (GOLDEN / "gp-bigbatch-80.visa.request").read_bytes(),
        FileFault.WRONG_DIRECTION,
        2 * LINE + 71,
    ),
    "empty request": (written(HEAD, []), FileFault.WRONG_DIRECTION, 3 * LINE),
    "other batch in the trailer": (
        at(VISA, 3, b"0043", line=14),
        FileFault.FIELD_VALUE,
        14 * LINE + 2,
    ),
    "short detail": (
        joined(HEAD_LINES, [DETAILS[0][:-2] + b"\n"], FOOT),
        FileFault.RECORD_LENGTH,
        2 * LINE,
    ),
    "long detail": (
        joined(HEAD_LINES, [DETAILS[0][:-1] + b" \n"], FOOT),
        FileFault.RECORD_LENGTH,
        2 * LINE,
    ),
    "short header": (VISA[1:], FileFault.HEADER_EXPECTED, 0),
    "blank line": (joined(HEAD_LINES, [b"\n"], FOOT), FileFault.BLANK_LINE, 2 * LINE),
    "trailing sub": (VISA + b"\x1a", FileFault.CONTROL_BYTE, len(VISA)),
    "byte order mark": (b"\xef\xbb\xbf" + VISA, FileFault.BYTE_ORDER_MARK, 0),
    "ebcdic": (VISA.decode().encode("cp500"), FileFault.NOT_ASCII, 0),
    "no-break space": (at(VISA, 60, b"\xa0", line=5), FileFault.NOT_ASCII, 5 * LINE + 59),
    "mixed endings": (
        VISA.replace(b"\n", b"\r\n", 1),
        FileFault.LINE_ENDING,
        2 * LINE,
    ),
    "empty": (b"", FileFault.EMPTY, 0),
    "not an account updater file": (
        at(VISA, 22, b" ", line=0),
        FileFault.WRONG_CLASSIFICATION,
        21,
    ),
    "unknown network": (at(VISA, 22, b"A", line=0), FileFault.FIELD_ALPHABET, 21),
    "no such day": (at(VISA, 5, b"260230", line=0), FileFault.FIELD_VALUE, 4),
    "other processing code": (at(VISA, 3, b"393001", line=2), FileFault.FIELD_VALUE, 2 * LINE + 2),
    "other network's detail": (at(VISA, 24, b"MC", line=2), FileFault.FIELD_VALUE, 2 * LINE + 23),
    "month 13": (at(VISA, 47, b"13", line=2), FileFault.FIELD_VALUE, 2 * LINE + 44),
    "new month 13": (at(VISA, 70, b"13", line=2), FileFault.FIELD_VALUE, 2 * LINE + 67),
    "number indented": (at(VISA, 26, b" 4", line=2), FileFault.FIELD_ALPHABET, 2 * LINE + 25),
    "no merchant": (at(VISA, 9, b" " * 15, line=2), FileFault.FIELD_MISSING, 2 * LINE + 8),
    "no number": (at(VISA, 26, b" " * 19, line=2), FileFault.FIELD_MISSING, 2 * LINE + 25),
    "no code but more": (at(VISA, 72, b" ", line=2), FileFault.FIELD_MISSING, 2 * LINE + 71),
    "sent before maybe": (at(VISA, 73, b"?", line=2), FileFault.FIELD_ALPHABET, 2 * LINE + 72),
    "more at the end": (at(VISA, 80, b"x", line=2), FileFault.FIELD_VALUE, 2 * LINE + 79),
}


@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_a_bad_file_is_refused_whole_with_reason_and_offset(case: str) -> None:
    data, reason, offset = WHOLE[case]
    refusal = refused(data)
    assert (refusal.reason, refusal.offset) == (reason, offset)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""], ids=["lf", "crlf", "none"])
@pytest.mark.parametrize("final", [True, False], ids=["final", "no-final"])
def test_records_end_in_lf_or_crlf_or_follow_each_other(*, ending: bytes, final: bool) -> None:
    data = VISA.replace(b"\n", ending).removesuffix(ending)
    data += (ending or b"\n") if final else b""
    plain = [replace(record, offset=0) for record in read(VISA)[1]]
    same = [replace(record, offset=0) for record in read(data)[1]] == plain
    starts = [record.offset for record in read(data)[1]]
    assert same
    assert starts == [(2 + n) * (80 + len(ending)) for n in range(11)]


BLOCKS = VISA.replace(b"\n", b"")


@pytest.mark.parametrize(
    ("case", "reason", "offset"),
    [
        (BLOCKS[:-1], FileFault.TRUNCATED, 15 * 80 - 1),
        (BLOCKS[:-85], FileFault.TRUNCATED, 15 * 80 - 85),
        (BLOCKS[:-80], FileFault.TRUNCATED, 14 * 80),
        (BLOCKS + b"x", FileFault.DATA_AFTER_TRAILER, 15 * 80),
        (BLOCKS + b" " * 80, FileFault.DATA_AFTER_TRAILER, 15 * 80),
        (BLOCKS[:79] + BLOCKS[80:], FileFault.HEADER_EXPECTED, 80),
        (BLOCKS[:200] + BLOCKS[201:], FileFault.FIELD_ALPHABET, 160 + 25),
    ],
    ids=["short-trailer", "cut", "cut-between", "one-more", "blank", "one-less", "one-lost"],
)
def test_blocks_are_cut_off_or_shifted(case: bytes, reason: FileFault, offset: int) -> None:
    refusal = refused(case)
    assert (refusal.reason, refusal.offset) == (reason, offset)


@pytest.mark.parametrize("shown", [b"0000", b"2700", b"    "], ids=["zeros", "month", "spaces"])
def test_month_00_and_spaces_are_no_expiry(shown: bytes) -> None:
    old, new = at(VISA, 45, shown, line=2), at(VISA, 68, shown, line=2)
    assert [read(data)[1][0].old_expiry for data in (old, new)] == [None, YearMonth(2027, 11)]
    assert [read(data)[1][0].new_expiry for data in (old, new)] == [YearMonth(2030, 1), None]


def test_two_digit_years_are_of_this_century() -> None:
    assert read(at(VISA, 45, b"9912", line=2))[1][0].old_expiry == (2099, 12)
    assert read(at(VISA, 45, b"0001", line=2))[1][0].old_expiry == (2000, 1)


def test_codes_in_columns_of_another_network_are_unknown_and_kept() -> None:
    odd = at(VISA, 74, b"UPDATE", line=2)
    record = read(odd)[1][0]
    assert (record.code, record.reason, record.known) == ("A", "UPDATE", False)
    indicated = read(at(MASTERCARD, 72, b"R", line=2))[1][0]
    assert (indicated.code, indicated.reason, indicated.known) == ("UPDATE", "R", False)


def test_its_size_has_a_bound() -> None:
    assert MAX_BYTES == CODEC.max_bytes == 100_000_000
