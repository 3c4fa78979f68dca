"""Take card-number-like digits out of log text: the second wall, behind types that can't print.

A hit means that the first wall failed somewhere: it is counted and should page.
"""

import re
from typing import Final

REDACTED: Final = "[redacted]"
_SHORTEST: Final = 12
_LONGEST: Final = 19
# Groups of digits with one space or hyphen between: the ways people and files write numbers.
_RUN: Final = re.compile(r"[0-9](?:[ -]?[0-9]){11,}", re.ASCII)
_GROUP: Final = re.compile(r"[0-9]+", re.ASCII)


def redact(text: str) -> tuple[str, int]:
    """Return the text with suspicious digit runs replaced, and how many were.

    Suspicious: consecutive groups that together have 12-19 digits and pass the Luhn check, and
    any unbroken run of 20 digits or more, in which a number could hide at any offset.
    """
    if len(text) < _SHORTEST:
        return text, 0
    hits = 0

    def clean(match: re.Match[str]) -> str:
        nonlocal hits
        cleaned, found = _clean_run(match[0])
        hits += found
        return cleaned

    return _RUN.sub(clean, text), hits


def _clean_run(run: str) -> tuple[str, int]:
    groups = [(m.start(), m.end()) for m in _GROUP.finditer(run)]
    pieces: list[str] = []
    kept, index, hits = 0, 0, 0
    while index < len(groups):
        end = _suspicious(run, groups, index)
        if end is None:
            index += 1
            continue
        pieces += (run[kept : groups[index][0]], REDACTED)
        kept, index, hits = groups[end][1], end + 1, hits + 1
    pieces.append(run[kept:])
    return "".join(pieces), hits


def _suspicious(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Return the last of the groups, from `first` on, that together look like a number."""
    digits = ""
    found = None
    for index in range(first, len(groups)):
        start, end = groups[index]
        if index == first and end - start > _LONGEST:
            return index
        digits += run[start:end]
        if len(digits) > _LONGEST:
            break
        if len(digits) >= _SHORTEST and _luhn(digits):
            found = index
    return found


def _luhn(digits: str) -> bool:
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0
