"""Keep the issuers' side of the truth: what became of each card, decided by a seed alone."""

import hashlib
import hmac
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from updater.simulator.numbers import CardNumber
from updater.simulator.reissue import demanded, flipped, renumbered


class Outcome(StrEnum):
    """Say what became of a card. Values are response codes, but for BRAND, which is sent as NAN."""

    CURRENT = "CUR"
    NEW_NUMBER = "NAN"
    NEW_EXPIRY = "NED"
    CLOSED = "ACL"
    CONTACT = "CCH"
    BRAND_CHANGE = "BRAND"
    NO_MATCH = "NUP"
    UNAVAILABLE = "UNA"

    @property
    def code(self) -> str:
        """Return the response code of account-updater.md section 4.1."""
        return "NAN" if self is Outcome.BRAND_CHANGE else self.value


class Expiry(NamedTuple):
    """Name the last month a card is valid in; the year has four digits, 2000 to 2099."""

    month: int
    year: int


class Rates:
    """Hold the share of each outcome in percent. Raises ValueError unless they sum to 100."""

    __slots__ = ("shares",)

    def __init__(self, shares: Mapping[Outcome, float]) -> None:
        if any(not share >= 0 for share in shares.values()):  # refuses NaN too
            raise ValueError("a rate is a percentage, not negative")
        if not abs(sum(shares.values()) - 100) < 1e-9:
            raise ValueError("the rates must sum to 100")
        self.shares: Final = MappingProxyType(dict(shares))

    def pick(self, draw: float) -> Outcome:
        """Return the outcome at `draw`, which is in [0, 1)."""
        outcomes = [outcome for outcome in Outcome if self.shares.get(outcome, 0) > 0]
        limits = itertools.accumulate(self.shares[outcome] for outcome in outcomes)
        return next(
            (o for o, top in zip(outcomes, limits, strict=True) if draw * 100 < top), outcomes[-1]
        )


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

    No two numbers get one new number, unless `demand` forces it. A question about an expiry that
    the issuer already gave is answered CUR, so asking again after applying changes nothing.
    """

    def __init__(self, seed: int, rates: Rates = DEFAULT_RATES) -> None:
        self._key: Final = hashlib.sha256(b"cardvault issuer ledger 1 %d" % seed).digest()
        self._rates: Final = rates

    def truth(
        self, pan: CardNumber, expiry: Expiry | None = None, *, demand: Outcome | None = None
    ) -> Truth:
        """Return what became of `pan`, asked about with `expiry` (None: not said).

        `demand` replaces the drawn outcome. A drawn new number that can't be given uniquely (see
        `reissue`) becomes, for a brand change, one of the same brand, and else CUR; a new expiry
        needs an asked one below 2094, else CUR.
        """
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

    def echoes_number(self, pan: CardNumber) -> bool:
        """Tell whether this issuer repeats the number beside a new expiry; half of them do."""
        return self._draw("echo", pan) < 0.5

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
