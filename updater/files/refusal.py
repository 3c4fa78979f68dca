"""Why a file is refused, and what is odd but tolerated: always an offset, never the content."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DIAGNOSTICS_KEPT: Final = 100  # of one file, the first; a file of oddities must not fill memory


class FileFault(StrEnum):
    """Everything a codec may refuse a file for; the file is then refused as a whole."""

    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"
    BYTE_ORDER_MARK = "BYTE_ORDER_MARK"
    CONTROL_BYTE = "CONTROL_BYTE"
    NOT_ASCII = "NOT_ASCII"
    LINE_ENDING = "LINE_ENDING"
    BLANK_LINE = "BLANK_LINE"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    RECORD_LENGTH = "RECORD_LENGTH"
    QUOTING = "QUOTING"
    UNKNOWN_RECORD = "UNKNOWN_RECORD"
    HEADER_EXPECTED = "HEADER_EXPECTED"
    SECOND_HEADER = "SECOND_HEADER"
    WRONG_DIRECTION = "WRONG_DIRECTION"
    WRONG_CLASSIFICATION = "WRONG_CLASSIFICATION"
    COLUMN_COUNT = "COLUMN_COUNT"
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_TOO_LONG = "FIELD_TOO_LONG"
    FIELD_ALPHABET = "FIELD_ALPHABET"
    FIELD_VALUE = "FIELD_VALUE"
    COUNT_MISMATCH = "COUNT_MISMATCH"
    TRAILER_ORDER = "TRAILER_ORDER"
    TRUNCATED = "TRUNCATED"
    DATA_AFTER_TRAILER = "DATA_AFTER_TRAILER"


class FileRefused(Exception):
    """A file that can't be taken in. Its text names reason, offset and field, never content."""

    def __init__(self, reason: FileFault, offset: int, *, field: str = "") -> None:
        where = f" in {field}" if field else ""
        super().__init__(f"{reason.value} at byte {offset}{where}")
        self.reason: Final = reason
        self.offset: Final = offset
        self.field: Final = field


class RecordInvalid(ValueError):
    """A record that can't be written. Names record and field, never the value."""


class Oddity(StrEnum):
    """What a codec noticed and let pass."""

    UNKNOWN_CODE = "UNKNOWN_CODE"
    TRAILER_WITHOUT_COUNT = "TRAILER_WITHOUT_COUNT"
    TRAILER_WITH_MORE_FIELDS = "TRAILER_WITH_MORE_FIELDS"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One oddity, at a byte offset of the decrypted file."""

    oddity: Oddity
    offset: int
