"""Follow one chain through the database, record by record, and say where it was touched.

A record says itself where it belongs (`chain`, `seq`), its hash links it to the one before, and a
checkpoint fixes both for good. So a record out of its place is told from an edited one, and what
was rewritten together with all hashes is still narrowed down to a stretch between checkpoints.
Memory: one tree, as its compact range.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from vault.adapters.audit_verify.findings import Kind, Report
from vault.adapters.audit_verify.trail import StoredChain, StoredRecord, Trail
from vault.crypto.checkpoints import ChainMark
from vault.crypto.merkle import CompactRange, leaf_hash
from vault.domain.audit import GENESIS, ChainHead, chained_hash, ended_by

_MOST: Final = 1 << 62  # more than SQLite counts would be a stranger's number


class ChainWalk:
    """One pass over one chain. `at` is the number of the last record that was accounted for."""

    def __init__(self, file: Trail, chain: str, report: Report) -> None:
        self._file: Final = file
        self.chain: Final = chain
        self._report: Final = report
        self._rows: Final[Iterator[StoredRecord]] = file.records(chain)
        self._next: StoredRecord | None = next(self._rows, None)
        self.at = 0
        self.head = GENESIS
        self.signed = 0  # the size in the last checkpoint
        self.ended: tuple[ChainHead, ...] = ()  # chains that our first record or a reap ended
        self.touched = False
        self._shift = 0  # how far the numbers in the table have moved from those in the records
        self._tree: CompactRange | None = CompactRange()
        self._touched_since_mark = False
        self._missing = 0  # the highest record that is known of and not there
        self._odd_before = False  # the record before was out of order: its link says nothing

    def follow(self, mark: ChainMark) -> None:
        """Walk to where a signed checkpoint saw this chain, and compare."""
        if mark.size < self.signed:
            self._found(Kind.REWRITTEN, mark.size + 1, self.signed, "a checkpoint took it back")
            return
        self.advance(mark.size)
        tree, whole = self._tree, self.at == mark.size
        if tree is None or not whole or tree.root() != mark.root:
            if not self._touched_since_mark:
                first, last = self._stretch(tree if whole else None, mark)
                self._found(Kind.REWRITTEN, first, last, "not what the checkpoint signed")
        elif self.head != mark.head and not self.touched:
            self._found(
                Kind.EDITED, mark.size, mark.size, "its hash is not what the checkpoint signed"
            )
        self._tree = CompactRange(mark.size, mark.nodes) if whole else None
        self.signed = mark.size
        self._touched_since_mark = False

    def advance(self, size: int) -> None:
        """Walk until record `size`, or as far as there are records."""
        while self.at < size:
            row = self._take()
            if row is None:
                self._missing = max(self._missing, size)  # told once, when all that miss it have
                self.touched = self._touched_since_mark = True
                return
            self._one(row)

    def finish(self, stored: StoredChain | None) -> None:
        """Walk to the chain's end, and compare with its head in the database."""
        while (row := self._take()) is not None:
            self._one(row)
        known = stored.sequence - self._shift if stored else 0
        missing = max(self._missing, known)
        if missing > self.at:
            self._found(Kind.TRUNCATED, self.at + 1, missing, "the chain ends before it")
        elif stored is None:
            self._found(Kind.ADDED, 1, self.at, "the database knows no such chain")
        elif known < self.at:
            self._found(Kind.ADDED, known + 1, self.at, "behind the chain's head")
        elif stored.hash != self.head and not self.touched:
            self._found(Kind.EDITED, self.at, self.at, "it is not what the chain's head says")

    def found(self, kind: Kind, first: int, last: int, why: str) -> None:
        """Report a finding about this chain that its neighbours know of."""
        self._found(kind, first, last, why)

    def _take(self) -> StoredRecord | None:
        row = self._next
        if row is not None:
            self._next = next(self._rows, None)
        return row

    def _one(self, row: StoredRecord) -> None:
        expected = self.at + 1
        place = self._place(row)
        if row.sequence < expected + self._shift:
            self._odd(Kind.DUPLICATED, place or expected, "two records have its number")
            return  # the first of the two has been taken for the real one
        if place == expected and row.sequence == expected + self._shift:
            self._in_place(row, expected)
        elif place is None:
            self._unreadable(row, expected)
        elif row.sequence > expected + self._shift:
            self._behind_a_gap(row, place, expected)
        else:
            self._misplaced(row, place, expected)

    def _in_place(self, row: StoredRecord, number: int) -> None:
        if chained_hash(self.head, row.record) != row.hash and not self._odd_before:
            why = "it does not fit its hash"
            if number > 1:
                why += f" (or record {number - 1} was edited together with its hash)"
            self._found(Kind.EDITED, number, number, why)
            self._accept(row, number)
            self._odd_before = True
            return
        if _time_of(row) != row.time:
            self._found(Kind.EDITED, number, number, "its time column is not the record's")
        self.ended += ended_by(row.record)
        self._accept(row, number)
        self._odd_before = False

    def _unreadable(self, row: StoredRecord, expected: int) -> None:
        """Handle bytes that are no record of this chain, or deny their own column."""
        missing = row.sequence - self._shift - expected
        if missing > 0:
            self._found(Kind.DROPPED, expected, expected + missing - 1, "it is not there")
        number = expected + max(0, missing)
        self._odd(Kind.EDITED, number, "it is no record of this chain")
        self._accept(row, number)

    def _behind_a_gap(self, row: StoredRecord, place: int, expected: int) -> None:
        if place == row.sequence - self._shift:
            self._found(Kind.DROPPED, expected, place - 1, "it is not there")
        else:
            self._found(Kind.REORDERED, place, place, f"it has the number {row.sequence}")
            self._shift = row.sequence - place
        self._odd_before = True
        self._accept(row, place)

    def _misplaced(self, row: StoredRecord, place: int, expected: int) -> None:
        """Handle a record that is not the one expected here: tell the cases by their neighbours."""
        after = self._place(self._next) if self._next is not None else None
        at_home = self._holds(place + self._shift, place)
        swapped = place == expected + 1 and not self._holds(row.sequence + 2, place)
        inserted = (after == expected and not swapped) or (
            self._next is None and self._beyond_the_end(expected)
        )
        if place > expected and not at_home and after in {None, place + 1}:
            self._found(Kind.DROPPED, expected, place - 1, "it is gone, and its number reused")
            self._shift = row.sequence - place
            self._odd_before = True
            self._accept(row, place)
        elif inserted:
            twice = at_home or self._holds(place + self._shift + 1, place)
            kind = Kind.DUPLICATED if twice else Kind.REORDERED
            self._odd(kind, place, f"it stands before record {expected}")
            self._shift += 1
        else:
            kind = Kind.DUPLICATED if at_home else Kind.REORDERED
            self._odd(kind, place, f"it stands in the place of record {expected}")
            self._accept(row, expected)

    def _beyond_the_end(self, number: int) -> bool:
        """Tell whether no record of this number was ever known of."""
        heads = (stored for stored in self._file.chains() if stored.chain == self.chain)
        return number > max([self.signed, *(stored.sequence - 1 for stored in heads)])

    def _holds(self, sequence: int, place: int) -> bool:
        row = self._file.record(self.chain, sequence)
        return row is not None and self._place(row) == place

    def _place(self, row: StoredRecord) -> int | None:
        """Return the number that a record gives itself, None for what is not of this chain."""
        try:
            fields = json.loads(row.record)
            number = fields["seq"]
            own = fields["chain"] == self.chain
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return number if own and isinstance(number, int) and 0 < number < _MOST else None

    def _accept(self, row: StoredRecord, number: int) -> None:
        """Take a row for record `number`."""
        if number != self.at + 1:
            self._tree = None  # what is missing leaves no hash behind
        if self._tree is not None:
            self._tree.append(leaf_hash(row.record))
        self.at = number
        self.head = row.hash
        self._report.records += 1

    def _odd(self, kind: Kind, number: int, why: str) -> None:
        self._found(kind, number, number, why)
        self._odd_before = True

    def _found(self, kind: Kind, first: int, last: int, why: str) -> None:
        self.touched = self._touched_since_mark = True
        self._report.add(kind, self.chain, first, last, why)

    def _stretch(self, tree: CompactRange | None, mark: ChainMark) -> tuple[int, int]:
        """Return the records that the trees disagree on, as narrowly as their nodes tell."""
        first, last = self.signed + 1, mark.size
        if tree is None or tree.size != mark.size:
            return first, last
        start, spans = 0, []
        for bit in range(mark.size.bit_length() - 1, -1, -1):
            if mark.size >> bit & 1:
                spans.append((start + 1, start + (1 << bit)))
                start += 1 << bit
        wrong = [
            span
            for span, ours, theirs in zip(spans, tree.nodes, mark.nodes, strict=True)
            if ours != theirs
        ]
        if not wrong:
            return first, last
        return max(first, wrong[0][0]), wrong[-1][1]


def _time_of(row: StoredRecord) -> int | None:
    fields = json.loads(row.record)  # an object: its place was read from it
    time = fields.get("time")
    return time if isinstance(time, int) else None
