"""Changes to one place of a message, as values: what bad requests are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

Mutation = Callable[[Any], None]


def setting(name: str, value: Any) -> Mutation:
    return lambda message: setattr(message, name, value)


def clearing(name: str) -> Mutation:
    def clear(message: Any) -> None:
        is_oneof = name in message.DESCRIPTOR.oneofs_by_name
        message.ClearField(message.WhichOneof(name) if is_oneof else name)

    return clear


def filling(field: FieldDescriptor, count: int) -> Mutation:
    def fill(message: Any) -> None:
        items = getattr(message, field.name)
        first = items[0]
        while len(items) < count:
            items.append(first)

    return fill


def doubling(name: str) -> Mutation:
    return lambda message: getattr(message, name).append(getattr(message, name)[0])


def first_item(name: str, value: Any) -> Mutation:
    def put(message: Any) -> None:
        getattr(message, name)[0] = value

    return put


def pairs(name: str, pairs: Mapping[str, str]) -> Mutation:
    def put(message: Any) -> None:
        getattr(message, name).clear()
        getattr(message, name).update(pairs)

    return put
