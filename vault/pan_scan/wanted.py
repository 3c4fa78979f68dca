"""What is looked for in a run of digits: certain numbers, or whatever is a card number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from cards.brands import Brand, rule_of
from cards.luhn import luhn_sum

MAX_DIGITS: Final = 19
_MIN_DIGITS: Final = 12
AROUND: Final = 40
"""Bytes before and behind a number that decide whether it is one: a UUID has 36 characters."""

# The words that cards.masking exempts, with any neighbours, and digests: among thousands of those
# some have a run of digits that looks like a number.
_NO_NUMBERS: Final = re.compile(
    rb"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    rb"|tok_0[0-9a-hjkmnp-tv-z]{25}"
    rb"|[0-9a-f]{32,}"
)


class Span(NamedTuple):
    """Where in a run of digits a number lies. `number` is its place in the list, None: unlisted."""

    start: int
    length: int
    number: int | None


class Wanted(Protocol):
    """Looks into runs of digits; in dense data (BCD) such runs are everywhere by chance."""

    in_dense_data: bool

    def ignores(self, text: bytes, start: int, end: int) -> bool:
        """Tell whether what was found at `start` to `end` of a text is no number, by its place."""

    def find(self, run: bytes, pieces: Sequence[tuple[int, int]]) -> Iterator[Span]:
        """Yield what is wanted in `run`, ASCII digits; `pieces` are spans without separators."""


class NumbersInvalid(Exception):
    """A list of numbers can't be used. Its text names lines, never what stands there."""


class GivenNumbers:
    """Looks for certain numbers, anywhere in a run: one dictionary look-up a place, not a number.

    Never printed: it holds the numbers.
    """

    in_dense_data = True

    def __init__(self, numbers: Sequence[str]) -> None:
        if not numbers:
            raise NumbersInvalid("there is no number to look for")
        self._numbers: Final[dict[bytes, int]] = {}
        seconds: defaultdict[str, set[str]] = defaultdict(set)
        for index, digits in enumerate(numbers):
            good = _MIN_DIGITS <= len(digits) <= MAX_DIGITS and digits.isascii()
            if not (good and digits.isdigit()):
                raise NumbersInvalid(f"line {index + 1} is not 12 to 19 digits")
            self._numbers.setdefault(digits.encode(), index)
            seconds[digits[0]].add(digits[1])
        self._lengths: Final = sorted({len(number) for number in self._numbers}, reverse=True)
        # Where a number may begin, by its first two digits; pages of zeros are skipped at C speed.
        self._starts: Final = re.compile(
            "|".join(f"{one}(?=[{''.join(sorted(two))}])" for one, two in seconds.items()).encode()
        )

    def __len__(self) -> int:
        return len(self._numbers)

    def ignores(self, text: bytes, start: int, end: int) -> bool:
        """Ignore nothing: a given number is one wherever it stands."""
        return False

    def find(self, run: bytes, pieces: Sequence[tuple[int, int]]) -> Iterator[Span]:
        """Yield every place of every given number."""
        for match in self._starts.finditer(run):
            start = match.start()
            for length in self._lengths:
                end = start + length
                number = self._numbers.get(run[start:end]) if end <= len(run) else None
                if number is not None:
                    yield Span(start, length, number)

    def __repr__(self) -> str:
        return f"<{len(self)} numbers>"


class AnyCardNumber:
    """Looks for whole runs that are Luhn-valid, of a known brand and of one of its lengths.

    Not in BCD: any ciphertext holds such runs by chance.
    """

    in_dense_data = False

    def ignores(self, text: bytes, start: int, end: int) -> bool:
        """Ignore what lies inside a UUID, a token of ours or a digest in hex."""
        first = max(0, start - AROUND)
        around = text[first : end + AROUND]
        return any(
            first + word.start() <= start and end <= first + word.end()
            for word in _NO_NUMBERS.finditer(around)
        )

    def find(self, run: bytes, pieces: Sequence[tuple[int, int]]) -> Iterator[Span]:
        """Yield the run itself if it is a card number, else each piece that is one."""
        if _is_card_number(run):
            yield Span(0, len(run), None)
            return
        for start, end in pieces:
            if (start, end) != (0, len(run)) and _is_card_number(run[start:end]):
                yield Span(start, end - start, None)


def _is_card_number(run: bytes) -> bool:
    if not _MIN_DIGITS <= len(run) <= MAX_DIGITS:
        return False
    digits = run.decode("ascii")
    rule = rule_of(digits)
    return rule.brand is not Brand.UNKNOWN and len(digits) in rule.lengths and not luhn_sum(digits)
