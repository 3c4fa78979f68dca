"""Read the YAML script that sets rates, supported brands and answers for chosen cards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from updater.simulator.errors import SimulatorError
from updater.simulator.ledger import DEFAULT_RATES, Outcome, Rates
from updater.simulator.numbers import LENGTHS

_MAX_BYTES: Final = 1_000_000
_KEYS: Final = frozenset({"rates", "supported_brands", "overrides"})
_SELECTORS: Final = ("ending", "reference", "ordinal")


@dataclass(frozen=True, slots=True)
class Override:
    """Give one outcome to the records that `selector` picks out by `value`."""

    selector: str
    value: str | int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Script:
    """Hold what a run departs from: rates, supported brands, overrides (first match wins)."""

    rates: Rates = DEFAULT_RATES
    # What CyberSource takes; any other known brand is DEC 804.
    supported_brands: frozenset[str] = frozenset({"visa", "mastercard", "amex", "discover"})
    overrides: tuple[Override, ...] = ()

    def demand(self, *, digits: str, reference: str, ordinal: int) -> Outcome | None:
        """Return the outcome demanded for a record; `ordinal` is 1 for the first D record."""
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


def read_script(path: Path) -> Script:
    """Read a script file. Raises SimulatorError, which names a key but never quotes a value."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise SimulatorError("the script is larger than a megabyte")
    try:
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict) or not document.keys() <= _KEYS:
        raise SimulatorError("the script is a mapping of: rates, supported_brands, overrides")
    default = Script()
    return Script(
        _rates(document["rates"]) if "rates" in document else default.rates,
        _brands(document["supported_brands"])
        if "supported_brands" in document
        else default.supported_brands,
        _overrides(document.get("overrides", [])),
    )


def _rates(value: object) -> Rates:
    if not isinstance(value, dict) or not all(_is_number(share) for share in value.values()):
        raise SimulatorError("rates: a mapping of outcome to percent")
    try:
        return Rates({Outcome(outcome): float(share) for outcome, share in value.items()})
    except ValueError:
        raise SimulatorError("rates: outcomes are known, shares not negative, sum 100") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _brands(value: object) -> frozenset[str]:
    brands = value if isinstance(value, list) else [None]
    if not all(isinstance(brand, str) and brand in LENGTHS for brand in brands):
        raise SimulatorError("supported_brands: a list of known brands")
    return frozenset(brands)


def _overrides(value: object) -> tuple[Override, ...]:
    if not isinstance(value, list):
        raise SimulatorError("overrides: a list")
    return tuple(_override(index, item) for index, item in enumerate(value, start=1))


def _override(index: int, item: object) -> Override:
    if not isinstance(item, dict) or len(item) != 2 or "outcome" not in item:
        raise SimulatorError(f"overrides, {index}: one of ending, reference, ordinal; and outcome")
    selector = next(key for key in item if key != "outcome")
    value = item[selector]
    if selector not in _SELECTORS or not _is_selected_by(selector, value):
        raise SimulatorError(
            f"overrides, {index}: ending is 1 to 4 quoted digits, reference a quoted text, "
            "ordinal a number from 1"
        )
    if not isinstance(item["outcome"], str) or item["outcome"] not in set(Outcome):
        raise SimulatorError(f"overrides, {index}: unknown outcome")
    return Override(selector, value, Outcome(item["outcome"]))


def _is_selected_by(selector: str, value: object) -> bool:
    if selector == "ordinal":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not isinstance(value, str):
        return False
    # At most four digits: a script is a plain file and must not hold a card number.
    return selector == "reference" or (1 <= len(value) <= 4 and value.isascii() and value.isdigit())
