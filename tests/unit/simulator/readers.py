"""Read response files by the positions of account-updater.md, and judge them without a ledger.

Nothing here is the simulator's code: this is what a careful reader of all files may conclude.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.unit.simulator.requests import CS, GP

# What each code says, as in section B.
NEW, EXPIRY, CLOSED, CONTACT, EITHER = "new", "expiry", "closed", "contact", "closed or contact"
OPTED_OUT, CORRECTED, NOTHING = "opted out", "corrected", "nothing"
CODES: Mapping[str, Mapping[str, str]] = {
    CS: {"NAN": NEW, "NED": EXPIRY, "ACL": CLOSED, "CCH": CONTACT},
    "V": {"A": NEW, "E": EXPIRY, "C": CLOSED, "Q": CONTACT, "O": OPTED_OUT},
    "M": {"UPDATE": NEW, "EXPIRY": EXPIRY, "CONTAC": EITHER},
    "D": {"A": NEW, "E": EXPIRY, "C": CLOSED, "Q": CONTACT, "O": CORRECTED},
    "mes": {"NEWACCT": NEW, "NEWEXP": EXPIRY, "CLOSED": CLOSED, "CALL": CONTACT},
}


class Seen(NamedTuple):
    """One record as read; never printed."""

    old: str
    old_expiry: str  # YYMM
    new: str
    new_expiry: str
    code: str
    says: str
    reference: str

    def __repr__(self) -> str:
        return f"<Seen {self.code}>"


@dataclass(frozen=True)
class Read:
    """One file as read."""

    created: str  # GP's own time and sequence; empty where the format has none
    rows: Sequence[Seen]


class Unusable(ValueError):
    """The file is not whole."""


def read(form: str, text: bytes) -> Read:
    """Read a response. Raises Unusable if its frame is not exactly right."""
    if form == CS:
        return _cybersource(text)
    return _bigbatch(text) if form == GP else _aus(text)


def _cybersource(text: bytes) -> Read:
    records = list(csv.reader(io.StringIO(text.decode("ascii"))))
    kinds = "".join(record[0] for record in records)
    count = len(records) - 2
    if kinds != f"H{'D' * count}F" or records[-1] != ["F", str(count)]:
        raise Unusable
    if any(len(record) != 12 for record in records[1:-1]):
        raise Unusable
    return Read("", [_from_csv(record) for record in records[1:-1]])


def _from_csv(field: list[str]) -> Seen:
    says = CODES[CS].get(field[10], NOTHING)
    if field[10:] == ["DEC", "862"]:
        says = OPTED_OUT
    return Seen(
        field[2], field[4] + field[3], field[5], field[7] + field[6], field[10], says, field[8]
    )


def _bigbatch(text: bytes) -> Read:
    lines = text.decode("ascii").split("\n")
    kinds = [line[:2] for line in lines]
    if kinds != ["FH", "TH", *["DI"] * (len(lines) - 5), "TT", "FT", ""]:
        raise Unusable
    if any(len(line) != 80 for line in lines[:-1]):
        raise Unusable
    head, foot = lines[0], lines[-2]
    if foot[2:6] != head[28:32] or foot[6:16] != str(len(lines) - 1).rjust(10, "0"):
        raise Unusable
    flag = head[21]
    return Read(head[4:20], [_from_di(line, flag) for line in lines[2:-3]])


def _from_di(line: str, flag: str) -> Seen:
    code = line[73:79].rstrip() if flag == "M" or line[71] == " " else line[71]
    return Seen(
        line[25:44].rstrip(),
        line[44:48].strip(),
        line[48:67].rstrip(),
        line[67:71].strip(),
        code,
        CODES[flag].get(code, NOTHING),
        "",
    )


def _aus(text: bytes) -> Read:
    lines = text.decode("ascii").split("\n")
    widths = [len(line) for line in lines]
    if widths != [40, *[124] * (len(lines) - 3), 8, 0]:
        raise Unusable
    if lines[-2] != f"T1{len(lines) - 3:06}":
        raise Unusable
    rows = [
        Seen(
            line[6:38].rstrip(),
            line[38:42].strip(),
            line[46:78].rstrip(),
            line[78:82].strip(),
            line[82:90].rstrip(),
            CODES["mes"].get(line[82:90].rstrip(), NOTHING),
            line[92:].rstrip(),
        )
        for line in lines[1:-2]
    ]
    return Read("", rows)


@dataclass(frozen=True)
class Verdict:
    """What a reader of all files knows of one card; numbers are in it."""

    final: str
    expiry: str
    status: str
    clear: bool
    answered: bool

    def __repr__(self) -> str:
        return f"<Verdict {self.status} clear={self.clear} answered={self.answered}>"


class Reader:
    """Know all files, which are in the order of their arrival."""

    def __init__(self, files: Sequence[Read]) -> None:
        self._timed = any(file.created for file in files)
        self._told: dict[str, list[tuple[int, Seen]]] = {}
        for index, file in enumerate(files):
            for row in file.rows:
                self._told.setdefault(row.old, []).append((index, row))

    def judge(self, number: str, expiry: str) -> Verdict:
        """Follow one card, asked about with an expiry (YYMM), to its last number."""
        current, came, seen = number, -1, {number}
        answered = bool(self._told.get(number))
        while True:
            found = _settled(self._told.get(current, []))
            if not found:
                return Verdict(current, expiry, "active", found is not None, answered)
            index, row = found[0]
            if row.says in {CLOSED, CONTACT, EITHER, OPTED_OUT}:  # what is new beside it is noise
                return Verdict(current, expiry, row.says, clear=True, answered=answered)
            expiry = row.new_expiry or expiry
            if not row.new or row.new == current:
                return Verdict(current, expiry, "active", clear=True, answered=answered)
            if row.new in seen:  # back to where it was: only time tells which was the last word
                clear = self._timed and index > came
                return Verdict(row.new, expiry, "active", clear, answered)
            seen.add(row.new)
            current, came = row.new, index


def _settled(told: Sequence[tuple[int, Seen]]) -> Sequence[tuple[int, Seen]] | None:
    """Return the one row that counts about a number, none, or None if rows contradict."""
    by_file: dict[int, set[tuple[str, str, str]]] = {}
    for index, row in told:
        by_file.setdefault(index, set()).add((row.new, row.new_expiry, row.code))
    if any(len(contents) > 1 for contents in by_file.values()):
        return None
    news = [(index, row) for index, row in told if row.says != NOTHING]
    corrections = [each for each in news if each[1].says == CORRECTED]
    if corrections:
        return corrections[-1:]
    if len({(row.new, row.new_expiry, row.code) for _, row in news}) > 1:
        return None
    return news[:1]
