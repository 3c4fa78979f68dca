"""Fixed-width tables: positions as the specification has them, and both ways byte for byte.

PYTEST_DONT_REWRITE: a failing assertion here shows its line and no card number.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.updater.feed_strategies import values
from updater.files import gp_records as gp
from updater.files import mes_records as mes
from updater.files.fixed import FixedRecord, Justify, card, choice, constant, number, spaces, text
from updater.files.lines import Line
from updater.files.refusal import FileFault, FileRefused, RecordInvalid

RECORDS = {
    each.name: each
    for each in (
        gp.FILE_HEADER,
        gp.TERMINAL_HEADER,
        gp.REQUEST_DETAIL,
        gp.RESPONSE_DETAIL,
        gp.REQUEST_TERMINAL_TRAILER,
        gp.RESPONSE_TERMINAL_TRAILER,
        gp.REQUEST_FILE_TRAILER,
        gp.RESPONSE_FILE_TRAILER,
        mes.HEADER,
        mes.REQUEST_DETAIL,
        mes.RESPONSE_DETAIL,
        mes.TRAILER,
    )
}

# Sections 4.4 and 4.4b, written out once more: name, positions (from 1, inclusive), what fills it.
POSITIONS = {
    "FH": (
        "created 5-16 0, sequence 17-20 0, network 22-22 _, segment 23-28 0, batch_id 29-32 0,"
        " customer 41-72 _, reserved 73-80 _"
    ),
    "TH": "terminal_id 3-21 _, vendor_id 22-31 _, application_id 32-46 _, customer 47-73 _",
    "DI request": (
        "merchant_id 9-23 _, routing 24-25 _, number 26-44 _, expiry 45-48 0, sub_merchant 49-68 _"
    ),
    "DI response": (
        "merchant_id 9-23 _, routing 24-25 _, old_number 26-44 _, old_expiry 45-48 0,"
        " new_number 49-67 _, new_expiry 68-71 0, service_id 72-72 _, previously_sent 73-73 _,"
        " reason_id 74-79 _"
    ),
    "TT request": (
        "terminal_id 3-21 _, purchase_count 25-30 0, purchase_amount 31-42 0,"
        " return_count 43-48 0, return_amount 49-60 0"
    ),
    "TT response": "terminal_id 3-21 _, rest 22-80 _",
    "FT request": "batch_id 9-12 0, record_count 13-22 0",
    "FT response": (
        "batch_id 3-6 0, record_count 7-16 0, approved_count 17-22 0, approved_amount 23-34 0,"
        " declined_count 35-40 0, declined_amount 41-52 0, referred_count 53-58 0,"
        " referred_amount 59-70 0"
    ),
    "H1": "version 3-8 0, merchant_id 9-40 _",
    "D1 request": "type 3-6 _, number 7-38 _, expiry 39-42 0, reference 43-74 _",
    "D1 response": (
        "old_type 3-6 _, old_number 7-38 _, old_expiry 39-42 0, new_type 43-46 _,"
        " new_number 47-78 _, new_expiry 79-82 0, code 83-90 _, source 91-92 _,"
        " reference 93-124 _"
    ),
    "T1": "record_count 3-8 0",
}
LENGTHS = {"H1": 40, "D1 request": 74, "T1": 8, "D1 response": 124}
CONSTANTS = {"DI request": {3: "393000"}, "DI response": {3: "393000"}}


@pytest.mark.parametrize("name", RECORDS)
def test_columns_stand_where_the_specification_has_them(name: str) -> None:
    record = RECORDS[name]
    fill = {Justify.RIGHT_ZEROS: "0", Justify.LEFT_SPACES: "_"}
    told = ", ".join(
        f"{each.name} {each.first}-{each.last} {fill[each.justify]}"
        for each in record.columns
        if each.name
    )
    constants = {each.first: each.constant for each in record.columns if each.constant.strip(" ")}
    assert told == POSITIONS[name]
    assert record.length == LENGTHS.get(name, 80)
    assert constants == {1: name[:2], **CONSTANTS.get(name, {})}


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_packed_unpacks_and_what_is_unpacked_packs(name: str, data: st.DataObject) -> None:
    record = RECORDS[name]
    shown = data.draw(values(record))
    line = record.pack(shown)
    again = record.unpack(Line(line, 0, len(line)))
    same = again == shown
    back = record.pack(again) == line
    assert len(line) == record.length
    assert same
    assert back


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=30)
@given(data=st.data())
def test_one_other_character_shows_or_is_refused_where_it_stands(
    name: str, data: st.DataObject
) -> None:
    record = RECORDS[name]
    line = record.pack(data.draw(values(record)))
    at = data.draw(st.integers(0, record.length - 1))
    char = data.draw(st.sampled_from([chr(code) for code in range(0x20, 0x7F)]))
    other = line[:at] + char + line[at + 1 :]
    try:
        back = record.pack(record.unpack(Line(other, 1_000, 2_000))) == other
    except FileRefused as refused:
        column = next(each for each in record.columns if each.first <= at + 1 <= each.last)
        back = refused.offset == 1_000 + column.first - 1 and refused.field == column.name
    assert back


SMALL = FixedRecord(
    "XX",
    16,
    constant(1, "XX"),
    text("word", 3, 5, required=True),
    card("card", 6, 9),
    number("count", 10, 12),
    number("maybe", 13, 14, blank=True),
    choice("flag", 15, "YN "),
    spaces(16, 16),
)
GOOD = "XXab 12  007  Y "


def test_fill_is_taken_off_and_put_on_again() -> None:
    shown = {"word": "ab", "card": "12", "count": "007", "maybe": "", "flag": "Y"}
    assert SMALL.unpack(Line(GOOD, 0, 17)) == shown
    assert SMALL.pack(shown) == GOOD
    assert SMALL.pack({**shown, "count": "7", "maybe": "5"}) == "XXab 12  00705Y "


@pytest.mark.parametrize(
    ("line", "fault", "offset", "field"),
    [
        ("XYab 12  007  Y ", FileFault.FIELD_VALUE, 0, ""),
        ("XX   12  007  Y ", FileFault.FIELD_MISSING, 2, "word"),
        ("XXab 1 2 007  Y ", FileFault.FIELD_ALPHABET, 5, "card"),
        ("XXab  12 007  Y ", FileFault.FIELD_ALPHABET, 5, "card"),
        ("XXab 12    7  Y ", FileFault.FIELD_ALPHABET, 9, "count"),
        ("XXab 12       Y ", FileFault.FIELD_MISSING, 9, "count"),
        ("XXab 12  007 5Y ", FileFault.FIELD_ALPHABET, 12, "maybe"),
        ("XXab 12  007  y ", FileFault.FIELD_ALPHABET, 14, "flag"),
        ("XXab 12  007  Yx", FileFault.FIELD_VALUE, 15, ""),
        ("XXab 12  007  Y", FileFault.RECORD_LENGTH, 0, ""),
        ("XXab 12  007  Y  ", FileFault.RECORD_LENGTH, 0, ""),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_a_line_that_does_not_fit_is_refused_at_its_column(
    line: str, fault: FileFault, offset: int, field: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        SMALL.unpack(Line(line, 500, 600))
    assert refused.value.reason is fault
    assert refused.value.offset == 500 + offset
    assert refused.value.field == field


def test_a_line_cut_off_at_the_end_of_the_file_is_truncated() -> None:
    with pytest.raises(FileRefused) as refused:
        SMALL.unpack(Line(GOOD[:-1], 500, 515, terminated=False))
    assert (refused.value.reason, refused.value.offset) == (FileFault.TRUNCATED, 515)


@pytest.mark.parametrize(
    ("name", "value"),
    [("word", ""), ("word", "abcd"), ("word", "a\n"), ("card", "1x"), ("count", "1234")],
    ids=str,
)
def test_what_has_no_place_in_its_column_is_not_written(name: str, value: str) -> None:
    shown = {"word": "ab", "card": "12", "count": "007", "maybe": "", "flag": "Y", name: value}
    with pytest.raises(RecordInvalid, match=name):
        SMALL.pack(shown)


def test_a_table_with_a_gap_an_overlap_or_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="position 4"):
        FixedRecord("G", 6, text("a", 1, 3), text("b", 5, 6))
    with pytest.raises(ValueError, match="position 4"):
        FixedRecord("O", 6, text("a", 1, 3), text("b", 3, 6))
    with pytest.raises(ValueError, match="end at 5"):
        FixedRecord("S", 6, text("a", 1, 3), text("b", 4, 5))
