"""What holds of every format: round trips, any bytes at all, one byte changed, constant memory.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.brands import Brand
from tests.doubles.feed_files import answer_file, decoded, encoded, read_inquiry
from tests.doubles.long_feeds import HEADS, UPDATES, long_answer_file
from tests.doubles.streams import ShortReads
from tests.unit.updater.feed_strategies import EXPIRIES, FORMATS, NUMBERS, files
from updater.files import gp_records as gp
from updater.files import mes_records as mes
from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead, YearMonth
from updater.files.codec import CODECS
from updater.files.digits import Digits
from updater.files.packing import Packer
from updater.files.refusal import DIAGNOSTICS_KEPT, FileFault, FileRefused, Oddity, RecordInvalid

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
GOLDENS = sorted(path.name for path in GOLDEN.iterdir() if path.name.endswith(".response"))


def read(name: str, data: bytes) -> tuple[ResponseHead, list[AnswerRecord]]:
    response = CODECS[name].open_response(BytesIO(data))
    return response.head, list(response.records())


def refusal(name: str, data: bytes) -> FileRefused | None:
    try:
        read(name, data)
    except FileRefused as refused:
        return refused
    return None


def test_a_codec_goes_by_its_own_name() -> None:
    assert sorted(CODECS) == sorted(FORMATS)
    assert all(codec.name == name for name, codec in CODECS.items())


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data(), ending=st.sampled_from(["\n", "\r\n"]))
def test_any_answers_survive_writing_and_reading(
    name: str, data: st.DataObject, ending: str
) -> None:
    head, records = data.draw(files(name))
    found, again = read(name, answer_file(name, head, records, ending=ending))
    same_head = replace(found, file_time=None) == head
    told = [replace(record, ordinal=0, offset=0, known=False) for record in again]
    same = told == [replace(record, known=False) for record in records]
    ordinals = [record.ordinal for record in again] == list(range(1, len(records) + 1))
    assert same_head
    assert same
    assert ordinals


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=30)
@given(data=st.data())
def test_offsets_are_where_records_start(name: str, data: st.DataObject) -> None:
    head, records = data.draw(files(name))
    written = answer_file(name, head, records)
    starts = [0, *(at + 1 for at, byte in enumerate(written) if byte == 0x0A)]
    headers = 2 if name == gp.CHANNEL else 1
    found = [record.offset for record in read(name, written)[1]]
    assert found == starts[headers : headers + len(records)]


TABLES = {
    gp.CHANNEL: {
        "FH": gp.FILE_HEADER,
        "TH": gp.TERMINAL_HEADER,
        "DI": gp.RESPONSE_DETAIL,
        "TT": gp.RESPONSE_TERMINAL_TRAILER,
        "FT": gp.RESPONSE_FILE_TRAILER,
    },
    mes.CHANNEL: {"H1": mes.HEADER, "D1": mes.RESPONSE_DETAIL, "T1": mes.TRAILER},
}
ASKING = {
    gp.CHANNEL: {
        **TABLES[gp.CHANNEL],
        "DI": gp.REQUEST_DETAIL,
        "TT": gp.REQUEST_TERMINAL_TRAILER,
        "FT": gp.REQUEST_FILE_TRAILER,
    },
    mes.CHANNEL: {**TABLES[mes.CHANNEL], "D1": mes.REQUEST_DETAIL},
}


@pytest.mark.parametrize(
    "name", [each.name for each in sorted(GOLDEN.iterdir()) if not each.name.startswith("cyber")]
)
def test_a_golden_file_decodes_and_encodes_byte_for_byte(name: str) -> None:
    family, _, direction = name.partition(".")
    data = (GOLDEN / name).read_bytes()
    tables = (ASKING if direction.endswith("request") else TABLES)[family]
    size = gp.LENGTH if family == gp.CHANNEL else 0
    same = encoded(decoded(data, tables, size=size), "\n") == data
    assert same


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    refused = refusal(name, data)
    assert refused is not None  # so few bytes at random are no file
    assert 0 <= refused.offset <= len(data)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_never_quoted(name: str, data: st.DataObject) -> None:
    good = bytearray(answer_file(name, *data.draw(files(name))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(good)))
        good[at : at + data.draw(st.integers(0, 90))] = data.draw(st.binary(max_size=90))
    refused = refusal(name, bytes(good))
    if refused is None:
        return
    where = f" in {refused.field}" if refused.field else ""
    assert str(refused) == f"{refused.reason.value} at byte {refused.offset}{where}"
    assert 0 <= refused.offset <= len(good)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=100)
@given(data=st.data())
def test_one_changed_byte_is_refused_or_changes_one_record_only(
    name: str, data: st.DataObject
) -> None:
    good = answer_file(name, *data.draw(files(name, least=1)))
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b'\r\n,"DFHT 019')))
    changed = good[:at] + bytes([byte]) + good[at + 1 :]
    if refusal(name, changed) is None:
        one_record_at_most(name, good, changed, at)


def one_record_at_most(name: str, good: bytes, changed: bytes, at: int) -> None:
    """Compare two files that both can be read, and differ at one byte."""
    head, records = read(name, good)
    other_head, others = read(name, changed)
    line_of = good.count(b"\n", 0, at) + 1
    headers = 2 if name == gp.CHANNEL else 1
    assert len(others) == len(records)
    differ = [
        ordinal
        for ordinal, (one, other) in enumerate(zip(records, others, strict=True), start=1)
        if one != other
    ]
    assert differ in ([], [line_of - headers])
    assert head == other_head or not differ


@pytest.mark.parametrize("name", GOLDENS)
def test_every_byte_of_a_golden_file_but_the_reserved_ones_counts(name: str) -> None:
    """The same for each byte of a real-looking file, with the bytes that break files."""
    family = name.partition(".")[0]
    good = (GOLDEN / name).read_bytes()
    for at in range(len(good)):
        for byte in b"\n\r 0A":
            changed = good[:at] + bytes([byte]) + good[at + 1 :]
            if refusal(family, changed) is None:
                one_record_at_most(family, good, changed, at)


@pytest.mark.parametrize("name", GOLDENS)
def test_every_beginning_of_a_file_is_refused_at_its_end_or_before(name: str) -> None:
    family = name.partition(".")[0]
    good = (GOLDEN / name).read_bytes()
    last = good.rindex(b"\n", 0, -1) + 1  # the last trailer
    for end in range(1, last):
        refused = refusal(family, good[:end])
        assert refused is not None
        assert refused.offset <= end
    head = b"".join(good.splitlines(keepends=True)[: 2 if family == gp.CHANNEL else 1])
    for end in range(len(head), last):
        cut = refusal(family, good[:end])
        assert cut is not None
        assert (cut.reason, cut.offset) == (FileFault.TRUNCATED, end)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_requests_say_what_was_asked(name: str, data: st.DataObject) -> None:
    asks = data.draw(
        st.lists(
            st.builds(
                AskRecord,
                reference=st.text("abc012", min_size=1, max_size=24),
                number=NUMBERS,
                expiry=st.none() | EXPIRIES,
                brand=st.just(Brand.VISA),
            ),
            max_size=4,
        )
    )
    out = BytesIO()
    CODECS[name].write_request(HEAD, asks, len(asks), out)
    asked = read_inquiry(name, out.getvalue())
    same = [question.number for question in asked.questions] == [ask.number for ask in asks]
    expiries = [question.expiry for question in asked.questions]
    assert asked.count == len(asks)
    assert same
    assert expiries == [
        "" if ask.expiry is None else f"{ask.expiry.year % 100:02}{ask.expiry.month:02}"
        for ask in asks
    ]
    if CODECS[name].carries_reference:
        assert [question.reference for question in asked.questions] == [
            ask.reference for ask in asks
        ]


HEAD = RequestHead(
    merchant_id="merchant1",
    batch="0042",
    status_email="ops@example.org",
    created=1_763_717_415_000_000,
    network="V",
    segment="88",
    terminal_id="T1",
)
ASK = AskRecord("ref1", Digits("4111111111111111"), YearMonth(2027, 11), Brand.VISA)


def write(name: str, head: RequestHead, asks: Sequence[AskRecord], count: int) -> bytes:
    out = BytesIO()
    CODECS[name].write_request(head, asks, count, out)
    return out.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_a_request_of_another_count_than_it_says_is_not_written(name: str) -> None:
    for count in (0, 2):
        with pytest.raises(RecordInvalid, match="more or fewer"):
            write(name, HEAD, [ASK], count)


def test_a_file_over_its_formats_size_is_not_written() -> None:
    out = BytesIO()
    packer = Packer(out, max_bytes=17, count=0)
    packer.add(mes.TRAILER, {"record_count": "1"})
    with pytest.raises(RecordInvalid, match="17 bytes"):
        packer.add(mes.TRAILER, {"record_count": "2"})
    assert out.getvalue() == b"T1000001\n"


@pytest.mark.parametrize("name", FORMATS)
def test_an_expiry_out_of_the_century_is_not_written(name: str) -> None:
    for expiry in (YearMonth(2150, 1), YearMonth(2027, 13)):
        with pytest.raises(RecordInvalid, match="2000 to 2099"):
            write(name, HEAD, [replace(ASK, expiry=expiry)], 1)


@pytest.mark.parametrize("name", FORMATS)
def test_a_request_is_no_answer(name: str) -> None:
    refused = refusal(name, write(name, HEAD, [ASK], 1))
    assert refused is not None
    assert refused.reason is FileFault.WRONG_DIRECTION


@pytest.mark.parametrize("name", GOLDENS)
def test_short_reads_make_no_difference(name: str) -> None:
    family = name.partition(".")[0]
    data = (GOLDEN / name).read_bytes()
    response = CODECS[family].open_response(cast("BinaryIO", ShortReads(data, 7)))
    same = list(response.records()) == read(family, data)[1]
    assert same


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_file_takes_no_more_memory_than_a_short_one(name: str) -> None:
    """A few megabytes here; `make bench` reads as many as there may be."""
    peaks = [peak_of(name, 2_000), peak_of(name, 8_000)]
    assert peaks[1] < 1_000_000
    assert peaks[1] < 1.5 * peaks[0]


def peak_of(name: str, times: int) -> int:
    """Read a file of so many equal records; return the most memory that it took, in bytes."""
    stream = long_answer_file(name, times, ODD[name])
    tracemalloc.start()
    try:
        response = CODECS[name].open_response(cast("BinaryIO", stream))
        count = sum(1 for _ in response.records())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == times
    assert len(response.diagnostics) == DIAGNOSTICS_KEPT
    return peak


ODD = {
    gp.CHANNEL: replace(UPDATES[gp.CHANNEL], code="Z"),
    mes.CHANNEL: replace(UPDATES[mes.CHANNEL], code="ZZ9"),
    "cybersource-au-csv": replace(UPDATES["cybersource-au-csv"], code="ZZ9", reason=""),
}


@pytest.mark.parametrize("name", FORMATS)
def test_an_unknown_code_is_kept_and_noted_never_an_error(name: str) -> None:
    data = answer_file(name, HEADS[name], [ODD[name]])
    response = CODECS[name].open_response(BytesIO(data))
    (record,) = response.records()
    assert not record.known
    assert (record.code, record.reason) == (ODD[name].code, "")
    assert [(note.oddity, note.offset) for note in response.diagnostics] == [
        (Oddity.UNKNOWN_CODE, record.offset)
    ]
