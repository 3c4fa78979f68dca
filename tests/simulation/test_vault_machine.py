"""Anything that callers, operators, networks and time may do, against a model of plain lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cards.outcomes import Outcome as UpdateOutcome
from tests.doubles.clocks import FakeClock
from tests.doubles.decide_bench import (
    DAY_US,
    EVERY_STATUS,
    Draws,
    answer,
    edit,
    entry_of,
    look,
    new_card,
)
from tests.doubles.decide_crashes import check_chains, check_events
from tests.doubles.decide_invariants import (
    check_cards,
    check_fingerprints,
    check_order,
    check_pointers,
    check_records,
)
from tests.doubles.decide_model import Answer, Kept, Model, Modelled
from tests.doubles.vault_ledger import encode_event, pan
from vault.adapters.local_kms import LocalKms
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.domain.card import Card, CardKey, Hold, HoldType, Status
from vault.domain.intents import DeleteCard, Entry, SetStatus, UndeleteCard
from vault.domain.outcome import Applied, Outcome, Refused
from vault.domain.results import Revealed, TokenizeResult, UpdateResult
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.sweeper import Sweeper, SweepLimits

WHICH = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4])
NUMBERS = st.integers(1, 4)
EXPIRIES = st.sampled_from([203001, 203105, 203206])
LEGAL = frozenset({Hold(HoldType.LEGAL_HOLD)})
ANSWERS = st.one_of(
    st.builds(Answer, st.just("PAN_UPDATED"), NUMBERS, st.just(0) | EXPIRIES),
    st.builds(Answer, st.just("PAN_UPDATED"), NUMBERS, st.just(0) | EXPIRIES),
    st.builds(Answer, st.just("EXPIRY_UPDATED"), expiry=EXPIRIES),
    st.sampled_from(
        [Answer("CLOSED"), Answer("CLOSED"), Answer("CONTACT_CARDHOLDER"), Answer("OPTED_OUT")]
    ),
)
STEPS = [timedelta(seconds=1), timedelta(days=1), timedelta(days=1), timedelta(days=181)]
Check = Callable[[Outcome, int], None]


def said_by(outcome: Outcome) -> str:
    """Return "ok", a reason or a disposition: what a test may print."""
    if isinstance(outcome, Refused):
        return outcome.reason.value
    assert isinstance(outcome, Applied), type(outcome).__name__
    if isinstance(outcome.value, UpdateResult):
        return outcome.value.disposition.value
    return "ok"


class VaultMachine(RuleBasedStateMachine):
    """Entries are gathered and flushed together, or alone; then each is checked in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.tables = Tables()
        self.clock = FakeClock()
        self.model = Model()
        self.waiting: list[tuple[Entry, Check]] = []
        self.seen: dict[CardKey, Card] = {}
        self.reopened: set[str] = set()
        self.latest = 0
        self.runner.run(self.start())

    async def start(self) -> None:
        engine = engine_over(self.tables)
        maker = KeyMaker(engine.keys, LocalKms(b"kek-test", b"k" * 32), self.clock.now_us)
        self.ledger = GroupCommitLedger(
            store=engine.store,
            reader=engine.reader,
            keyring=CachedKeyring(maker, self.clock),
            decider=Decider(encode_event),
            chain="chn_machine",
            now_us=self.clock.now_us,
            random=Draws(),
        )
        self.life = asyncio.ensure_future(self.ledger.run())
        self.sweeper = Sweeper(
            self.ledger, engine.housekeeping, self.clock.now_us, SweepLimits(pause_s=0)
        )

    def ask(self, entry: Entry, check: Check, *, later: bool) -> None:
        """Gather an entry, and flush all that was gathered unless it is for later."""
        self.waiting.append((entry, check))
        if not later:
            self.flush()

    def flush(self) -> None:
        """Apply what was gathered and hold every answer against the model's."""
        gathered, self.waiting = self.waiting, []
        if not gathered:
            return
        self.clock.advance(timedelta(microseconds=1_000))
        now = self.clock.now_us()
        outcomes = self.runner.run(self.apply([entry for entry, _check in gathered]))
        for outcome, (_entry, check) in zip(outcomes, gathered, strict=True):
            check(outcome, now)
            self.model.records += 1

    async def apply(self, entries: list[Entry]) -> list[Outcome]:
        return list(await self.ledger.apply(entries))

    def a_card(self, which: int) -> Modelled:
        return list(self.model.cards.values())[which % len(self.model.cards)]

    @rule(
        tenant=st.sampled_from(["demo", "demo", "other"]),
        customer=st.sampled_from(["", "c-1", "c-1", "c-2"]),
        number=NUMBERS,
        expiry=EXPIRIES,
        ttl=st.sampled_from([0, 0, 0, 2 * DAY_US]),
        on_existing=st.sampled_from(["RETURN", "UPDATE", "NEW"]),
        later=st.booleans(),
    )
    def tokenize(
        self,
        tenant: str,
        customer: str,
        number: int,
        expiry: int,
        ttl: int,
        on_existing: str,
        *,
        later: bool,
    ) -> None:
        def check(outcome: Outcome, now: int) -> None:
            assert said_by(outcome) == "ok"
            result = outcome.value  # type: ignore[union-attr]
            assert isinstance(result, TokenizeResult)
            may_find = customer and not ttl and on_existing != "NEW"
            found = model.found(tenant, customer, number, now) if may_find else None
            assert result.created is (found is None)
            if found is not None:
                assert result.card.token == found.token
                kept = found.now_kept
                confirms = kept.unconfirmed and expiry == kept.expiry
                if on_existing == "UPDATE" and (confirms or expiry > kept.expiry):
                    model.edit(found, now, 0, 0, expiry)
                return
            token = result.card.token
            assert token not in model.cards
            expires = now + ttl if ttl else 0
            model.cards[token] = Modelled(
                tenant, token, customer, now, expires, "Jane Doe", [Kept(number, expiry)]
            )

        model = self.model
        intent = new_card(
            number, expiry=expiry, customer=customer, ttl_us=ttl, on_existing=on_existing
        )
        self.ask(entry_of(intent, tenant=tenant), check, later=later)

    @precondition(lambda self: self.model.cards)
    @rule(
        which=WHICH,
        number=st.just(0) | NUMBERS,
        expiry=st.just(0) | EXPIRIES,
        off=st.sampled_from([None, None, 0, 1]),
        later=st.booleans(),
    )
    def edit(self, which: int, number: int, expiry: int, off: int | None, *, later: bool) -> None:
        card = self.a_card(which)
        revision = 0 if off is None else card.revision + off
        fields: dict[str, Any] = {"number": number} if number else {}
        fields |= {"expiry": expiry} if expiry else {}

        def check(outcome: Outcome, now: int) -> None:
            old, status = card.now_kept.number, card.status
            assert said_by(outcome) == self.model.edit(card, now, revision, number, expiry)
            if status == "CLOSED" and card.status != "CLOSED":
                assert card.now_kept.number != old
                self.reopened.add(card.token)

        intent = edit(card.token, revision, **(fields or {"metadata": (("k", "v"),)}))
        self.ask(entry_of(intent, tenant=card.tenant), check, later=later)

    @precondition(lambda self: self.model.cards)
    @rule(
        which=WHICH,
        status=st.sampled_from(["", "ACTIVE", "NEEDS_CARDHOLDER", "CLOSED", "CLOSED"]),
        legal=st.sampled_from([None, None, True, False]),
        later=st.booleans(),
    )
    def set_status(self, which: int, status: str, legal: bool | None, *, later: bool) -> None:
        card = self.a_card(which)
        intent = SetStatus(
            card.token,
            0,
            Status(status) if status else None,
            place=LEGAL if legal is True else frozenset(),
            release=LEGAL if legal is False else frozenset(),
        )

        def check(outcome: Outcome, now: int) -> None:
            assert said_by(outcome) == self.model.set_status(card, now, status, legal)
            if status and said_by(outcome) == "ok":
                self.reopened.add(card.token)

        self.ask(entry_of(intent, tenant=card.tenant), check, later=later)

    @precondition(lambda self: self.model.cards)
    @rule(
        which=WHICH,
        grace=st.sampled_from([None, 0, DAY_US, 40 * DAY_US, 40 * DAY_US]),
        later=st.booleans(),
    )
    def delete_or_undelete(self, which: int, grace: int | None, *, later: bool) -> None:
        card = self.a_card(which)
        if card.status == "DELETED":  # or else most cards are, most of the time
            grace = None

        def check(outcome: Outcome, now: int) -> None:
            if grace is None:
                assert said_by(outcome) == self.model.undelete(card, now)
            else:
                assert said_by(outcome) == self.model.delete(card, now, grace)

        intent = UndeleteCard(card.token, 0) if grace is None else DeleteCard(card.token, 0, grace)
        self.ask(entry_of(intent, tenant=card.tenant), check, later=later)

    @precondition(lambda self: self.model.cards)
    @rule(
        which=WHICH,
        back=st.sampled_from([0, 0, 0, 1, 2]),
        update_id=st.integers(0, 25),
        said=ANSWERS,
        event=st.integers(1, 12),
        later=st.booleans(),
    )
    def apply_update(
        self, which: int, back: int, update_id: int, said: Answer, event: int, *, later: bool
    ) -> None:
        self.answered(which, back, f"u-{update_id}", said, event, later=later)

    @precondition(lambda self: self.model.cards)
    @rule(which=WHICH, back=st.integers(0, 3), said=ANSWERS, later=st.booleans())
    def apply_a_newer_update(self, which: int, back: int, said: Answer, *, later: bool) -> None:
        self.latest += 1
        self.answered(which, back, f"n-{self.latest}", said, 12 + self.latest, later=later)

    def answered(
        self, which: int, back: int, update_id: str, said: Answer, event: int, *, later: bool
    ) -> None:
        card = self.a_card(which)
        asked = max(1, len(card.versions) - back)
        intent = answer(
            card.token,
            UpdateOutcome(said.outcome),
            asked=asked,
            number=said.number or None,
            expiry=said.expiry,
            event=event,
            update_id=update_id,
            file="",  # a push: nothing is inside one file
        )

        def check(outcome: Outcome, now: int) -> None:
            old, status = card.now_kept.number, card.status
            expected = self.model.answer(card, now, update_id, asked, said, event)
            assert said_by(outcome) == expected
            if status == "CLOSED" and card.status != "CLOSED":
                assert card.now_kept.number != old
                self.reopened.add(card.token)

        self.ask(entry_of(intent, tenant=card.tenant), check, later=later)

    @precondition(lambda self: self.model.cards)
    @rule(
        which=WHICH,
        allowed=st.just(EVERY_STATUS) | st.frozensets(st.sampled_from(Status)),
        version=st.sampled_from([0, 0, 1, 2, 3]),
        later=st.booleans(),
    )
    def reveal(self, which: int, allowed: frozenset[str], version: int, *, later: bool) -> None:
        card = self.a_card(which)
        statuses = frozenset(str(status) for status in allowed)
        intent = look(card.token, allowed=statuses, credential_version=version, superseded_too=True)

        def check(outcome: Outcome, now: int) -> None:
            expected = self.model.reveal(card, now, statuses, version)
            if isinstance(expected, str):
                assert said_by(outcome) == expected
                return
            assert card.status_at(now) != "DELETED"
            assert said_by(outcome) == "ok"
            revealed = outcome.value  # type: ignore[union-attr]
            assert isinstance(revealed, Revealed)
            same = revealed.contents.pan == pan(expected.number)
            assert same
            assert revealed.contents.expiry is not None
            assert revealed.contents.expiry.as_int == expected.expiry

        self.ask(entry_of(intent, tenant=card.tenant), check, later=later)

    @rule(step=st.sampled_from(STEPS), swept=st.booleans())
    def time_passes(self, step: timedelta, *, swept: bool) -> None:
        self.flush()
        self.clock.advance(step)
        if not swept:
            return
        self.runner.run(self.sweeper.sweep())
        self.model.sweep(self.clock.now_us())
        assert self.sweeper.counts.not_applied == 0

    @invariant()
    def everything_holds_once_nothing_waits(self) -> None:
        if self.waiting:
            return
        tables, model = self.tables, self.model
        check_cards(tables, model)
        check_order(self.seen, tables.cards, self.reopened)
        self.seen = dict(tables.cards)
        self.reopened.clear()
        check_pointers(tables, model, self.clock.now_us())
        check_fingerprints(tables, model)
        check_records(tables, model)
        check_events(tables)
        check_chains(tables)

    def teardown(self) -> None:
        self.flush()
        self.ledger.close()
        self.runner.run(self.ended())
        self.runner.close()

    async def ended(self) -> None:
        await self.life


TestVaultMachine = VaultMachine.TestCase
TestVaultMachine.settings = settings(
    max_examples=250, stateful_step_count=40, deadline=None, database=None
)
