"""What a card has been, once what was undone is left out."""

from __future__ import annotations

import pytest

from tests.contract.ledger_rows import a_card, a_version
from vault.usecases.decide.age import lineage_of
from vault.usecases.decide.line import known_since, line_of

# Versions by who made them and what they hold: a letter for the contents, `<` for one back to them.
LINES = {
    "one": ("c:A", [{1}]),
    "a chain": ("c:A n:B n:C", [{1}, {2}, {3}]),
    "one step back": ("c:A n:B <:A", [{1, 3}]),
    "two at once": ("c:A n:B n:C <:A", [{1, 4}]),
    "back and on": ("c:A n:B <:A n:C", [{1, 3}, {4}]),
    "back to the middle": ("c:A n:B n:C <:B", [{1}, {2, 4}]),
    "back twice": ("c:A n:B n:C <:B <:A", [{1, 5}]),
    "the same contents once more": ("c:A n:B n:A n:C <:A", [{1}, {2}, {3, 5}]),
    "to what is not known": ("n:B <:A", [{2}]),
}
CAUSES = {"c": "CARDHOLDER", "n": "NETWORK", "<": "REVERTED"}


@pytest.mark.parametrize("name", LINES)
def test_a_step_back_takes_what_lies_between_out_of_the_line(name: str) -> None:
    made, expected = LINES[name]
    steps = [step.split(":") for step in made.split()]
    rows = [
        a_version("tok", at, cause=CAUSES[who], fingerprint=what, expiry=0)
        for at, (who, what) in enumerate(steps, 1)
    ]
    last = rows.pop()
    card = a_card(
        "tok",
        credential_version=last.credential_version,
        version_cause=last.cause,
        fingerprint=last.fingerprint,
        expiry=0,
    )
    line = line_of(card, rows, 1)
    assert [set(step.numbers) for step in line] == expected
    now = expected[-1]
    for asked in range(1, last.credential_version + 1):
        assert lineage_of(card, rows, asked).current is (asked in now)


def test_what_is_purged_ends_the_line() -> None:
    card = a_card("tok", credential_version=4)
    versions = [a_version("tok", number) for number in (1, 3)]
    assert known_since(card, versions) == 3
    assert line_of(card, versions, 1) == []
    assert [set(step.numbers) for step in line_of(card, versions, 3)] == [{3}, {4}]
