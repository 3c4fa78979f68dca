"""Read a script from YAML. What is refused is named by its key; a value is never quoted."""

from pathlib import Path
from typing import Any, Final

from chassis.strict_yaml import NotYaml, load_yaml
from updater.simulator.disturbances import RATES, SWITCHES, Disturbances
from updater.simulator.errors import SimulatorError
from updater.simulator.formats import Format
from updater.simulator.ledger import Outcome, Rates
from updater.simulator.numbers import LENGTHS
from updater.simulator.script import Override, Script

_MAX_BYTES: Final = 1_000_000
_MAX_DAYS: Final = 30
_KEYS: Final = ("rates", "supported_brands", "overrides", "days", *RATES, *sorted(SWITCHES))
_SELECTORS: Final = ("ending", "reference", "ordinal")


def read_script(path: Path, form: Format) -> Script:
    """Read a script file for exchanges of one format. Raises SimulatorError."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise SimulatorError("the script is larger than a megabyte")
    try:
        document = load_yaml(text)
    except NotYaml:
        document = None
    if not isinstance(document, dict):
        raise SimulatorError(f"the script is a mapping of: {', '.join(_KEYS)}")
    if not document.keys() <= set(_KEYS):
        raise SimulatorError(f"the script has an unknown key; there are: {', '.join(_KEYS)}")
    default = Script()
    script = Script(
        _rates(document["rates"]) if "rates" in document else default.rates,
        _brands(document["supported_brands"]) if "supported_brands" in document else None,
        _overrides(document.get("overrides", [])),
        _days(document["days"]) if "days" in document else default.days,
        _disturbances(document),
    )
    check_script(script, form)
    return script


def check_script(script: Script, form: Format) -> None:
    """Refuse what a format can't say. Raises SimulatorError."""
    if script.disturbances.corrections and form.name != "gp-bigbatch-80":
        raise SimulatorError("corrections: only gp-bigbatch-80 has a code for them (Discover's O)")
    if script.disturbances.visa_opt_outs and form.name != "gp-bigbatch-80":
        raise SimulatorError("visa_opt_outs: only gp-bigbatch-80 has Visa's own codes")


def _rates(value: object) -> Rates:
    if not isinstance(value, dict) or not all(_is_number(share) for share in value.values()):
        raise SimulatorError("rates: a mapping of outcome to percent")
    try:
        return Rates({Outcome(outcome): float(share) for outcome, share in value.items()})
    except ValueError:
        raise SimulatorError("rates: outcomes are known, shares not negative, sum 100") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _days(value: object) -> tuple[float, ...]:
    shares = value if isinstance(value, list) else []
    good = 1 <= len(shares) <= _MAX_DAYS and all(
        _is_number(share) and 0 <= share <= 100 for share in shares
    )
    if not good or not abs(sum(shares) - 100) < 1e-9:
        raise SimulatorError(f"days: a list of 1 to {_MAX_DAYS} percentages, which sum to 100")
    return tuple(float(share) for share in shares)


def _disturbances(document: dict[object, Any]) -> Disturbances:
    found: dict[str, Any] = {}
    for name in RATES:
        if name in document:
            value = document[name]
            if not _is_number(value) or not 0 <= value <= 100:
                raise SimulatorError(f"{name}: a percentage, 0 to 100")
            found[name] = float(value)
    for name in SWITCHES & document.keys():
        if not isinstance(document[name], bool):
            raise SimulatorError(f"{name}: true or false")
        found[str(name)] = document[name]
    return Disturbances(**found)


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
