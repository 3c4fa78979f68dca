"""Changes to serialized requests that keep them messages: a field, an item, a key at a time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import DecodeError, Message

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.fuzz.judge import CANARY

TEXTS: Final = (
    "",
    CANARY,
    "x" * 65,
    "é" * 40,
    "٤" * 16,
    "\x00",
    "a\nb",
    "../../etc",
    "%s%n{0}",
    "550e8400-e29b-41d4-a716-446655440000",
    "9" * 25,
    "9223372036854775808",
    number_for_test(Brand.VISA, 99),
    number_for_test(Brand.AMEX, 99),
)
_WHOLE: Final = (0, 1, -1, 2, 13, 99, 1_000, 2_000, 1_700_000_000, (1 << 31) - 1, -(1 << 31))
_LONG: Final = (*_WHOLE, (1 << 63) - 1, -(1 << 63), 253_402_300_799, 253_402_300_800)
_FRACTIONS: Final = (0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), 1e308)
_SIGNED: Final = {F.CPPTYPE_INT32: _WHOLE, F.CPPTYPE_INT64: _LONG}
_MOST_ITEMS: Final = 40


def changed(data: bytes, kind: type[Message], dice: Random, texts: Sequence[str]) -> bytes:
    """Return a request with one to three fields changed; what is none begins from an empty one."""
    message = kind()
    try:
        message.MergeFromString(data)
    except DecodeError:
        message.Clear()
    for _ in range(dice.choice((1, 1, 2, 3))):
        _change(message, dice, texts, 0)
    if dice.random() < 0.7:
        _as_new(message, dice)
    return message.SerializeToString()


def _as_new(message: Any, dice: Random) -> None:
    """Give a request an id of its own, and its items: it is no other request's repetition."""
    names = message.DESCRIPTOR.fields_by_name
    if "request_id" in names:
        message.request_id = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    if "requests" in names:
        for item in message.requests:
            _as_new(item, dice)


def _change(message: Any, dice: Random, texts: Sequence[str], depth: int) -> None:
    fields = message.DESCRIPTOR.fields
    if not fields:
        return
    field = dice.choice(fields)
    if dice.random() < 0.1:
        message.ClearField(field.name)
    elif field.is_repeated:
        _change_items(message, field, dice, texts, depth)
    elif field.message_type is not None:
        if depth < 6:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _change(inner, dice, texts, depth + 1)
    else:
        setattr(message, field.name, _value(field, dice, texts))


def _change_items(message: Any, field: Any, dice: Random, texts: Sequence[str], depth: int) -> None:
    items = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[each] for each in ("key", "value"))
        items[_value(key, dice, texts)] = _value(value, dice, texts)
        return
    chosen = dice.randrange(4)
    if items and chosen == 0:
        del items[dice.randrange(len(items))]
    elif items and chosen == 1 and len(items) < _MOST_ITEMS:
        items.extend([items[dice.randrange(len(items))]] * dice.choice((1, 1, 2, 12)))
    elif field.message_type is None:
        items.append(_value(field, dice, texts))
    elif depth < 6:
        item = dice.choice(items) if items and chosen == 2 else items.add()
        _change(item, dice, texts, depth + 1)


def _value(field: Any, dice: Random, texts: Sequence[str]) -> Any:
    kind = field.cpp_type
    if kind == F.CPPTYPE_STRING:
        text = dice.choice(TEXTS if dice.random() < 0.5 or not texts else texts)
        return text.encode() if field.type == F.TYPE_BYTES else text
    if kind == F.CPPTYPE_ENUM:
        return dice.choice((*field.enum_type.values_by_number, 999))
    if kind == F.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind in (F.CPPTYPE_DOUBLE, F.CPPTYPE_FLOAT):
        return dice.choice(_FRACTIONS)
    if kind in _SIGNED:
        return dice.choice(_SIGNED[kind])
    return dice.choice([abs(each) for each in (_WHOLE if kind == F.CPPTYPE_UINT32 else _LONG)])
