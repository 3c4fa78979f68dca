"""Hold what a run departs from: rates, brands, days, disturbances, answers for chosen cards."""

import json
from dataclasses import asdict, dataclass, field

from updater.simulator.disturbances import Disturbances
from updater.simulator.ledger import DEFAULT_RATES, Outcome, Rates


@dataclass(frozen=True, slots=True)
class Override:
    """Give one outcome to the records that `selector` picks out by `value`."""

    selector: str
    value: str | int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Script:
    """Hold a script; the default departs from nothing."""

    rates: Rates = DEFAULT_RATES
    supported_brands: frozenset[str] | None = None  # None: all that the format takes
    overrides: tuple[Override, ...] = ()  # the first one that fits wins
    days: tuple[float, ...] = (100,)  # the share of cards that is answered on each day, in percent
    disturbances: Disturbances = field(default_factory=Disturbances)

    def demand(self, *, digits: str, reference: str, ordinal: int) -> Outcome | None:
        """Return the outcome demanded for a record; `ordinal` is 1 for the first question."""
        for override in self.overrides:
            if override.selector == "ending":
                hit = digits.endswith(str(override.value))
            elif override.selector == "reference":
                hit = reference == override.value
            else:
                hit = ordinal == override.value
            if hit:
                return override.outcome
        return None

    def text(self) -> str:
        """Return the whole script in one form, equal for equal scripts; it holds no card data."""
        brands = self.supported_brands
        return json.dumps(
            {
                "rates": {outcome.value: self.rates.shares.get(outcome, 0) for outcome in Outcome},
                "supported_brands": None if brands is None else sorted(brands),
                "overrides": [asdict(override) for override in self.overrides],
                "days": self.days,
                "disturbances": asdict(self.disturbances),
            }
        )
