"""Array literals: PostgreSQL's rules for them, applied to any text and number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.postgres.arrays import array_argument


def parsed(literal: str) -> list[str]:
    """Read a one-dimensional literal as the server does ("Array Input and Output Syntax")."""
    assert literal[0] == "{"
    assert literal[-1] == "}"
    found, at, end = [], 1, len(literal) - 1
    while at < end:
        element = ""
        if literal[at] == '"':
            at += 1
            while literal[at] != '"':
                at += literal[at] == "\\"
                element += literal[at]
                at += 1
            at += 1
        else:
            while at < end and literal[at] != ",":
                element += literal[at]
                at += 1
        found.append(element)
        assert at == end or literal[at] == ","
        at += 1
    return found


@given(st.lists(st.text(alphabet=st.one_of(st.sampled_from('\\",{} \n'), st.characters()))))
@example(["", '"', "\\", '","', "NULL", "{}", " a "])
@example(['a"b', "c"])
@example(['","'])
def test_any_text_is_read_back(values: list[str]) -> None:
    literal, cast = array_argument(values, "text")
    assert cast == "text::text[]"
    assert parsed(literal) == values


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_any_number_is_read_back(values: list[int]) -> None:
    literal, _cast = array_argument(values, "bigint")
    assert [int(text) for text in parsed(literal)] == values


def test_booleans_and_bytes() -> None:
    assert array_argument([True, False], "boolean") == ("{t,f}", "text::boolean[]")
    values = [b"a", None]
    assert array_argument(values, "bytea") == (values, "bytea[]")


def test_a_column_with_null_goes_to_the_driver() -> None:
    for values, kind in (([None, "a"], "text"), ([1, None], "bigint")):
        assert array_argument(values, kind) == (values, f"{kind}[]")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", 1], "text"),
        ([b"a"], "text"),
        ([1, "2"], "bigint"),
        ([1.0], "bigint"),
        ([True, 1], "boolean"),
        (["t"], "boolean"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_value_of_another_type_is_refused(values: list[Any], kind: str) -> None:
    with pytest.raises(TypeError):
        array_argument(values, kind)
