"""What each answer does to each card, as one table a situation: outcome, status, version asked.

A cell reads: `A`, `N`, `C` applied, and the status that follows; `h` applied, a hold only;
`=` nothing new; `s` stale; `x` conflict; `r` rejected. Columns: from ACTIVE, NEEDS_CARDHOLDER,
CLOSED. Sources: account-updater.md, sections 5.1 and 5.4; api.md, "Lifecycle".
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import DecideBench, answer, edit, mastercard, new_card
from vault.domain.card import Card, Status, holds_of
from vault.domain.intents import ApplyUpdate, DeleteCard, SetStatus

NO_ANSWER = """
    VALID_NO_CHANGE     = = =
    NO_MATCH            = = =
    NOT_PARTICIPATING   = = =
    UPDATE_EXPIRED      = = =
    UNSUPPORTED         = = =
    UNANSWERED          = = =
    REJECTED_INPUT      r r r
    REJECTED_MERCHANT   r r r
    REJECTED_DUPLICATE  r r r
    CHANNEL_ERROR       r r r
    UNKNOWN             r r r
"""
ABOUT_THE_NUMBER_HELD = f"""
    PAN_UPDATED         A A A
    BRAND_CHANGED       A A A
    CORRECTED           A A A
    EXPIRY_UPDATED      A A C
    CLOSED              C C =
    CONTACT_CARDHOLDER  N = =
    CLOSED_OR_CONTACT   N h =
    OPTED_OUT           h h h
    STOP_RECURRING      h h h
    {NO_ANSWER}
"""
# A newer answer about a number that a network has replaced: it may name another number for the
# card; whatever else it says is about a number that the card has left behind.
ABOUT_A_NUMBER_REPLACED = f"""
    PAN_UPDATED         A A A
    BRAND_CHANGED       A A A
    CORRECTED           A A A
    EXPIRY_UPDATED      s s s
    CLOSED              s s s
    CONTACT_CARDHOLDER  s s s
    CLOSED_OR_CONTACT   s s s
    OPTED_OUT           h h h
    STOP_RECURRING      h h h
    {NO_ANSWER}
"""
OLDER_THAN_THE_CARD = f"""
    PAN_UPDATED         s s s
    BRAND_CHANGED       s s s
    CORRECTED           s s s
    EXPIRY_UPDATED      s s s
    CLOSED              s s s
    CONTACT_CARDHOLDER  s s s
    CLOSED_OR_CONTACT   s s s
    OPTED_OUT           h h h
    STOP_RECURRING      h h h
    {NO_ANSWER}
"""
AS_OLD_AS_THE_CARD = f"""
    PAN_UPDATED         x x x
    BRAND_CHANGED       x x x
    CORRECTED           x x x
    EXPIRY_UPDATED      x x x
    CLOSED              x x =
    CONTACT_CARDHOLDER  x = =
    CLOSED_OR_CONTACT   x h =
    OPTED_OUT           h h h
    STOP_RECURRING      h h h
    {NO_ANSWER}
"""
AFTER_THE_CARDHOLDER = f"""
    PAN_UPDATED         s s s
    BRAND_CHANGED       s s s
    CORRECTED           s s s
    EXPIRY_UPDATED      s s s
    CLOSED              s s s
    CONTACT_CARDHOLDER  s s s
    CLOSED_OR_CONTACT   s s s
    OPTED_OUT           s s s
    STOP_RECURRING      s s s
    {NO_ANSWER}
"""


def fresh(bench: DecideBench, token: str) -> int:
    """Leave the card as the cardholder stored it; ask about that."""
    assert bench.stored(token) is not None
    return 1


def replaced(bench: DecideBench, token: str) -> int:
    """Have the network give another number at 50; ask about the one before."""
    applied = bench.update(answer(token, Outcome.PAN_UPDATED, number=2, event=50))
    assert applied[0] == "APPLIED"
    return 1


def extended(bench: DecideBench, token: str) -> int:
    """Have the network give another expiry at 50; ask about the one before."""
    applied = bench.update(answer(token, Outcome.EXPIRY_UPDATED, expiry=203206, event=50))
    assert applied[0] == "APPLIED"
    return 1


def current(bench: DecideBench, token: str) -> int:
    """Have the network give another number at 50; ask about that one."""
    return replaced(bench, token) + 1


def renewed(bench: DecideBench, token: str) -> int:
    """Have the cardholder give another number; ask about the one before."""
    bench.card(edit(token, number=2))
    return 1


def prolonged(bench: DecideBench, token: str) -> int:
    """Have the cardholder give another expiry; ask about the one before."""
    bench.card(edit(token, expiry=203206))
    return 1


def renewed_then_replaced(bench: DecideBench, token: str) -> int:
    """Have the network replace what the cardholder gave; ask about the card before both."""
    bench.card(edit(token, number=4))
    applied = bench.update(answer(token, Outcome.PAN_UPDATED, asked=2, number=2, event=50))
    assert applied[0] == "APPLIED"
    return 1


Situation = tuple[Callable[[DecideBench, str], int], int, str]
SITUATIONS: dict[str, Situation] = {
    "current": (fresh, 0, ABOUT_THE_NUMBER_HELD),
    "current, by the network, newer": (current, 51, ABOUT_THE_NUMBER_HELD),
    "current, by the network, older": (current, 49, OLDER_THAN_THE_CARD),
    "current, by the network, tied": (current, 50, AS_OLD_AS_THE_CARD),
    "older number, newer answer": (replaced, 51, ABOUT_A_NUMBER_REPLACED),
    "older expiry, newer answer": (extended, 51, ABOUT_THE_NUMBER_HELD),
    "older expiry, older answer": (extended, 49, OLDER_THAN_THE_CARD),
    "older expiry, tied answer": (extended, 50, AS_OLD_AS_THE_CARD),
    "cardholder's number since": (renewed, 51, AFTER_THE_CARDHOLDER),
    "cardholder's expiry since": (prolonged, 51, AFTER_THE_CARDHOLDER),
    "cardholder's number, then the network's": (renewed_then_replaced, 51, AFTER_THE_CARDHOLDER),
}


def cells(table: str) -> dict[Outcome, list[str]]:
    rows = [line.split() for line in table.splitlines() if line.strip()]
    return {Outcome(row[0]): row[1:] for row in rows}


CASES = [
    pytest.param(name, outcome, status, cell, id=f"{name}-{outcome}-{status}")
    for name, (_set_up, _event, table) in SITUATIONS.items()
    for outcome, row in cells(table).items()
    for status, cell in zip(("ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"), row, strict=True)
]


def an_answer(token: str, outcome: Outcome, *, asked: int, event: int) -> ApplyUpdate:
    """Return an answer that brings what its outcome should bring, and something new."""
    if outcome is Outcome.EXPIRY_UPDATED:
        return answer(token, outcome, asked=asked, expiry=203312, event=event, file="f-2")
    if outcome in {Outcome.PAN_UPDATED, Outcome.BRAND_CHANGED, Outcome.CORRECTED}:
        number = mastercard(3) if outcome is Outcome.BRAND_CHANGED else 3
        return answer(
            token, outcome, asked=asked, number=number, expiry=203312, event=event, file="f-2"
        )
    return answer(token, outcome, asked=asked, event=event, file="f-2")


@pytest.mark.parametrize("table", [table for _set_up, _event, table in SITUATIONS.values()])
def test_every_table_has_a_row_for_every_outcome(table: str) -> None:
    assert cells(table).keys() == set(Outcome)


@pytest.mark.parametrize(("situation", "outcome", "status", "cell"), CASES)
def test_an_answer_does_what_the_table_says(
    situation: str, outcome: Outcome, status: str, cell: str
) -> None:
    set_up, event, _table = SITUATIONS[situation]
    bench = DecideBench()
    token = bench.card(new_card(1)).token
    asked = set_up(bench, token)
    if status != "ACTIVE":
        bench.card(SetStatus(token, 0, Status(status)))
    before = bench.stored(token)
    disposition, after = bench.update(an_answer(token, outcome, asked=asked, event=event))
    assert before is not None
    assert after is not None
    assert described(disposition, before, after) == cell
    check_rows(bench, before, after, outcome)


def described(disposition: str, before: Card, after: Card) -> str:
    """Return the cell that stands for what happened."""
    if disposition != "APPLIED":
        assert after == before
        return {"NO_CHANGE": "=", "STALE": "s", "CONFLICT": "x", "REJECTED": "r"}[disposition]
    assert after.revision == before.revision + 1
    if after.status == before.status and after.credential_version == before.credential_version:
        assert after.holds != before.holds
        return "h"
    return after.status[0]


def check_rows(bench: DecideBench, before: Card, after: Card, outcome: Outcome) -> None:
    """Look at what goes with every answer: its audit record, an event for a change, versions."""
    record = bench.records()[-1]
    assert (record["action"], record["token"]) == ("card.apply_update", after.token)
    assert str(record["note"]).startswith(f"{outcome} NAN cyb/f-2")
    assert [row.revision for row in bench.delta.outbox] == (
        [] if after == before else [after.revision]
    )
    grown = after.credential_version - before.credential_version
    assert [row.credential_version for row in bench.delta.versions] == (
        [before.credential_version] if grown else []
    )
    assert grown == (after.last4 != before.last4 or after.expiry != before.expiry)
    if outcome is Outcome.CLOSED_OR_CONTACT and after != before:
        assert {hold.type.value for hold in holds_of(after)} == {"RECURRING_STOPPED"}


@pytest.mark.parametrize("outcome", Outcome)
def test_a_deleted_card_takes_no_answer_and_remembers_none(outcome: Outcome) -> None:
    bench = DecideBench()
    token = bench.card(new_card(1)).token
    before = bench.card(DeleteCard(token, 0, 1_000_000))
    intent = an_answer(token, outcome, asked=1, event=9)
    assert bench.update(intent) == ("NOT_FOUND", before)
    assert bench.delta.applied == []
    assert bench.records()[-1]["result"] == "not_found"
