"""Plan the files that answer a request: by the rules and its identity, before any row is known."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from updater.simulator.fate import limit
from updater.simulator.formats import Trailer
from updater.simulator.request import Case
from updater.simulator.rules import Rules

DAY: Final = timedelta(days=1)
CONFLICT_AFTER: Final = timedelta(hours=1)
AGAIN_AFTER: Final = timedelta(hours=2)


class What(StrEnum):
    """Say what kind of file is sent."""

    ANSWER = "answer"
    TRUNCATED = "truncated"
    WRONG_TRAILER = "wrong trailer"
    CONFLICTING = "conflicting"  # other answers, as if it were the same file
    AGAIN = "again"  # the right file, after one that could not be used


class Slot(NamedTuple):
    """One file: its number in its name, the day whose rows it holds, and when it is due."""

    number: int
    day: int
    after: timedelta  # since the request came
    what: What
    trailer: Trailer = Trailer.RIGHT
    twice: bool = False  # the same bytes under a second name, too


def slots(rules: Rules, identity: str) -> list[Slot]:
    """Return the files for a request, as they are due. A later day's may turn out empty: none."""
    rates, days = rules.script.disturbances, rules.all_days
    found = []
    for day in range(days):
        draws = rules.fates.of_file(identity, day)
        slot = Slot(day + 1, day, day * DAY, What.ANSWER)
        if draws[0] < limit(rates.truncate):
            slot = slot._replace(what=What.TRUNCATED)
        elif draws[1] < limit(rates.wrong_trailer):
            ways = rules.form.wrong_trailers
            slot = slot._replace(what=What.WRONG_TRAILER, trailer=ways[draws[2] % len(ways)])
        else:
            slot = slot._replace(twice=draws[3] < limit(rates.duplicate_files))
            if draws[4] < limit(rates.conflicting_files):
                after = slot.after + CONFLICT_AFTER
                found.append(Slot(slot.number, day, after, What.CONFLICTING))
        found.append(slot)
        if slot.what is not What.ANSWER and rates.redeliver:
            found.append(Slot(slot.number + days, day, slot.after + AGAIN_AFTER, What.AGAIN))
    return sorted(found, key=lambda slot: (slot.after, slot.number))


def lost_days(rules: Rules, identity: str) -> frozenset[int]:
    """Return the days whose rows are in no file that can be used."""
    spoiled = {What.TRUNCATED, What.WRONG_TRAILER}
    planned: Sequence[Slot] = slots(rules, identity)
    told = {slot.day for slot in planned if slot.what in {What.ANSWER, What.AGAIN}}
    return frozenset(slot.day for slot in planned if slot.what in spoiled) - told


def sequence_of(rules: Rules, case: Case, number: int) -> int:
    """Return a four-digit sequence: the files of one request differ, those of others by chance."""
    return (rules.fates.of_file(case.identity, -1)[0] + number) % 10_000
