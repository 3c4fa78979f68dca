"""First invalid values for every field of a request, derived from its rules in the protos.

A case changes a good request in one place. The walk follows messages, lists and maps; what rules
cannot express (times, addresses, masks of other packages) stands in tables here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.routes import Route
from tests.doubles.rpc_foreign_fields import FOREIGN, Foreign
from tests.doubles.rpc_mutations import (
    clearing,
    doubling,
    filling,
    first_item,
    pairs,
    setting,
)
from tests.unit.protos import schema

Reach = Callable[[Any], Any]
"""Go from the request to the message that holds the field."""


@dataclass(frozen=True)
class BadField:
    """One wrong value: where it goes, what the server must name, what it must never repeat."""

    fields: tuple[str, ...]  # full names: the field, then those that it was reached through
    what: str
    path: str
    apply: Callable[[Any], None]
    needle: str = ""

    def __repr__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(frozen=True)
class _Place:
    """A field of the message that `reach` finds; `path` is how the server spells it."""

    field: FieldDescriptor
    reach: Reach
    path: str

    def case(
        self, what: str, apply: Callable[[Any], None], needle: object = "", path: str = ""
    ) -> BadField:
        text = needle if isinstance(needle, str) and len(needle) > 6 else ""
        name = (self.field.full_name,)
        return BadField(name, what, path or self.path, lambda root: apply(self.reach(root)), text)


def descriptor_of(request: type[Message]) -> Descriptor:
    """Return a message's descriptor, as the type that its stubs hide behind a union."""
    found: Any = request.DESCRIPTOR
    descriptor: Descriptor = found
    return descriptor


def reachable(request: type[Message]) -> set[str]:
    """Return the full name of every field that a request may hold, at any depth."""
    found: set[str] = set()
    waiting = [descriptor_of(request)]
    while waiting:
        for field in waiting.pop().fields:
            if field.full_name not in found:
                found.add(field.full_name)
                if field.message_type is not None and not schema.is_map(field):
                    waiting.append(field.message_type)
    return found


def fields_with_cases(route: Route) -> set[str]:
    """Return the full name of every field of a route's request that has a case."""
    return {name for case in bad_fields(route.request) for name in case.fields}


def bad_fields(request: type[Message]) -> list[BadField]:
    """Return the cases of a request."""
    return list(_of_message(descriptor_of(request), lambda root: root, ""))


def _of_message(message: Descriptor, reach: Reach, prefix: str) -> Iterator[BadField]:
    special = FOREIGN.get(message.full_name)
    for field in message.fields:
        path = f"{prefix}{field.name}"
        if special is not None:
            yield from _foreign(special, field, reach, prefix)
        else:
            yield from _of_field(_Place(field, reach, path))
    for oneof in message.oneofs:
        if _required(oneof) and special is None:
            first = oneof.fields[0]
            yield _Place(first, reach, f"{prefix}{oneof.name}").case(
                "oneof absent", clearing(oneof.name)
            )


def _of_field(place: _Place) -> Iterator[BadField]:
    field, rules = place.field, schema.rules(place.field)
    if schema.is_map(field):
        yield from _of_map(place, rules.map)
    elif field.is_repeated:
        yield from _of_list(place, rules.repeated)
    elif field.message_type is not None:
        if rules.required:
            yield place.case("absent", clearing(field.name))
        inside = _of_message(field.message_type, _into(place), f"{place.path}.")
        yield from _through(field, inside)
    else:
        for what, value in _bad_values(field, rules):
            yield place.case(what, setting(field.name, value), value)


def _through(field: FieldDescriptor, inside: Iterator[BadField]) -> Iterator[BadField]:
    for case in inside:
        yield replace(case, fields=(*case.fields, field.full_name))


def _of_list(place: _Place, rules: validate_pb2.RepeatedRules) -> Iterator[BadField]:
    field, name = place.field, place.field.name
    if rules.min_items:
        yield place.case("no items", clearing(name))
    if rules.max_items:
        yield place.case("too many items", filling(field, rules.max_items + 1))
    if rules.unique:
        yield place.case("an item twice", doubling(name))
    if field.message_type is not None:
        alone = rules.items.ignore  # such items are judged one by one: their paths begin anew
        prefix = "" if alone else f"{place.path}[0]."
        inside = _of_message(field.message_type, _into_first(place), prefix)
        yield from _through(field, inside)
        return
    for what, value in _bad_values(field, rules.items):
        yield place.case(f"item {what}", first_item(name, value), value, path=f"{place.path}[0]")


def _of_map(place: _Place, rules: validate_pb2.MapRules) -> Iterator[BadField]:
    name, path = place.field.name, f"{place.path}[*]"
    entry: Any = place.field.message_type  # a map always has one
    key_field, value_field = (entry.fields_by_name[each] for each in ("key", "value"))
    many = {f"k{at}": "v" for at in range(rules.max_pairs + 1)}
    yield place.case("too many pairs", pairs(name, many))
    for what, bad in _bad_values(key_field, rules.keys):
        yield place.case(f"key {what}", pairs(name, {bad: "v"}), bad, path=path)
    for what, bad in _bad_values(value_field, rules.values):
        yield place.case(f"value {what}", pairs(name, {"k": bad}), bad, path=path)


def _bad_values(
    field: FieldDescriptor, rules: validate_pb2.FieldRules
) -> Iterator[tuple[str, Any]]:
    if field.type == FieldDescriptor.TYPE_STRING:
        yield from _bad_texts(rules)
    elif field.enum_type is not None:
        if rules.enum.defined_only:
            yield "unknown enum", max(field.enum_type.values_by_number) + 1
        yield from ((f"forbidden {number}", number) for number in rules.enum.not_in)
        if taken := getattr(rules.enum, "in"):
            known = field.enum_type.values_by_number
            yield from ((f"not one of a few: {each}", each) for each in known if each not in taken)
    elif field.type in {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64}:
        numbers = rules.int32 if field.type == FieldDescriptor.TYPE_INT32 else rules.int64
        if numbers.HasField("gte"):
            yield "too small", numbers.gte - 1
        if numbers.HasField("lte"):
            yield "too great", numbers.lte + 1


def _bad_texts(rules: validate_pb2.FieldRules) -> Iterator[tuple[str, str]]:
    text = rules.string
    if text.uuid:
        yield from (("absent", ""), ("no UUID", "canary-of-mine"), ("too long", "a" * 37))
        return
    pattern = re.compile(text.pattern.replace(r"\p{Cc}", "\\x00-\\x1f\\x7f-\\x9f"))
    good = next(c for c in ("Q", "q", "4") if pattern.fullmatch(c * text.max_len))
    yield "too long", good * (text.max_len + 1)
    shortest = next(n for n in range(text.max_len) if pattern.fullmatch(good * n))
    shortest = max(shortest, text.min_len)
    ignored = rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE
    if shortest:
        if not ignored:
            yield "absent", ""
        if shortest > 1:
            yield "too short", good * (shortest - 1)
    filler = (good * text.max_len)[: max(shortest, min(11, text.max_len - 1))]
    foreign = next(c for c in ("\x01", " ", "\u00e9") if not pattern.fullmatch(filler + c))
    yield "wrong alphabet", filler + foreign


def _foreign(
    special: Foreign, field: FieldDescriptor, reach: Reach, prefix: str
) -> Iterator[BadField]:
    for what, apply, needle in special.get(field.name, ()):
        yield _Place(field, reach, prefix.rstrip(".")).case(what, apply, needle)


def _required(oneof: Any) -> bool:
    return bool(oneof.GetOptions().Extensions[validate_pb2.oneof].required)


def _into(place: _Place) -> Reach:
    return lambda root: getattr(place.reach(root), place.field.name)


def _into_first(place: _Place) -> Reach:
    return lambda root: getattr(place.reach(root), place.field.name)[0]
