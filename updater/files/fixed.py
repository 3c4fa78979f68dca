"""Fixed-width records as data: one table per record, read by reader, writer and reference page.

Positions are those of the specification: from 1, the last one included. A record's columns cover
it without a gap, so that what was read can be written back byte for byte.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from updater.files.lines import Line
from updater.files.refusal import FileFault, FileRefused, RecordInvalid


class Alphabet(StrEnum):
    """What a column's characters may be, its fill apart."""

    DIGITS = "digits"
    TEXT = "text"


class Justify(Enum):
    """At which end of its column a value stands, and what fills the other end."""

    LEFT_SPACES = ("left", " ")
    RIGHT_ZEROS = ("right", "0")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: positions `first` to `last`. An unnamed one is a constant, and no value of it.

    Zero-filled columns give all their digits, "" for one of spaces only. `choices` are the only
    characters of a column of one. What isn't `required` may be all spaces.
    """

    name: str
    first: int
    last: int
    alphabet: Alphabet = Alphabet.TEXT
    justify: Justify = Justify.LEFT_SPACES
    required: bool = False
    constant: str = ""
    choices: str = ""
    meaning: str = ""

    @property
    def length(self) -> int:
        """How many characters the column has."""
        return self.last - self.first + 1

    @property
    def pattern(self) -> str:
        """A regular expression of everything that the column may show."""
        size = self.length
        if self.constant:
            return re.escape(self.constant)
        if self.choices:
            return f"[{re.escape(self.choices)}]"
        if self.justify is Justify.RIGHT_ZEROS:
            blank = "" if self.required else f"| {{{size}}}"
            return f"(?:[0-9]{{{size}}}{blank})"
        if self.alphabet is Alphabet.DIGITS:
            first = "[0-9]" if self.required else "[0-9 ]"
            return f"{first}(?:(?<! )[0-9]| ){{{size - 1}}}"
        blank = f"(?! {{{size}}})" if self.required else ""
        return f"{blank}[ -~]{{{size}}}"

    def filled(self, value: str) -> str:
        """Return the column's characters for a value; too long ones stay so."""
        if not value or self.justify is Justify.LEFT_SPACES:
            return value.ljust(self.length)
        return value.rjust(self.length, "0")

    def fault(self, raw: str) -> FileFault | None:
        """Return what is wrong with the column's characters, or None."""
        if re.fullmatch(self.pattern, raw) is not None:
            return None
        if self.constant:
            return FileFault.FIELD_VALUE
        missing = self.required and not raw.strip(" ")
        return FileFault.FIELD_MISSING if missing else FileFault.FIELD_ALPHABET


def constant(first: int, text: str, meaning: str = "") -> Column:
    """Return a column that shows one text, always."""
    return Column("", first, first + len(text) - 1, constant=text, meaning=meaning)


def spaces(first: int, last: int) -> Column:
    """Return a column of spaces."""
    return Column("", first, last, constant=" " * (last - first + 1))


def text(name: str, first: int, last: int, meaning: str = "", *, required: bool = False) -> Column:
    """Return a column of printable ASCII, left-justified, filled with spaces."""
    return Column(name, first, last, required=required, meaning=meaning)


def card(name: str, first: int, last: int, meaning: str = "", *, required: bool = False) -> Column:
    """Return a column of digits, left-justified, filled with spaces: a card number's."""
    digits = Alphabet.DIGITS
    return Column(name, first, last, alphabet=digits, required=required, meaning=meaning)


def number(name: str, first: int, last: int, meaning: str = "", *, blank: bool = False) -> Column:
    """Return a column of digits, right-justified, filled with zeros; maybe all spaces instead."""
    kind, side = Alphabet.DIGITS, Justify.RIGHT_ZEROS
    return Column(name, first, last, kind, side, required=not blank, meaning=meaning)


def choice(name: str, at: int, choices: str, meaning: str = "") -> Column:
    """Return a column of one character out of a few; a space among them means absent."""
    return Column(name, at, at, choices=choices, required=" " not in choices, meaning=meaning)


class FixedRecord:
    """A record type: its columns, which cover it. Raises ValueError if they don't."""

    def __init__(self, name: str, length: int, *columns: Column) -> None:
        position = 1
        for column in columns:
            if column.first != position or column.last < column.first:
                raise ValueError(f"{name}: a gap or an overlap at position {position}")
            position = column.last + 1
        if position != length + 1:
            raise ValueError(f"{name}: the columns end at {position - 1}")
        self.name: Final = name
        self.length: Final = length
        self.columns: Final = columns
        self._named: Final = tuple(column for column in columns if column.name)
        self._names: Final = tuple(column.name for column in self._named)
        groups = (f"({each.pattern})" if each.name else each.pattern for each in columns)
        # All the columns in one go, in C: this is the hot path of a file of a million records.
        self._match: Final = re.compile("".join(groups)).fullmatch

    def unpack(self, line: Line) -> Mapping[str, str]:
        """Return the values by column name. Raises FileRefused with the column's offset."""
        found = self._match(line.text)
        if found is None:
            raise self._refusal(line)
        return {
            name: raw.rstrip(" ") for name, raw in zip(self._names, found.groups(), strict=True)
        }

    def pack(self, values: Mapping[str, str]) -> str:
        """Return the record, without line end. Raises RecordInvalid, naming the column only."""
        parts = [each.constant or each.filled(values[each.name]) for each in self.columns]
        packed = "".join(parts)
        # No part is too short, so a record of the right length has all its columns in their places.
        if len(packed) != self.length:
            sizes = zip(self.columns, parts, strict=True)
            column = next(each for each, part in sizes if len(part) != each.length)
        elif self._match(packed) is None:
            column, _ = self._first_fault(packed)
        else:
            return packed
        raise RecordInvalid(f"record {self.name}: {column.name} does not fit its column")

    def offset_of(self, line: Line, name: str) -> int:
        """Return where a column of a line starts in the file."""
        return line.offset + next(each.first for each in self.columns if each.name == name) - 1

    def refuse(self, line: Line, name: str, fault: FileFault) -> FileRefused:
        """Return the refusal of a file for a column of this record."""
        return FileRefused(fault, self.offset_of(line, name), field=name)

    def _refusal(self, line: Line) -> FileRefused:
        if len(line.text) != self.length:
            if not line.terminated and len(line.text) < self.length:
                return FileRefused(FileFault.TRUNCATED, line.after)
            return FileRefused(FileFault.RECORD_LENGTH, line.offset)
        column, fault = self._first_fault(line.text)
        return FileRefused(fault, line.offset + column.first - 1, field=column.name)

    def _first_fault(self, shown: str) -> tuple[Column, FileFault]:
        """Return the first column that doesn't fit, of a record that doesn't."""
        faults = ((each, each.fault(shown[each.first - 1 : each.last])) for each in self.columns)
        return next((column, fault) for column, fault in faults if fault is not None)
