"""State how much of what is sent is disturbed, and how; every rate is a percentage."""

from dataclasses import dataclass, field, fields
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbances:
    """Hold rates from 0 to 100; the default disturbs nothing. Who is hit is drawn: see `fate`."""

    # What became of cards (of renumbered ones).
    chains: float = 0  # renumbered again by now; of these as many once more; four steps at most
    cycles: float = 0  # given their first number back
    # How chains are told.
    chain_spread: float = 0  # a step a day, instead of all in one file
    chain_reversed: float = 0  # the last step first
    chain_cuts: float = 0  # the first step is never told
    # How rows are told.
    omit: float = 0  # of rows without news: never sent
    omit_news: float = 0  # of rows with news: never sent
    duplicate_rows: float = 0  # a second time, to the letter, in the same file
    repeat_rows: float = 0  # once more on the next day
    reorder: float = 0  # in another place of the same file
    contradict: float = 0  # beside a row that brings another new number
    corrections: float = 0  # of new numbers and expiries: wrong at first, corrected the next day
    unknown_codes: float = 0  # of rows without news: a code that is in no document
    closed_with_number: float = 0  # of closed rows: a new number nobody should use
    unasked: float = 0  # one row more, about a number that nobody asked about
    # How files are told.
    closed_bursts: float = 0  # of requests: nine in ten of its cards are told closed
    truncate: float = 0  # ends inside its last record
    wrong_trailer: float = 0  # one of the ways the format knows
    duplicate_files: float = 0  # the same bytes under a second name
    conflicting_files: float = 0  # an hour later, other answers as if it were the same file
    # Switches.
    redeliver: bool = field(default=True)  # the right file follows a truncated or miscounted one
    visa_opt_outs: bool = field(default=False)  # Visa's O arrives as O, not as P

    @property
    def touch_rows(self) -> bool:
        """Tell whether anything but the day is to be drawn for each row."""
        return any(getattr(self, name) for name in _OF_ROWS)

    @property
    def extra_days(self) -> int:
        """Return for how many days after a card's first row more rows about it may come."""
        spread = 3 if self.chain_spread and (self.chains or self.cycles) else 0
        return max(spread, 1 if self.corrections else 0) + (1 if self.repeat_rows else 0)


SWITCHES: Final = frozenset({"redeliver", "visa_opt_outs"})
RATES: Final = tuple(each.name for each in fields(Disturbances) if each.name not in SWITCHES)
_OF_FILES: Final = frozenset(
    {"truncate", "wrong_trailer", "duplicate_files", "conflicting_files", "chains", "cycles"}
)
_OF_ROWS: Final = tuple(name for name in RATES if name not in _OF_FILES)
