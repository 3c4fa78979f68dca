"""Comma-separated records as data: one table per record, read by reader, writer and tests."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from updater.files.lines import Line
from updater.files.refusal import FileFault, FileRefused, RecordInvalid


class Alphabet(Enum):
    """What a field's characters may be. Quotes may enclose a field, never be in one."""

    DIGITS = re.compile(r"[0-9]*")
    TEXT = re.compile(r"[ !#-~]*")
    DATE = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?")


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name, greatest length, alphabet, and whether it may be empty."""

    name: str
    width: int
    alphabet: Alphabet = Alphabet.TEXT
    required: bool = False

    def fault(self, value: str) -> FileFault | None:
        """Return what is wrong with a value, or None."""
        if self.required and not value:
            return FileFault.FIELD_MISSING
        if len(value) > self.width:
            return FileFault.FIELD_TOO_LONG
        if self.alphabet.value.fullmatch(value) is None:
            return FileFault.FIELD_ALPHABET
        return None


@dataclass(frozen=True, slots=True)
class Record:
    """A record type: its tag in the first column, its columns, and how many may be left out."""

    tag: str
    fields: tuple[Field, ...]
    optional_columns: int = 0
    extra_columns: int = 0  # columns beyond the known ones that a reader lets pass

    def unpack(self, row: "Row") -> Mapping[str, str]:
        """Return the row's values by field name; absent optional columns are empty."""
        values = row.values[1:]
        most = len(self.fields) + self.extra_columns
        if not len(self.fields) - self.optional_columns <= len(values) <= most:
            raise FileRefused(FileFault.COLUMN_COUNT, row.offset)
        for index, field in enumerate(self.fields[: len(values)]):
            if (fault := field.fault(values[index])) is not None:
                raise FileRefused(fault, row.offset_of(index + 1), field=field.name)
        padded = [*values, *[""] * len(self.fields)]
        return {field.name: value for field, value in zip(self.fields, padded, strict=False)}

    def pack(self, values: Mapping[str, str]) -> str:
        """Return the record's line, without terminator. Raises RecordInvalid."""
        for field in self.fields:
            if field.fault(values[field.name]) is not None:
                raise RecordInvalid(f"record {self.tag}: {field.name} does not fit its column")
        row = [values[field.name] for field in self.fields]
        for _ in range(self.optional_columns):
            if row[-1]:
                break
            row.pop()
        out = io.StringIO()
        csv.writer(out, lineterminator="", strict=True).writerow([self.tag, *row])
        return out.getvalue()


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """A parsed line. Holds what may be a card number, hence no repr of the values."""

    values: tuple[str, ...]
    line: Line

    @property
    def tag(self) -> str:
        """The first column: which record this is."""
        return self.values[0]

    @property
    def offset(self) -> int:
        """Where the line starts in the file."""
        return self.line.offset

    def offset_of(self, column: int) -> int:
        """Where a column starts in the file, quotes counted."""
        passed, quoted = 0, False
        for position, char in enumerate(self.line.text):
            if passed == column:
                return self.offset + position
            if char == '"':
                quoted = not quoted
            passed += char == "," and not quoted
        return self.offset + len(self.line.text)


def row(line: Line) -> Row:
    """Split a line into columns. Refuses quotes that don't enclose a whole column."""
    try:
        values = next(csv.reader([line.text], strict=True))
    except csv.Error:
        raise FileRefused(FileFault.QUOTING, line.offset) from None
    if any('"' in value for value in values):
        raise FileRefused(FileFault.QUOTING, line.offset)
    return Row(tuple(values), line)
