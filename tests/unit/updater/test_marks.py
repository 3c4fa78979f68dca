"""Keyed marks: each in a domain of its own, bound to what it is about, and to nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from updater.adapters.marks import HmacMarks

ONE, OTHER = HmacMarks(bytes(32)), HmacMarks(bytes([1]) * 32)
WORDS = st.text(max_size=8)
CONTENTS = st.binary(max_size=16)


@given(batch=WORDS, reference=WORDS, content=CONTENTS)
def test_a_contents_mark_is_repeatable_keyed_and_no_other_marks(
    batch: str, reference: str, content: bytes
) -> None:
    mark = ONE.content(batch, reference, content)
    assert mark == ONE.content(batch, reference, content)
    assert len(bytes.fromhex(mark)) == 16
    others = {
        OTHER.content(batch, reference, content),
        ONE.record(batch, reference, 1, content),
        ONE.number(batch, reference),
        ONE.request(reference, content),
    }
    assert mark not in others


@given(a=st.tuples(WORDS, WORDS, CONTENTS), b=st.tuples(WORDS, WORDS, CONTENTS))
def test_different_contents_or_questions_have_different_marks(
    a: tuple[str, str, bytes], b: tuple[str, str, bytes]
) -> None:
    assert (ONE.content(*a) == ONE.content(*b)) is (a == b)


@given(batch=WORDS, reference=WORDS, other=WORDS, content=CONTENTS)
def test_what_runs_together_is_kept_apart(
    batch: str, reference: str, other: str, content: bytes
) -> None:
    left = ONE.content(batch + other, reference, content)
    right = ONE.content(batch, other + reference, content)
    assert (left == right) is (other == "")


def test_a_numbers_mark_is_bound_to_its_reference_or_batch() -> None:
    assert ONE.number("REFA", "1") != ONE.number("REFB", "1")
    assert ONE.number("REFA", "1") != ONE.number("REFA", "2")
    assert ONE.number(bound_to="0001", digits="1") == ONE.number("0001", "1")
