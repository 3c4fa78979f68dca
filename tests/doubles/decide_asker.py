"""Whoever says answers about one card, by its token or by a number that it has or had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cards.outcomes import Outcome
from cards.pan import Pan
from tests.doubles.decide_bench import DecideBench, answer, by_number, new_card
from tests.doubles.vault_ledger import pan
from vault.domain.card import Card
from vault.usecases.decide.context import Rules


@dataclass
class Asker:
    """Says answers about one card, by its token and version or by a number that it has or had."""

    bench: DecideBench
    token: str
    number: bool

    def says(
        self, outcome: Outcome, *, about: int | Pan = 1, asked: int = 1, **fields: Any
    ) -> tuple[str, Card]:
        """Return the disposition, what was decidable by then decided, and the card as it is."""
        intent: Any
        if self.number:
            intent = by_number(about, outcome, **fields)
        else:
            intent = answer(self.token, outcome, asked=asked, **fields)
        return self.sends(intent)

    def sends(self, intent: Any) -> tuple[str, Card]:
        """Apply an intent, whichever it is."""
        value = self.bench.do(intent).value  # type: ignore[union-attr]
        self.bench.release()
        return value.disposition.value, self.card

    @property
    def card(self) -> Card:
        """The card as it is stored."""
        card = self.bench.stored(self.token)
        assert card is not None
        return card

    def numbers(self) -> list[str]:
        """Return the card's numbers, oldest first, by their last four."""
        rows = [old for old in self.bench.tables.versions.values() if old.token == self.token]
        rows.sort(key=lambda old: old.credential_version)
        return [old.last4 for old in rows] + [self.card.last4]


def asker(how: str, rules: Rules | None = None, **card: Any) -> Asker:
    """Return an asker over a new vault with one card, whose number is 1."""
    bench = DecideBench(rules)
    token = bench.card(new_card(1, **card)).token
    return Asker(bench, token, how == "number")


def last4s(*numbers: int) -> list[str]:
    """Return the last four of test numbers."""
    return [pan(number).last4 for number in numbers]
