"""Files of any answers, people in between, and files undone in any order, against two stacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cards.brands import Brand
from cards.outcomes import BRINGS_EXPIRY, ENDS_OR_PAUSES, Outcome
from cards.pan import Pan
from tests.doubles.decide_bench import DecideBench, answer, edit, mastercard, new_card
from tests.doubles.decide_crashes import check_events
from tests.doubles.revert_model import PERSON, Account, RevertModel
from tests.doubles.vault_ledger import pan
from vault.domain.card import Card, Hold, HoldType, Status, holds_of, stored_credentials_of
from vault.domain.intents import ApplyUpdate, NoteDecline, RevertUpdates, SetStatus
from vault.domain.outcome import Applied

FILES = st.sampled_from(["f-1", "f-2", "f-3", "f-4"])
NUMBERS = st.sampled_from([0, 1, 2, 3, -1])  # a negative one is of another brand
EXPIRIES = st.sampled_from([0, 203105, 203206, 203309])
OUTCOMES = st.sampled_from(
    [
        *[Outcome.PAN_UPDATED] * 3,
        *[Outcome.EXPIRY_UPDATED] * 2,
        Outcome.CORRECTED,
        Outcome.CLOSED,
        Outcome.CONTACT_CARDHOLDER,
        Outcome.CLOSED_OR_CONTACT,
        Outcome.STOP_RECURRING,
        Outcome.VALID_NO_CHANGE,
        Outcome.NO_MATCH,
    ]
)
STOPPED = Hold(HoldType.RECURRING_STOPPED, "shop")
SPEAKS_OF_IT = {Outcome.STOP_RECURRING, Outcome.CLOSED_OR_CONTACT}


def pan_of(number: int) -> Pan | None:
    return None if not number else mastercard(-number) if number < 0 else pan(number)


class RevertMachine(RuleBasedStateMachine):
    """One card: every step is held against the model's stacks."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = DecideBench()
        self.model = RevertModel()
        self.age = 0
        self.said: list[ApplyUpdate] = []

    @initialize()
    def store(self) -> None:
        card = self.bench.card(new_card(1, customer="c-1"))
        self.token = card.token
        self.known = self.whole(card)

    @property
    def card(self) -> Card:
        card = self.bench.stored(self.token)
        assert card is not None
        return card

    def whole(self, card: Card) -> tuple[Any, ...]:
        return Account.of(card), holds_of(card)

    @rule(
        file=FILES,
        outcome=OUTCOMES,
        number=NUMBERS,
        expiry=EXPIRIES,
        back=st.sampled_from([0, 0, 0, 1, 2]),
        younger=st.sampled_from([1, 1, 1, 0, -1]),
    )
    def hear(
        self, file: str, outcome: Outcome, number: int, expiry: int, back: int, younger: int
    ) -> None:
        self.age += max(younger, 0)
        before = self.card
        said = answer(
            self.token,
            outcome,
            asked=max(1, before.credential_version - back),
            number=pan_of(number),
            expiry=expiry,
            event=100 + self.age + min(younger, 0),
            file=file,
        )
        self.said.append(said)
        told, after = self.bench.update(said)
        assert after is not None
        self.note(said, told, before, after)

    def note(self, said: ApplyUpdate, told: str, before: Card, after: Card) -> None:
        """Put a word on the stacks if it was one."""
        source, outcome = said.source_name, said.outcome
        if told == "APPLIED":
            account = outcome in BRINGS_EXPIRY | ENDS_OR_PAUSES
            was_there = STOPPED in holds_of(before)
            self.model.hear(source, before, after, account=account, again=False)
            if was_there and outcome in SPEAKS_OF_IT:
                self.model.speak_of(source, STOPPED)
        elif told == "NO_CHANGE":
            if self.repeats(said, before):
                self.model.hear(source, before, after, account=True, again=True)
            if outcome in SPEAKS_OF_IT and STOPPED in holds_of(before):
                self.model.speak_of(source, STOPPED)
        else:
            assert before == after

    def repeats(self, said: ApplyUpdate, card: Card) -> bool:
        """Tell whether an answer that changed nothing says what the card has."""
        if said.outcome in ENDS_OR_PAUSES:
            return True
        if said.outcome is Outcome.VALID_NO_CHANGE:
            return self.asked_of_now(said.asked_version, card)
        if said.outcome not in BRINGS_EXPIRY:
            return False
        held = self.bench.reveal(self.token).pan
        return said.new_pan in {None, held} and said.new_expiry in {0, card.expiry}

    def asked_of_now(self, asked: int, card: Card) -> bool:
        """Tell whether all since the version that was asked about was undone."""
        tables, key = self.bench.tables, (card.tenant, card.token)
        old = tables.versions.get((*key, asked))
        if old is None:
            return asked == card.credential_version
        line: list[tuple[str, int, int]] = []
        rows = [row for row in sorted(tables.versions.values()) if row[:2] == key]
        facts = [(r.fingerprint, r.expiry, r.cause, r.credential_version) for r in rows]
        facts.append((card.fingerprint, card.expiry, card.version_cause, card.credential_version))
        for fingerprint, expiry, cause, number in facts:
            if cause == "REVERTED":
                while line[-1][:2] != (fingerprint, expiry):
                    line.pop()
            else:
                line.append((fingerprint, expiry, number))
            if number == asked:
                depth = len(line)
                least = depth
            if number >= asked:
                least = min(least, len(line))
        return least == depth == len(line)

    @rule(number=st.sampled_from([0, 0, 1, 5]), expiry=EXPIRIES, name=st.sampled_from(["", "Z"]))
    def edit(self, number: int, expiry: int, name: str) -> None:
        before = self.card
        fields: dict[str, Any] = {"number": number} if number else {}
        fields |= {"expiry": expiry} if expiry else {}
        fields |= {"cardholder_name": name} if name or not fields else {}
        after = self.bench.card(edit(self.token, **fields))
        made = after.credential_version != before.credential_version
        said_again = bool(number or expiry) and before.version_cause in {"NETWORK", "REVERTED"}
        self.model.hear(PERSON, before, after, account=made or said_again, again=not made)

    @rule(status=st.sampled_from([None, *list(Status)[:3]]), hold=st.sampled_from(["", "+", "-"]))
    def operate(self, status: Status | None, hold: str) -> None:
        if status is None and not hold:
            return
        before = self.card
        place = frozenset({STOPPED} if hold == "+" else ())
        release = frozenset({STOPPED} if hold == "-" else ())
        after = self.bench.card(SetStatus(self.token, 0, status, place, release))
        self.model.hear(PERSON, before, after, account=status is not None, again=False)
        if hold == "+" and STOPPED in holds_of(before):
            self.model.speak_of(PERSON, STOPPED)

    @rule()
    def decline(self) -> None:
        self.bench.card(NoteDecline(self.token, "05", 7))

    @rule(file=FILES, trial=st.booleans())
    def revert(self, file: str, *, trial: bool) -> None:
        before = self.card
        outcome = self.bench.do(RevertUpdates(self.token, f"cyb/{file}", dry_run=trial))
        assert isinstance(outcome, Applied), type(outcome).__name__
        result = outcome.value
        if trial:
            assert self.card == before
            card = result.card
            again = self.bench.do(RevertUpdates(self.token, f"cyb/{file}"))
            assert isinstance(again, Applied)
            assert again.value.disposition == result.disposition
            assert self.whole(again.value.card) == self.whole(card)
        after = self.card
        wanted = self.model.revert(f"cyb/{file}", Account.of(before))
        assert Account.of(after) == wanted
        assert holds_of(after) == self.model.holds.keys()
        new = (after.fingerprint, after.expiry) != (before.fingerprint, before.expiry)
        assert after.credential_version == before.credential_version + new
        if self.whole(after) == self.whole(before):
            assert result.disposition not in {"PARTLY_REVERTED"}
        else:
            assert result.disposition in {"REVERTED", "PARTLY_REVERTED"}
        self.again(file)

    def again(self, file: str) -> None:
        """Check that a second time changes nothing, nor do the file's answers, sent again."""
        card = self.card
        outcome = self.bench.do(RevertUpdates(self.token, f"cyb/{file}"))
        assert isinstance(outcome, Applied)
        assert outcome.value.disposition not in {"REVERTED", "PARTLY_REVERTED"}
        for said in self.said:
            if said.file == file:
                assert self.bench.update(replace(said))[0] == "DUPLICATE"
        assert self.card == card

    @rule()
    def revert_all(self) -> None:
        """Check that nothing of any file is left where no person spoke since."""
        for file in ("f-3", "f-1", "f-4", "f-2"):
            self.revert(file, trial=False)
        assert all(word.source == PERSON for word in self.model.account[-1:])
        if not self.model.account and not any(self.model.holds):
            assert self.whole(self.card) == self.known

    @invariant()
    def tables_hold_together(self) -> None:
        tables = self.bench.tables
        if not tables.cards:
            return
        check_events(tables)
        card = self.card
        contents = self.bench.reveal(self.token)
        assert (contents.pan.last4, contents.pan.brand.value) == (card.last4, card.brand)
        live = card.status in {"ACTIVE", "NEEDS_CARDHOLDER"}
        assert [key.fingerprint for key in tables.existing] == [card.fingerprint] * live
        assert len(set(tables.numbers.values())) == len(tables.numbers)
        assert card.fingerprint in tables.numbers.values()
        (agreement,) = stored_credentials_of(card)
        same_brand = card.brand == Brand.VISA.value
        assert not agreement.network_transaction_ids or same_brand


RevertMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestReverts = RevertMachine.TestCase
