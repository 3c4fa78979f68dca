"""How much of what a proof has: cards, channels, disturbances. All decided by the numbers given."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from cards.brands import Brand
from cards.testcards import test_pan
from tests.oracle.record import Contents

_THREE: Final = (Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER)

OTHER_TENANT: Final = "other"

MOST_CARDS: Final = 1_000_000
"""The simulator hands out numbers to cards whose counters begin with 0: a million of each brand."""

_COMMON: Final[Mapping[str, Any]] = {
    "days": [60, 40],
    "duplicate_rows": 30,
    "reorder": 30,
    "omit": 3,
    "omit_news": 2,
    "contradict": 1,
    "unknown_codes": 1,
    "closed_with_number": 20,
    "chains": 15,
    "chain_reversed": 30,
    "cycles": 2,
    "unasked": 0.2,
    "repeat_rows": 3,
    "closed_bursts": 4,
    "truncate": 8,
    "wrong_trailer": 8,
    "duplicate_files": 10,
    "conflicting_files": 10,
}


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """One channel: its format, what is disturbed in it, and how many rows a card brings."""

    name: str
    format: str
    share: float  # of the answers
    rows_per_card: float  # a little less than measured: the promise is "at least"
    script: Mapping[str, Any]
    settings: Mapping[str, Any]
    brands: Sequence[Brand] = _THREE

    @property
    def account(self) -> str:
        """Return the merchant account whose cards are asked about here."""
        return f"shop-{self.name}"


CHANNELS: Final = (
    ChannelPlan("cs", "cybersource-au-csv", 0.35, 1.32, _COMMON, {}),
    ChannelPlan(
        "gp",
        "gp-bigbatch-80",
        0.40,
        1.33,
        {
            **_COMMON,
            "chain_spread": 30,
            "chain_cuts": 15,
            "corrections": 15,
            "visa_opt_outs": True,
            "rates": {
                "CUR": 50,
                "NAN": 18,
                "NED": 10,
                "ACL": 5,
                "CCH": 5,
                "BRAND": 4,
                "NUP": 4,
                "UNA": 2,
                "OPT": 2,
            },
        },
        {"segments": {"V": "100001", "M": "200002", "D": "300003"}, "terminal_id": "T1"},
    ),
    ChannelPlan(
        "mes",
        "mes-aus-124",
        0.25,
        0.81,
        {
            **_COMMON,
            "repeat_rows": 0,  # with conflicting files only where rows are many enough to conflict
            "rates": {"CUR": 40, "NAN": 25, "NED": 15, "ACL": 6, "CCH": 6, "BRAND": 6, "NUP": 2},
        },
        {},
        (Brand.VISA, Brand.MASTERCARD),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One proof: so many answers at least, decided by a seed, with so many kills."""

    answers: int
    seed: int = 20_261
    kills: int = 12

    @property
    def records_per_file(self) -> int:
        """Return how many questions go into one file: some files each, none too large."""
        return min(20_000, max(200, self.answers // 20))

    @property
    def parked_per_day(self) -> int:
        """Return what the vault lets wait: chains without a beginning are disturbances here."""
        return min(1_000_000, max(10_000, self.answers // 10))

    @property
    def most_scanned(self) -> int:
        """Return how many bytes of what is left are scanned for numbers; it is slow."""
        return min(300_000_000, max(20_000_000, self.answers * 300))

    def cards_of(self, channel: ChannelPlan) -> int:
        """Return how many cards of a channel bring its share of the answers."""
        return ceil(self.answers * channel.share / channel.rows_per_card)


@dataclass(frozen=True, slots=True, repr=False)
class PlannedCard:
    """A card to store. `account` is empty where nobody agreed to updates."""

    contents: Contents
    tenant: str
    customer: str
    account: str


def planned_cards(plan: Plan) -> Iterator[PlannedCard]:
    """Yield every card: those asked about, and bystanders that hold numbers of theirs.

    One in a hundred has a twin of another customer, asked about with it; one in fifty a bystander
    without consent; and one in a hundred a card of another tenant with consent.
    """
    dice = random.Random(plan.seed)
    counter = 0
    for channel in CHANNELS:
        for _ in range(plan.cards_of(channel)):
            number = test_pan(channel.brands[counter % len(channel.brands)], counter)
            contents = Contents(number, (dice.randint(2027, 2030), dice.randint(1, 12)))
            customer = f"customer-{counter}"
            yield PlannedCard(contents, "demo", customer, channel.account)
            beside = dice.random()
            if beside < 0.01:
                yield PlannedCard(contents, "demo", f"{customer}-twin", channel.account)
            elif beside < 0.03:
                yield PlannedCard(contents, "demo", f"{customer}-beside", "")
            elif beside < 0.04:
                yield PlannedCard(contents, OTHER_TENANT, customer, channel.account)
            counter += 1
    if counter > MOST_CARDS:
        raise ValueError("too many cards for the ranges of published test numbers")
