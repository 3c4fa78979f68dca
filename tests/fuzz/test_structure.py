"""The fuzzer's twin that knows the messages: Hypothesis makes whole requests, and shrinks them.

Every field of every RPC, from its descriptor: what mutations of good requests hardly come to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.messages import TEXTS
from tests.fuzz.registry import CALLS, load
from tests.fuzz.targets import rpc_updater, rpc_vault

EXAMPLES = 25
ROOT = 255
DEEPEST = 4
LEAST_CODES = 3
_UNSIGNED = {F.CPPTYPE_UINT32: 32, F.CPPTYPE_UINT64: 64}
_SIGNED = {F.CPPTYPE_INT32: 31, F.CPPTYPE_INT64: 63}


class Made:
    """An input for a service; its `repr`, which Hypothesis prints, shows nothing of it."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"<a request of {len(self.data)} bytes>"


@st.composite
def requests(draw: st.DrawFn, kinds: Sequence[Any]) -> Made:
    """Make a request for one of a service's RPCs."""
    at = draw(st.integers(0, len(kinds) - 1))
    message = kinds[at]()
    _fill(draw, message, 0)
    return Made(bytes((at, ROOT)) + message.SerializeToString())


def _fill(draw: st.DrawFn, message: Any, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            key, value = (field.message_type.fields_by_name[each] for each in ("key", "value"))
            getattr(message, field.name)[draw(_values(key))] = draw(_values(value))
        elif field.message_type is not None:
            if depth < DEEPEST:
                place = getattr(message, field.name)
                _fill(draw, place.add() if field.is_repeated else _there(place), depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(_values(field), max_size=3)))
        else:
            setattr(message, field.name, draw(_values(field)))


def _there(message: Any) -> Any:
    message.SetInParent()
    return message


def _values(field: Any) -> st.SearchStrategy[Any]:
    kind = field.cpp_type
    if kind == F.CPPTYPE_STRING:
        texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=12))
        return texts.map(str.encode) if field.type == F.TYPE_BYTES else texts
    if kind == F.CPPTYPE_ENUM:
        return st.sampled_from((*field.enum_type.values_by_number, 999))
    if kind == F.CPPTYPE_BOOL:
        return st.booleans()
    if kind in _SIGNED:
        most = 1 << _SIGNED[kind]
        return st.one_of(st.integers(-1, 100), st.integers(-most, most - 1))
    if kind in _UNSIGNED:
        return st.integers(0, (1 << _UNSIGNED[kind]) - 1)
    return st.floats(width=32)


@pytest.mark.parametrize("service", sorted(CALLS))
def test_whole_requests_break_nothing(service: str, tmp_path: Path) -> None:
    module: Any = rpc_vault if service in rpc_vault.SERVICES else rpc_updater
    kinds = [route.request for route in module.paths(service)]
    outcomes: Counter[str] = Counter()
    with load(service).open(tmp_path) as opened:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(requests(kinds))
        def call(made: Made) -> None:
            outcomes[opened.run(made.data)] += 1

        call()
    assert outcomes.total() >= EXAMPLES
    assert len(outcomes) >= LEAST_CODES
