"""The demo's cards: many, on published test prefixes, with agreements as a merchant has them."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cards.brands import Brand
from cards.testcards import test_pan

_SHARES: Final = {
    Brand.VISA: 40,
    Brand.MASTERCARD: 30,
    Brand.DISCOVER: 15,
    Brand.AMEX: 8,
    Brand.JCB: 4,
    Brand.DINERS: 3,
}
_ASKED: Final = frozenset({Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER})
"""The brands that the updater's one channel asks about by default."""

_GIVEN: Final = ("Ada", "Bela", "Chidi", "Dana", "Emre", "Fatou", "Grete", "Hugo", "Ines", "Jun")
_FAMILY: Final = ("Albers", "Bakke", "Cho", "Diallo", "Eide", "Fuchs", "Gomes", "Huber", "Ito")
_ACCOUNTS: Final = ("shop-eu", "shop-us")
_CONSENT: Final = "2026-01-15T10:00:00Z"
LOAD_COUNTER: Final = 50_000
"""Where the load's cards begin: no imported card has its numbers. Counters stay below 100,000:
those of Amex have six digits, of which the simulator keeps the first one."""


@dataclass(frozen=True, slots=True, repr=False)
class DemoCard:
    """One card as it goes in. Never printed: it holds a number."""

    brand: Brand
    number: str
    month: int
    year: int
    name: str
    customer: str
    account: str = ""
    agreement: str = ""

    @property
    def asked(self) -> bool:
        """Tell whether the updater has to ask about it: covered, and of a brand of the channel."""
        return self.agreement in {"RECURRING", "UNSCHEDULED"} and self.brand in _ASKED


def make_cards(count: int, seed: int) -> list[DemoCard]:
    """Return cards to import: the same for the same arguments."""
    dice = random.Random(seed)  # noqa: S311 - not a secret
    brands = dice.choices(list(_SHARES), weights=list(_SHARES.values()), k=count)
    return [
        DemoCard(
            brand=brand,
            number=test_pan(brand, counter),
            month=dice.randint(1, 12),
            year=dice.randint(2027, 2030),
            name=f"{dice.choice(_GIVEN)} {dice.choice(_FAMILY)}",
            customer=f"customer-{counter:05}",
            account=dice.choice(_ACCOUNTS),
            agreement=dice.choices(("RECURRING", "UNSCHEDULED", "ONE_TIME"), (80, 15, 5))[0],
        )
        for counter, brand in enumerate(brands)
    ]


def make_load(count: int) -> list[DemoCard]:
    """Return cards for the load: nobody consented to updates of these."""
    return [
        DemoCard(
            brand=Brand.VISA,
            number=test_pan(Brand.VISA, LOAD_COUNTER + place),
            month=12,
            year=2029,
            name="Load Test",
            customer=f"load-{place:05}",
        )
        for place in range(count)
    ]


def write_csv(path: Path, cards: Sequence[DemoCard]) -> None:
    """Write the file that `cardvault import` takes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            (
                "number",
                "expiry_month",
                "expiry_year",
                "cardholder_name",
                "customer",
                "merchant_account",
                "agreement",
                "consent_time",
            )
        )
        for c in cards:
            consent = _CONSENT if c.agreement else ""
            table.writerow(
                (c.number, c.month, c.year, c.name, c.customer, c.account, c.agreement, consent)
            )


def read_mapping(path: Path) -> dict[int, str]:
    """Return which row (from 1) became which token."""
    with path.open(encoding="utf-8", newline="") as file:
        return {int(row["row"]): row["token"] for row in csv.DictReader(file)}
