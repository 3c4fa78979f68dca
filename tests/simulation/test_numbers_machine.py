"""The vault's machine with answers by number: parked, released, and decided card by card."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from cards.outcomes import Outcome as UpdateOutcome
from tests.doubles.decide_bench import by_number, entry_of, told_in
from tests.doubles.decide_model import Answer
from tests.doubles.decide_model_numbers import NumberModel
from tests.simulation.test_vault_machine import ANSWERS, NUMBERS, VaultMachine
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome

QUIET_TURNS = 12  # of the event loop, without an entry in line: the ledger is idle


class NumbersMachine(VaultMachine):
    """Answers about numbers, between all that may happen to cards."""

    def __init__(self) -> None:
        super().__init__()
        self.model: NumberModel = NumberModel()

    async def apply(self, entries: list[Entry]) -> list[Outcome]:
        """Apply entries, and let the ledger flush what it put in its own line."""
        outcomes = list(await self.ledger.apply(entries))
        await self.idle()
        return outcomes

    async def idle(self) -> None:
        """Wait until nothing is in line."""
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = 0 if self.ledger._line.entries else quiet + 1

    def flush(self) -> None:
        """Apply what was gathered; what becomes decidable by it comes behind it."""
        statuses = {card.token: card.status for card in self.model.cards.values()}
        super().flush()
        self.model.release(self.clock.now_us())
        self.note_reopened(statuses)

    def note_reopened(self, statuses: dict[str, str]) -> None:
        """Note the cards that answers by number may have reopened, beside those that others did."""
        for card in self.model.cards.values():
            if statuses.get(card.token) == "CLOSED" and card.status != "CLOSED":
                self.reopened.add(card.token)

    @rule(
        tenant=st.sampled_from(["demo", "demo", "demo", "other"]),
        number=NUMBERS,
        update_id=st.integers(0, 25),
        said=ANSWERS,
        event=st.integers(1, 12),
        later=st.booleans(),
    )
    def say_of_a_number(
        self, tenant: str, number: int, update_id: int, said: Answer, event: int, *, later: bool
    ) -> None:
        self.said_of(tenant, number, f"u-{update_id}", said, event, later=later)

    @rule(number=NUMBERS, said=ANSWERS, later=st.booleans())
    def say_something_newer_of_a_number(self, number: int, said: Answer, *, later: bool) -> None:
        self.latest += 1
        self.said_of("demo", number, f"n-{self.latest}", said, 12 + self.latest, later=later)

    @rule(numbers=st.permutations([1, 2, 3, 4]), later=st.booleans())
    def bring_a_chain_backwards(self, numbers: list[int], *, later: bool) -> None:
        for old, new in reversed(list(pairwise(numbers))):
            self.latest += 1
            said = Answer("PAN_UPDATED", new)
            self.said_of("demo", old, f"n-{self.latest}", said, 12 + self.latest, later=later)

    def said_of(
        self, tenant: str, number: int, update_id: str, said: Answer, event: int, *, later: bool
    ) -> None:
        intent = by_number(
            number,
            UpdateOutcome(said.outcome),
            number=said.number or None,
            expiry=said.expiry,
            event=event,
            update_id=update_id,
            file="",
        )

        def check(outcome: Outcome, now: int) -> None:
            told = told_in(outcome)
            expected = self.model.answer_number(tenant, now, update_id, number, said, event)
            assert (told.disposition, told.cards) == expected

        self.ask(entry_of(intent, tenant=tenant), check, later=later)

    @invariant()
    def what_waits_is_what_should(self) -> None:
        if not self.waiting:
            rows = {tuple(key): row.look_time for key, row in self.tables.parked.items()}
            assert rows == {key: row.look for key, row in self.model.parked.items()}


TestNumbersMachine = NumbersMachine.TestCase
TestNumbersMachine.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, database=None
)
