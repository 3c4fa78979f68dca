"""What an imprint keeps comes back as it went in, and nothing of it is a number."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from vault.domain.card import Hold, HoldType, Times
from vault.domain.imprint import Imprint, ImprintKey, Left, left_in, pack_left

TIMES = st.builds(Times, *[st.integers(0, 2**60)] * 3)
ACCOUNTS = st.text("abcz019._:-", min_size=1, max_size=8)
HOLDS = st.frozensets(st.builds(Hold, st.sampled_from(HoldType), ACCOUNTS), max_size=4)
IDS = st.tuples(st.sampled_from(["visa", "mastercard"]), ACCOUNTS)
LEFT = st.builds(
    Left,
    account=st.booleans(),
    again=st.booleans(),
    status=st.sampled_from(["", "ACTIVE", "CLOSED"]),
    unconfirmed=st.booleans(),
    times=TIMES,
    details=st.none() | st.sampled_from(["", '{"par":"x"}']),
    transaction_ids=st.dictionaries(ACCOUNTS, st.tuples(IDS), max_size=3),
    placed=HOLDS,
    said=HOLDS,
)
EMPTY = Imprint("demo", "tok_1", 2, "u-1", "cyb/f-1", 1, 2, "", "", 1)


@given(LEFT)
def test_it_comes_back_as_it_went_in(left: Left) -> None:
    kept = pack_left(left)
    found = left_in(EMPTY._replace(kept=kept))
    for name in ("account", "again", "status", "unconfirmed", "times", "details", "placed"):
        assert getattr(found, name) == getattr(left, name)
    assert dict(found.transaction_ids) == left.transaction_ids
    assert found.said == left.said | left.placed
    assert pack_left(found) == kept
    if kept:
        assert json.loads(kept)


def test_an_empty_one_says_nothing() -> None:
    assert left_in(EMPTY) == Left()
    assert pack_left(Left()) == ""


def test_its_key_is_the_card_the_revision_and_the_answer() -> None:
    assert EMPTY.key == ImprintKey("demo", "tok_1", 2, "u-1")
