"""Chains of numbers in any order, any batching, any files: the card ends at the chain's end.

The oracle is the chain itself: A to B to C … is what became of the account, whatever arrives when.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cards.outcomes import Outcome
from tests.doubles.decide_bench import (
    DecideBench,
    answer,
    by_number,
    edit,
    entry_of,
    new_card,
    told_in,
)
from tests.doubles.vault_ledger import pan
from vault.domain.intents import ApplyByNumber, ApplyUpdate
from vault.usecases.ledger.state import NumberKey

RENEWED = Outcome.PAN_UPDATED
TENANT, OTHER = "demo", "other"
LONGEST = 8  # numbers: A to H
_SETTINGS = settings(max_examples=150, deadline=None, database=None)


@dataclass(frozen=True)
class Row:
    """One link of a chain, as a row of a file: numbers are counters of test numbers."""

    old: int
    file: int
    copy: int  # 0, or which repetition of the link this is: another answer that says the same
    by_token: bool = False


@dataclass(frozen=True)
class Plan:
    """Rows in order of arrival, and after which of them a flush ends."""

    length: int
    rows: tuple[Row, ...]
    cuts: frozenset[int]
    times: str  # what answers know of their age: nothing, their file's time, the event's


@st.composite
def plans(draw: st.DrawFn, *, copies: int = 0, files: int = 3) -> Plan:
    """Draw a chain, and how its rows arrive."""
    length = draw(st.integers(2, LONGEST))
    first_by_token = draw(st.booleans())
    file = st.integers(1, files)
    rows = [Row(at, draw(file), 0, first_by_token and at == 1) for at in range(1, length)]
    link = st.integers(1, length - 1)
    repeated = draw(st.integers(0, copies))
    rows += [Row(draw(link), draw(file), copy + 1) for copy in range(repeated)]
    arriving = draw(st.permutations(rows))
    cuts = draw(st.frozensets(st.integers(0, len(rows))))
    return Plan(length, tuple(arriving), cuts, draw(st.sampled_from(["none", "file", "event"])))


def intent_of(row: Row, token: str, times: str) -> ApplyUpdate | ApplyByNumber:
    fields = {
        "number": row.old + 1,
        "update_id": f"u-{row.old}-{row.copy}",
        "file": f"f-{row.file}",
        "file_time": row.file if times != "none" else 0,
        "event": 100 + row.old if times == "event" else 0,
        "asked_time": 1,
    }
    if row.by_token:
        return answer(token, RENEWED, **fields)  # type: ignore[arg-type]
    return by_number(row.old, RENEWED, **fields)


def deliver(bench: DecideBench, plan: Plan, token: str, *, late: bool) -> None:
    """Bring the rows in their flushes; what becomes decidable follows at once, or at the end."""
    batch: list[ApplyUpdate | ApplyByNumber] = []
    due: dict[NumberKey, None] = {}
    for at, row in enumerate(plan.rows):
        batch.append(intent_of(row, token, plan.times))
        if at in plan.cuts or at == len(plan.rows) - 1:
            bench.clock.advance(1)
            bench.flush(*map(entry_of, batch))
            batch = []
            due |= bench.delta.due
            if not late:
                bench.release()
    if late:
        bench.delta.due = due
        bench.release()


def last4s(bench: DecideBench, token: str) -> list[str]:
    """Return a card's numbers, oldest first, by their last four."""
    versions = sorted(bench.tables.versions.values(), key=lambda old: old.credential_version)
    card = bench.stored(token)
    assert card is not None
    return [old.last4 for old in versions if old.token == token] + [card.last4]


REVERSED = Plan(
    LONGEST, tuple(Row(at, 1, 0) for at in range(LONGEST - 1, 0, -1)), frozenset(range(9)), "none"
)
TOGETHER = replace(REVERSED, cuts=frozenset())


@_SETTINGS
@given(plan=plans(), late=st.booleans())
@example(plan=REVERSED, late=False)
@example(plan=TOGETHER, late=True)
def test_a_chain_in_any_order_ends_at_its_end_with_its_whole_lineage(
    *, plan: Plan, late: bool
) -> None:
    """Spec C1 and C2."""
    bench = DecideBench()
    token = bench.card(new_card(1, customer="c-1")).token
    twin = bench.card(new_card(1, customer="c-2")).token
    theirs = bench.card(new_card(1), tenant=OTHER)
    deliver(bench, plan, token, late=late)
    wanted = [pan(at).last4 for at in range(1, plan.length + 1)]
    assert last4s(bench, token) == wanted
    if not any(row.by_token for row in plan.rows):
        assert last4s(bench, twin) == wanted
    assert bench.parked() == []
    assert bench.stored(theirs.token, OTHER) == theirs
    revision = {at: (kind, at) for at, kind in bench.events(token)}
    assert list(revision) == list(range(1, plan.length + 1))  # gapless, one a version
    found = bench.card(new_card(plan.length, customer="c-1"))
    assert found.token == token


@_SETTINGS
@given(plan=plans(copies=6), late=st.booleans())
def test_repetitions_anywhere_change_nothing(*, plan: Plan, late: bool) -> None:
    """Spec C5: the same answer in other rows, files and channels makes no other version."""
    bench = DecideBench()
    token = bench.card(new_card(1)).token
    deliver(bench, plan, token, late=late)
    assert last4s(bench, token) == [pan(at).last4 for at in range(1, plan.length + 1)]
    before = bench.stored(token)
    bench.clock.advance(1)
    for row in plan.rows:  # and the whole file once more
        outcome = bench.do(intent_of(row, token, plan.times))
        value = outcome.value  # type: ignore[union-attr]
        assert value.disposition.value in {"DUPLICATE", "NO_CHANGE"}
    assert bench.stored(token) == before
    assert (bench.parked(), bench.delta.due) == ([], {})


@_SETTINGS
@given(plan=plans(copies=3), at=st.integers(0, 10), number=st.sampled_from([3, 50]))
def test_what_the_cardholder_enters_is_never_replaced_by_what_came_of_the_old_number(
    *, plan: Plan, at: int, number: int
) -> None:
    """Spec C6: lineage follows network updates only."""
    bench = DecideBench()
    token = bench.card(new_card(1)).token
    cut = min(at, len(plan.rows))
    first, rest = plan.rows[:cut], plan.rows[cut:]
    if first:
        deliver(bench, replace(plan, rows=first, cuts=frozenset(range(20))), token, late=False)
    bench.card(edit(token, number=number))
    own = bench.stored(token)
    if rest:
        deliver(bench, replace(plan, rows=rest, cuts=frozenset(range(20))), token, late=False)
    card = bench.stored(token)
    assert own is not None
    assert card is not None
    if number == 50:
        assert (card.last4, card.credential_version) == (own.last4, own.credential_version)
    else:  # a number of the chain: what is said of it is said of this card, too
        wanted = {pan(each).last4 for each in range(number, plan.length + 1)}
        assert card.last4 in wanted | {own.last4}


@pytest.mark.parametrize("first", ["token", "number"])
def test_more_numbers_than_one_file_can_bring_are_left_to_people(first: str) -> None:
    """Section 5.4, rule 6: depth cap 8."""
    bench = DecideBench()
    token = bench.card(new_card(1)).token
    rows: list[ApplyUpdate | ApplyByNumber] = [
        by_number(at, RENEWED, number=at + 1) for at in range(1, 12)
    ]
    if first == "token":
        rows[0] = answer(token, RENEWED, number=2)
    outcomes = bench.flush(*map(entry_of, rows))
    told = [told_in(each).disposition for each in outcomes[1:]]
    assert told == ["APPLIED"] * 7 + ["CONFLICT"] + ["PARKED"] * 2
    assert last4s(bench, token)[-1] == pan(9).last4
    bench.release()
    assert last4s(bench, token)[-1] == pan(9).last4
    other = by_number(9, RENEWED, number=10, file="f-2")
    assert told_in(bench.do(other)).disposition == "APPLIED"
