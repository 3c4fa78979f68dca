"""What the fixed-width formats share: lines of one width, and questions made when they are read."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, overload

from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.request import Question

MAX_BYTES: Final = 100_000_000


class Questions(Sequence[Question]):
    """Read questions out of lines, each when it is asked for: a million of them take no room."""

    __slots__ = ("_lines", "_read")

    def __init__(self, lines: Sequence[str], read: Callable[[int, str], Question]) -> None:
        self._lines = lines
        self._read = read

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Question]:
        return map(self._read, range(1, len(self._lines) + 1), self._lines)

    @overload
    def __getitem__(self, index: int) -> Question: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Question]: ...

    def __getitem__(self, index: int | slice) -> Question | Sequence[Question]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        where = range(len(self))[index]
        return self._read(where + 1, self._lines[where])


def matched(lines: Sequence[str], index: int, layout: re.Pattern[str]) -> re.Match[str]:
    """Return line `index` taken apart. Raises RequestRejected naming the line, from 1."""
    where = range(len(lines))[index] if -len(lines) <= index < len(lines) else 0
    found = layout.fullmatch(lines[where]) if lines else None
    if found is None or not lines[where].isprintable():
        raise RequestRejected(RejectReason.BAD_STRUCTURE, where + 1 if lines else 0)
    return found


def check_all(lines: Sequence[str], layout: re.Pattern[str], *, first: int) -> None:
    """Check that every line is laid out so; `first` is the number of the first one in its file."""
    fits = layout.fullmatch
    for number, line in enumerate(lines, start=first):
        if fits(line) is None or not line.isprintable():
            raise RequestRejected(RejectReason.BAD_STRUCTURE, number)


def expiry_parts(yymm: str) -> tuple[str, str]:
    """Return month and year of a YYMM field, whatever is in it."""
    return yymm[2:], yymm[:2]
