"""Write one response file: the rows of one day, in their order, framed as the format has it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from updater.simulator.formats import Format, Head, Trailer
from updater.simulator.request import Case, RequestFile
from updater.simulator.rows import Says
from updater.simulator.rules import Rules
from updater.simulator.story import Kind
from updater.simulator.teller import Teller


@dataclass(slots=True)
class Sheet:
    """Hold the records of one file, and what they are. Card numbers are in it."""

    lines: list[str] = field(repr=False)
    codes: Counter[str]
    kinds: Counter[Kind]


def sheet(rules: Rules, case: Case, day: int, *, many_to_one: bool = False) -> Sheet:
    """Return the rows about a request that are sent on one day, the first being 0.

    `many_to_one` gives every new number as the first one.
    """
    teller, request = Teller(rules, case), case.request
    record, code = rules.form.record, rules.form.code
    split = rules.all_days > 1
    found = Sheet([], Counter(), Counter())
    lines, codes, kinds = found.lines, found.codes, found.kinds
    moves: list[tuple[int, int]] = []
    shared = ""
    for question in request.questions:
        if split and not teller.may_speak(question, day):
            continue
        for on, row, kind, move in teller.story(question).sent:
            if on != day:
                continue
            if many_to_one and row.says is Says.NEW_NUMBER:
                shared = row.new = shared or row.new
            if move is not None:
                moves.append((move, len(lines)))
            lines.append(record(rules.seed, case.identity, request, row))
            codes[code(request, row)] += 1
            kinds[kind] += 1
    _change_places(lines, moves)
    return found


def _change_places(lines: list[str], moves: Sequence[tuple[int, int]]) -> None:
    """Let the lines that move take each other's places, in the order of their ranks."""
    places = [place for _, place in moves]
    order = [place for _, place in sorted(moves)]
    if order == places:  # as drawn, nobody would move
        order = order[1:] + order[:1]
    moved = [lines[place] for place in order]
    for place, line in zip(places, moved, strict=True):
        lines[place] = line


def text_of(
    form: Format,
    request: RequestFile,
    head: Head,
    lines: Sequence[str],
    *,
    trailer: Trailer = Trailer.RIGHT,
    cut: bool = False,
) -> bytes:
    """Return the file's bytes. `cut` ends it inside its last record before the trailer."""
    opening, count = form.opening(request, head), len(lines)
    if not count and trailer in _NEED_RECORDS:
        trailer = Trailer.MORE
    closing = form.closing(request, count, trailer)
    if trailer is Trailer.MISSING:
        closing.pop()
    if trailer is Trailer.DOUBLED:
        closing.append(closing[-1])
    if trailer is Trailer.EARLY:
        opening, closing = [*opening, *closing], []
    if cut:
        whole = [*opening, *lines]
        whole[-1] = whole[-1][: len(whole[-1]) // 2]
        return "\n".join(whole).encode("ascii")
    return "".join(f"{line}\n" for line in (*opening, *lines, *closing)).encode("ascii")


_NEED_RECORDS: Final = frozenset({Trailer.FEWER, Trailer.EARLY})
