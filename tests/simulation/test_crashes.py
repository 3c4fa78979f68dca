"""The process dies before or after any port call of a flush; the client retries; nothing shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cards.outcomes import Outcome as UpdateOutcome
from tests.doubles.decide_bench import answer, edit, entry_of, look, new_card
from tests.doubles.decide_crashes import (
    EarlyReply,
    ForgottenAnswers,
    Mutant,
    SplitOutbox,
    SplitRequests,
    World,
    check_chains,
    check_events,
)
from tests.doubles.updater_faults import Crash
from tests.doubles.vault_ledger import pan
from vault.domain.card import CardKey, Status
from vault.domain.intents import DeleteCard, Entry, SetStatus, UndeleteCard
from vault.domain.outcome import Applied, Outcome, Replayed
from vault.domain.results import CardResult, Revealed, TokenizeResult, UpdateResult


def token_in(outcome: Outcome) -> str:
    assert isinstance(outcome, Applied | Replayed), type(outcome).__name__
    assert isinstance(outcome.value, TokenizeResult | CardResult)
    return outcome.value.card.token


@dataclass(slots=True)
class Client:
    """A client's own history: what it was promised, by request id."""

    world: World
    promised: dict[str, str] = field(default_factory=dict)
    reveals: int = 0
    dispositions: dict[str, str] = field(default_factory=dict)

    async def change(self, *entries: Entry) -> Sequence[str]:
        """Apply entries with request ids, and hold the vault to what it said before."""
        outcomes = await self.world.insist(entries)
        tokens = [token_in(outcome) for outcome in outcomes]
        for entry, token in zip(entries, tokens, strict=True):
            assert entry.mark is not None
            assert self.promised.setdefault(entry.mark.request_id, token) == token
        return tokens

    async def reveal(self, token: str, number: int) -> None:
        """Reveal a card, which must hold a number."""
        (outcome,) = await self.world.insist([entry_of(look(token))])
        assert isinstance(outcome, Applied), type(outcome).__name__
        assert isinstance(outcome.value, Revealed)
        same = outcome.value.contents.pan == pan(number)
        assert same
        self.reveals += 1

    async def update(self, token: str, asked: int, number: int, update_id: str) -> None:
        """Apply an updater's answer: once APPLIED, for ever DUPLICATE."""
        intent = answer(
            token, UpdateOutcome.PAN_UPDATED, asked=asked, number=number, update_id=update_id
        )
        (outcome,) = await self.world.insist([entry_of(intent)])
        assert isinstance(outcome, Applied), type(outcome).__name__
        assert isinstance(outcome.value, UpdateResult)
        told = outcome.value.disposition.value
        assert told in {"APPLIED", "DUPLICATE"}
        if update_id in self.dispositions:
            assert told == "DUPLICATE"
        self.dispositions[update_id] = told


async def work(client: Client) -> None:
    """Do one of everything; called twice, the second time is nothing but replays."""
    (first,) = await client.change(entry_of(new_card(1, customer="c-1"), "r-1"))
    (second,) = await client.change(entry_of(new_card(2), "r-2"))
    await client.change(entry_of(edit(first, number=3), "r-3"))
    await client.update(second, 1, 4, "u-1")
    await client.reveal(first, 3)
    await client.change(entry_of(DeleteCard(second, 0, 1 << 40), "r-4"))
    await client.change(entry_of(UndeleteCard(second, 0), "r-5"))
    third, same, again = await client.change(
        entry_of(new_card(5, customer="c-1"), "r-6"),
        entry_of(new_card(5, customer="c-1"), "r-7"),
        entry_of(new_card(5, customer="c-1"), "r-6"),
    )
    assert third == same == again
    await client.change(entry_of(SetStatus(third, 0, Status.CLOSED), "r-8"))
    await client.reveal(second, 4)


# revision of each card in the order of their tokens' making, and its credential version
EXPECTED = [(2, 2), (4, 2), (2, 1)]


async def one_life(at: int | None, *, after: bool, mutant: Mutant | None = None) -> World:
    """Do the work with one death at a port call, then all of it again, and check everything."""
    world = World(mutant)
    client = Client(world)
    world.deaths.arm(at, after=after)
    try:
        await work(client)
        calls = world.deaths.calls
        await work(client)
        await world.stop()
    finally:
        await world.kill()
    check(client)
    world.deaths.calls = calls
    return world


def check(client: Client) -> None:
    """Check that each request had one effect, whatever died on the way."""
    world, tables = client.world, client.world.tables
    cards = sorted(tables.cards.values(), key=lambda card: card.create_time)
    assert [(card.revision, card.credential_version) for card in cards] == EXPECTED
    records = world.records()
    for request_id, token in client.promised.items():
        done = [each for each in records if each.get("request_id") == request_id]
        assert [(each["result"], each["token"]) for each in done] == [("ok", token)]
        assert CardKey("demo", token) in tables.cards
    reveals = [each for each in records if each["action"] == "card.reveal"]
    assert len(reveals) >= client.reveals
    applied = [each for each in records if each["result"] == "applied"]
    assert len(applied) == len(client.dispositions) == 1
    check_events(tables)
    check_chains(tables)


async def calls_of(mutant: Mutant | None = None) -> int:
    return (await one_life(None, after=False, mutant=mutant)).deaths.calls


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_at_any_port_call_leaves_one_effect_a_request(*, after: bool) -> None:
    calls = await calls_of()
    assert calls > 60  # read, three phases, write and reply of ten flushes, and the start
    for at in range(calls):
        world = await one_life(at, after=after)
        assert world.restarts == 2


MUTANTS = {
    "events in a second transaction": SplitOutbox,
    "request records in a second transaction": SplitRequests,
    "answers remembered in a second transaction": ForgottenAnswers,
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
async def test_the_simulation_finds_a_second_transaction(mutant: Mutant) -> None:
    calls = await calls_of(mutant)  # without a death the mutant passes
    found = 0
    for at in range(calls):
        try:
            await one_life(at, after=False, mutant=mutant)
        except AssertionError:
            found += 1
    assert found > 0


async def test_the_simulation_finds_a_promise_that_was_never_written() -> None:
    with pytest.raises(AssertionError):
        await one_life(None, after=False, mutant=EarlyReply)


CRASH = st.none() | st.integers(0, 14)
REQUESTS = st.sampled_from(["r-1", "r-2", "r-3", "r-4"])
NUMBERS = st.integers(1, 3)


class LedgerUnderCrashes(RuleBasedStateMachine):
    """Any requests, any deaths, retried or not, in any order."""

    mutant: Mutant | None = None

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World(type(self).mutant)
        self.promised: dict[str, tuple[int, str]] = {}
        self.revealed = 0

    @rule(request_id=REQUESTS, number=NUMBERS, crash=CRASH, after=st.booleans())
    def tokenize(self, request_id: str, number: int, crash: int | None, *, after: bool) -> None:
        entry = entry_of(new_card(number, customer="c"), request_id, body=bytes([number]))
        outcome = self.attempt(entry, crash, after=after)
        if isinstance(outcome, Applied | Replayed):
            promise = (number, token_in(outcome))
            assert self.promised.setdefault(request_id, promise) == promise

    @precondition(lambda self: self.promised)
    @rule(request_id=REQUESTS, crash=CRASH, after=st.booleans())
    def reveal(self, request_id: str, crash: int | None, *, after: bool) -> None:
        number, token = self.promised.get(request_id) or next(iter(self.promised.values()))
        outcome = self.attempt(entry_of(look(token)), crash, after=after)
        if isinstance(outcome, Applied):
            same = outcome.value.contents.pan == pan(number)
            assert same
            self.revealed += 1

    @precondition(lambda self: self.promised)
    @rule(number=NUMBERS, crash=CRASH, after=st.booleans(), suffix=st.integers(0, 2))
    def rename(self, number: int, crash: int | None, *, after: bool, suffix: int) -> None:
        token = next(iter(self.promised.values()))[1]
        request_id = f"n-{number}-{suffix}"
        intent = edit(token, cardholder_name=f"Name {number}")
        outcome = self.attempt(entry_of(intent, request_id), crash, after=after)
        assert outcome is None or token_in(outcome) == token

    def attempt(self, entry: Entry, crash: int | None, *, after: bool) -> Outcome | None:
        """Return the reply, None when the process died before it."""
        self.world.deaths.arm(crash, after=after)
        try:
            return self.runner.run(self.world.attempt([entry]))[0]
        except Crash:
            self.world.deaths.struck = False
            return None

    @invariant()
    def everything_promised_is_there_once(self) -> None:
        tables, records = self.world.tables, self.world.records()
        for _number, token in self.promised.values():
            assert CardKey("demo", token) in tables.cards
        ids = [each["request_id"] for each in records if each.get("request_id")]
        effects = [each["request_id"] for each in records if "request_id" in each]
        assert len(ids) == len(effects)
        ok = [
            each["request_id"]
            for each in records
            if "request_id" in each and each["result"] == "ok"
        ]
        assert len(ok) == len(set(ok)) == len(tables.requests)

    @invariant()
    def one_card_a_number_one_event_a_change_one_record_a_reveal(self) -> None:
        tables = self.world.tables
        assert len(tables.cards) == len(tables.numbers) == len(tables.existing)
        check_events(tables)
        check_chains(tables)
        reveals = [each for each in self.world.records() if each["action"] == "card.reveal"]
        assert len(reveals) >= self.revealed

    def teardown(self) -> None:
        self.world.deaths.arm(None)
        self.runner.run(self.world.stop())
        self.runner.close()


TestLedgerUnderCrashes = LedgerUnderCrashes.TestCase
TestLedgerUnderCrashes.settings = settings(
    max_examples=60, stateful_step_count=15, deadline=None, database=None
)


class SplitOutboxUnderCrashes(LedgerUnderCrashes):
    """The same over a seeded bug, which the machine has to find."""

    mutant = SplitOutbox


def test_the_machine_finds_a_second_transaction() -> None:
    searching = settings(
        max_examples=300,
        stateful_step_count=15,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(SplitOutboxUnderCrashes, settings=searching)
