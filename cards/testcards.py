"""Card numbers for tests, demos and benchmarks: many, valid, and nobody's.

A number is the first 8 digits of a published test number of its brand, a counter and a check
digit (api.md, "Test numbers"). Naranja has no published one; table tests cover it.

The comments name whose test list a prefix is known from. Those of Braintree, Cashfree, iyzico,
Flutterwave and the Mir ones were seen quoted in public repositories; the others are common
knowledge and were not looked up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cards.brands import Brand, rule
from cards.luhn import check_digit

_PREFIX: Final = 8

PUBLISHED: Final[Mapping[Brand, tuple[str, ...]]] = MappingProxyType(
    {
        Brand.VISA: ("41111111", "40128888", "42424242"),  # PayPal, PayPal, Stripe
        Brand.MASTERCARD: ("55555555", "22230031", "51051051"),  # PayPal, Stripe, PayPal
        Brand.AMEX: ("37828224", "37144963"),  # PayPal
        Brand.DISCOVER: ("60111111", "60110009"),  # PayPal
        Brand.DINERS: ("30569309", "38520000", "36227206"),  # PayPal, PayPal, Stripe
        Brand.JCB: ("35301113", "35660020"),  # PayPal
        Brand.UNIONPAY: ("62000000",),  # Stripe
        Brand.MAESTRO: ("67596498", "63040000"),  # Worldpay, Braintree
        Brand.MIR: ("22000000", "22024743"),  # a Russian gateway's sandbox list
        Brand.RUPAY: ("60748259",),  # Cashfree
        Brand.ELO: ("50669911",),  # Braintree
        Brand.TROY: ("97920720", "65005288", "65017001"),  # iyzico
        Brand.HIPERCARD: ("60628288", "60628205"),  # Adyen, Braintree
        Brand.HIPER: ("63709500",),  # Braintree
        Brand.VERVE: ("50614604", "50614601"),  # Flutterwave
    }
)
"""The first 8 digits of published test numbers, by brand; `test_pan` uses the first."""

_LENGTHS: Final[Mapping[Brand, int]] = {Brand.AMEX: 15, Brand.DINERS: 14, Brand.VERVE: 19}
_TEST_PREFIXES: Final = frozenset(prefix for group in PUBLISHED.values() for prefix in group)


def test_pan(brand: Brand, counter: int, length: int | None = None) -> str:  # noqa: PT028
    """Return the brand's test number of this counter: equal arguments, equal number.

    `length` is by default the published number's (Diners 14, Amex 15, Verve 19, else 16).
    Different counters give different numbers. Raises ValueError for a brand without a published
    test number, for a length that isn't the brand's, and for a counter that doesn't fit.
    """
    prefixes = PUBLISHED.get(brand)
    if prefixes is None:
        raise ValueError("this brand has no published test number")
    length = _LENGTHS.get(brand, 16) if length is None else length
    if length not in rule(brand).lengths:
        raise ValueError("no card of this brand has a number of this length")
    width = length - _PREFIX - 1
    if not 0 <= counter < 10**width:
        raise ValueError("the counter does not fit between the prefix and the check digit")
    partial = f"{prefixes[0]}{counter:0{width}d}"
    return partial + check_digit(partial)


# pytest would otherwise take it for a test in every test module that imports it.
test_pan.__test__ = False  # type: ignore[attr-defined]


def is_test_number(digits: str) -> bool:
    """Tell whether a card number lies under the first 8 digits of a published test number."""
    return digits[:_PREFIX] in _TEST_PREFIXES
