"""Keep the issuers' side of the truth: what became of each card, decided by a seed alone."""

import bisect
import hashlib
import hmac
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from updater.simulator.numbers import CardNumber
from updater.simulator.reissue import demanded, flipped, renumbered, stray, was_renumbered

MAX_STEPS: Final = 4


class Outcome(StrEnum):
    """Say what became of a card. Values are CyberSource's codes, but BRAND (a NAN) and OPT."""

    CURRENT = "CUR"
    NEW_NUMBER = "NAN"
    NEW_EXPIRY = "NED"
    CLOSED = "ACL"
    CONTACT = "CCH"
    BRAND_CHANGE = "BRAND"
    NO_MATCH = "NUP"
    UNAVAILABLE = "UNA"
    OPTED_OUT = "OPT"  # Amex's DEC 862; elsewhere as the format tells it


class Expiry(NamedTuple):
    """Name the last month a card is valid in; the year has four digits, 2000 to 2099."""

    month: int
    year: int


class Rates:
    """Hold the share of each outcome in percent. Raises ValueError unless they sum to 100."""

    __slots__ = ("_limits", "_outcomes", "shares")

    def __init__(self, shares: Mapping[Outcome, float]) -> None:
        if any(not share >= 0 for share in shares.values()):  # refuses NaN too
            raise ValueError("a rate is a percentage, not negative")
        if not abs(sum(shares.values()) - 100) < 1e-9:
            raise ValueError("the rates must sum to 100")
        self.shares: Final = MappingProxyType(dict(shares))
        self._outcomes: Final = [each for each in Outcome if shares.get(each, 0) > 0]
        self._limits: Final = list(itertools.accumulate(shares[each] for each in self._outcomes))

    def pick(self, draw: float) -> Outcome:
        """Return the outcome at `draw`, which is in [0, 1)."""
        index = bisect.bisect_right(self._limits, draw * 100)
        return self._outcomes[min(index, len(self._outcomes) - 1)]


DEFAULT_RATES: Final = Rates(
    {
        Outcome.CURRENT: 55,
        Outcome.NEW_NUMBER: 15,
        Outcome.NEW_EXPIRY: 10,
        Outcome.CLOSED: 5,
        Outcome.CONTACT: 5,
        Outcome.BRAND_CHANGE: 4,
        Outcome.NO_MATCH: 4,
        Outcome.UNAVAILABLE: 2,
    }
)


@dataclass(frozen=True, slots=True)
class Truth:
    """Tell what became of one card. `new_expiry` may be absent beside a new number."""

    outcome: Outcome
    new_pan: CardNumber | None = None
    new_expiry: Expiry | None = None


class IssuerLedger:
    """Answer for every issuer. Pure: the same seed, rates and question give the same truth.

    `chains` is how many percent of renumbered cards were renumbered once more by now, and so on;
    `cycles`, how many percent of renumbered ones got their first number back.

    No two numbers get one new number, unless `demand` forces it. A question about an expiry that
    the issuer already gave is answered CUR, so asking again after applying changes nothing.
    """

    def __init__(
        self, seed: int, rates: Rates = DEFAULT_RATES, *, chains: float = 0, cycles: float = 0
    ) -> None:
        self._key: Final = hashlib.sha256(b"cardvault issuer ledger 1 %d" % seed).digest()
        self._rates: Final = rates
        self._chains: Final = chains / 100
        self._cycles: Final = cycles / 100

    def truth(
        self, pan: CardNumber, expiry: Expiry | None = None, *, demand: Outcome | None = None
    ) -> Truth:
        """Return what became of `pan`, asked about with `expiry` (None: not said).

        `demand` replaces the drawn outcome. A drawn new number that can't be given uniquely (see
        `reissue`) becomes, for a brand change, one of the same brand, and else CUR; a new expiry
        needs an asked one below 2094, else CUR.
        """
        if demand is None and self._goes_on(pan):
            outcome = Outcome.NEW_NUMBER
        else:
            outcome = demand or self._rates.pick(self._draw("outcome", pan))
        if outcome in {Outcome.NEW_NUMBER, Outcome.BRAND_CHANGE}:
            return self._new_number(pan, expiry, outcome, insist=demand is not None)
        if outcome is Outcome.NEW_EXPIRY:
            # Without an asked expiry the outcome is known, the date is not.
            if expiry is None:
                return Truth(outcome)
            later = self._later(pan, expiry)
            if later is None or self._is_issued(pan, expiry):
                return Truth(Outcome.CURRENT)
            return Truth(outcome, new_expiry=later)
        return Truth(outcome)

    def steps(
        self, pan: CardNumber, expiry: Expiry | None = None, *, demand: Outcome | None = None
    ) -> tuple[Truth, ...]:
        """Return what became of `pan`, then what became of its successor, and so on: a chain.

        One truth, unless the card was renumbered (not to another brand) and `chains` or `cycles`
        say more. A successor that is asked about itself gives the rest of the same chain.
        """
        first = self.truth(pan, expiry, demand=demand)
        if first.outcome is not Outcome.NEW_NUMBER or first.new_pan is None:
            return (first,)
        known = first.new_expiry or expiry
        if self._cycles and self._draw("cycle", pan) < self._cycles:
            later = self._later(pan, known) if known else None
            return first, Truth(Outcome.NEW_NUMBER, pan, later)
        found, new = [first], first.new_pan
        while len(found) < MAX_STEPS and self._goes_on(new):
            step = self._new_number(new, known, Outcome.NEW_NUMBER, insist=False)
            if step.new_pan is None:
                break
            found.append(step)
            new, known = step.new_pan, step.new_expiry or known
        return tuple(found)

    def stray(self, pan: CardNumber, label: str) -> CardNumber:
        """Return a number of the same range that is nobody's."""
        return stray(self._key, pan, label)

    def expiry_on_card(self, pan: CardNumber, expiry: Expiry) -> Expiry:
        """Return the month and year printed on the card, the first such after `expiry`'s year."""
        return self._later(pan, expiry) or expiry

    def echoes_number(self, pan: CardNumber) -> bool:
        """Tell whether this issuer repeats the number beside a new expiry; half of them do."""
        return self._draw("echo", pan) < 0.5

    def _goes_on(self, pan: CardNumber) -> bool:
        """Tell whether a number that was given by renumbering was replaced in its turn."""
        return self._chains > 0 and was_renumbered(pan) and self._draw("again", pan) < self._chains

    def _new_number(
        self, pan: CardNumber, expiry: Expiry | None, outcome: Outcome, *, insist: bool
    ) -> Truth:
        flip = outcome is Outcome.BRAND_CHANGE
        found = flipped(self._key, pan) if flip else renumbered(self._key, pan)
        if found is None and insist:
            found = demanded(self._key, pan, flip=flip)
        if found is None and flip:
            outcome, found = Outcome.NEW_NUMBER, renumbered(self._key, pan)
        if found is None:
            return Truth(Outcome.CURRENT)
        # One in ten says nothing of the expiry: the merchant keeps the old one.
        silent = expiry is None or self._draw("silent", pan) < 0.1
        return Truth(outcome, found, None if silent or expiry is None else self._later(pan, expiry))

    def _issued(self, pan: CardNumber) -> tuple[int, int]:
        """Return the month this issuer prints on the card, and the year modulo five."""
        return 1 + int(self._draw("month", pan) * 12), int(self._draw("year", pan) * 5)

    def _is_issued(self, pan: CardNumber, expiry: Expiry) -> bool:
        return (expiry.month, expiry.year % 5) == self._issued(pan)

    def _later(self, pan: CardNumber, expiry: Expiry) -> Expiry | None:
        """Return the expiry now on the card, one to five years after the asked year."""
        month, residue = self._issued(pan)
        year = expiry.year + 1 + (residue - expiry.year - 1) % 5
        return Expiry(month, year) if year <= 2099 else None  # the file has two-digit years

    def _draw(self, label: str, pan: CardNumber) -> float:
        mac = hmac.digest(self._key, f"{label} {pan.reveal()}".encode(), hashlib.sha256)
        return (int.from_bytes(mac[:8]) >> 11) / 2**53
