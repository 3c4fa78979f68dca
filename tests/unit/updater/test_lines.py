"""Bytes into lines and blocks: offsets, line ends, and whatever pieces they come in."""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.streams import ShortReads
from updater.files import lines as module
from updater.files.lines import MAX_LINE, Line, read_blocks, read_lines
from updater.files.refusal import FileFault, FileRefused

MOST = 1_000_000


def shown(found: Iterator[Line]) -> list[tuple[str, int, int, bool]]:
    return [(each.text, each.offset, each.after, each.terminated) for each in found]


def read(data: bytes) -> list[tuple[str, int, int, bool]]:
    return shown(read_lines(BytesIO(data), max_bytes=MOST))


def blocks(data: bytes, size: int = 4) -> list[tuple[str, int, int, bool]]:
    return shown(read_blocks(BytesIO(data), size=size, max_bytes=MOST))


def refused(data: bytes) -> tuple[FileFault, int]:
    with pytest.raises(FileRefused) as refusal:
        read(data)
    return refusal.value.reason, refusal.value.offset


def refused_blocks(data: bytes) -> tuple[FileFault, int]:
    with pytest.raises(FileRefused) as refusal:
        blocks(data)
    return refusal.value.reason, refusal.value.offset


def test_lines_know_where_they_start_and_what_comes_after() -> None:
    assert read(b"ab\nc\n") == [("ab", 0, 3, True), ("c", 3, 5, True)]
    assert read(b"ab\r\nc") == [("ab", 0, 4, True), ("c", 4, 5, False)]


def test_blocks_do_as_well_and_may_be_lines() -> None:
    whole = [("abcd", 0, 4, True), ("efgh", 4, 8, True), ("ijkl", 8, 12, True)]
    assert blocks(b"abcdefghijkl") == whole
    assert blocks(b"abcdefghijkl\n") == whole
    assert blocks(b"abcdefghijkl\r\n") == whole
    assert blocks(b"abcdefghijk") == [*whole[:2], ("ijk", 8, 11, False)]
    assert blocks(b"abcd\nefgh\n") == [("abcd", 0, 5, True), ("efgh", 5, 10, True)]
    assert blocks(b"abcd\r\nefgh") == [("abcd", 0, 6, True), ("efgh", 6, 10, False)]


@pytest.mark.parametrize(
    ("data", "fault", "offset"),
    [
        (b"", FileFault.EMPTY, 0),
        (b"\xef\xbb\xbfab", FileFault.BYTE_ORDER_MARK, 0),
        (b"ab\n\x1a", FileFault.CONTROL_BYTE, 3),
        (b"ab\xa0\n", FileFault.NOT_ASCII, 2),
        ("ab".encode("cp500"), FileFault.NOT_ASCII, 0),
        (b"ab\r\ncd\n", FileFault.LINE_ENDING, 6),
        (b"ab\ncd\r\n", FileFault.LINE_ENDING, 6),
        (b"a\rb\n", FileFault.LINE_ENDING, 1),
        (b"ab\r", FileFault.LINE_ENDING, 2),
        (b"ab\n\ncd", FileFault.BLANK_LINE, 3),
        (b"\n", FileFault.BLANK_LINE, 0),
        (b"ab\n" + b"x" * (MAX_LINE + 1) + b"\n", FileFault.LINE_TOO_LONG, 3),
        (b"ab\n" + b"x" * 200_000, FileFault.LINE_TOO_LONG, 3),
        (b"ab\n" * 400_000, FileFault.TOO_LARGE, MOST),
    ],
    ids=str,
)
def test_bytes_that_no_such_file_holds_are_refused(
    data: bytes, fault: FileFault, offset: int
) -> None:
    assert refused(data) == (fault, offset)


@pytest.mark.parametrize(
    ("data", "fault", "offset"),
    [
        (b"", FileFault.EMPTY, 0),
        (b"abcdefghijklmno\np", FileFault.LINE_ENDING, 15),
        (b"abcdefghijklmn\r\n", FileFault.LINE_ENDING, 14),
        (b"abcdefghijkl\n\n", FileFault.LINE_ENDING, 12),
        (b"abcdefghijkl\x1a", FileFault.CONTROL_BYTE, 12),
        (b"abcdefgh" * 200_000, FileFault.TOO_LARGE, MOST),
    ],
    ids=str,
)
def test_blocks_have_no_line_end_but_the_last(data: bytes, fault: FileFault, offset: int) -> None:
    assert refused_blocks(data) == (fault, offset)


@given(
    st.lists(st.text("ab,", min_size=1, max_size=9), min_size=1, max_size=30),
    st.sampled_from(["\n", "\r\n", ""]),
    st.booleans(),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_the_pieces_a_file_comes_in_make_no_difference(
    texts: list[str], ending: str, final: bool, most: int, piece: int
) -> None:
    data = ending.join([*texts, ""] if final else texts).encode()
    plain = outcome(BytesIO(data))
    before = module._PIECE
    try:
        module._PIECE = piece  # type: ignore[misc] # so that lines lie across pieces
        small = outcome(cast("BinaryIO", ShortReads(data, most)))
    finally:
        module._PIECE = before  # type: ignore[misc]
    assert small == plain


def outcome(stream: BinaryIO) -> list[object]:
    """Return what is read, up to and with a refusal."""
    found: list[object] = []
    try:
        for line in read_lines(stream, max_bytes=MOST):
            found.append((line.text, line.offset, line.after, line.terminated))  # noqa: PERF401
    except FileRefused as refusal:
        found.append(str(refusal))
    return found
