"""First invalid values for every field of a request, derived from its rules in the protos.

A case changes a good request in one place. The walk follows messages, lists and maps; what rules
cannot express (times, addresses, masks of other packages) stands in tables here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.unit.protos import schema

Reach = Callable[[Any], Any]
"""Go from the request to the message that holds the field."""


@dataclass(frozen=True)
class BadField:
    """One wrong value: where it goes, what the server must name, what it must never repeat."""

    field: str  # full name, message and field
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
        name = self.field.full_name
        return BadField(
            name, what, path or self.path, lambda root: apply(self.reach(root)), text
        )


def reachable(message: Descriptor) -> set[str]:
    """Return the full name of every field that a request may hold, at any depth."""
    found: set[str] = set()
    waiting = [message]
    while waiting:
        for field in waiting.pop().fields:
            if field.full_name not in found:
                found.add(field.full_name)
                if field.message_type is not None and not schema.is_map(field):
                    waiting.append(field.message_type)
    return found


def bad_fields(message: Descriptor) -> list[BadField]:
    """Return the cases of a request."""
    return list(_of_message(message, lambda root: root, ""))


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
                "oneof absent", _clearing(oneof.name)
            )


def _of_field(place: _Place) -> Iterator[BadField]:
    field, rules = place.field, schema.rules(place.field)
    if schema.is_map(field):
        yield from _of_map(place, rules.map)
    elif field.is_repeated:
        yield from _of_list(place, rules.repeated)
    elif field.message_type is not None:
        if rules.required:
            yield place.case("absent", _clearing(field.name))
        yield from _of_message(field.message_type, _into(place), f"{place.path}.")
    else:
        for what, value in _bad_values(field, rules):
            yield place.case(what, _setting(field.name, value), value)


def _of_list(place: _Place, rules: validate_pb2.RepeatedRules) -> Iterator[BadField]:
    field, name = place.field, place.field.name
    if rules.min_items:
        yield place.case("no items", _clearing(name))
    if rules.max_items:
        yield place.case("too many items", _filling(field, rules.max_items + 1))
    if rules.unique:
        yield place.case("an item twice", _doubling(name))
    if field.message_type is not None:
        alone = rules.items.ignore  # such items are judged one by one: their paths begin anew
        prefix = "" if alone else f"{place.path}[0]."
        yield from _of_message(field.message_type, _into_first(place), prefix)
        return
    for what, value in _bad_values(field, rules.items):
        yield place.case(
            f"item {what}", _first_item(name, value), value, path=f"{place.path}[0]"
        )


def _of_map(place: _Place, rules: validate_pb2.MapRules) -> Iterator[BadField]:
    name, path = place.field.name, f"{place.path}[*]"
    key_field, value_field = (place.field.message_type.fields_by_name[k] for k in ("key", "value"))
    pairs = {f"k{at}": "v" for at in range(rules.max_pairs + 1)}
    yield place.case("too many pairs", _pairs(name, pairs))
    for what, bad in _bad_values(key_field, rules.keys):
        yield place.case(f"key {what}", _pairs(name, {bad: "v"}), bad, path=path)
    for what, bad in _bad_values(value_field, rules.values):
        yield place.case(f"value {what}", _pairs(name, {"k": bad}), bad, path=path)


def _bad_values(
    field: FieldDescriptor, rules: validate_pb2.FieldRules
) -> Iterator[tuple[str, Any]]:
    if field.type == FieldDescriptor.TYPE_STRING:
        yield from _bad_texts(rules)
    elif field.enum_type is not None:
        if rules.enum.defined_only:
            yield "unknown enum", max(field.enum_type.values_by_number) + 1
        yield from ((f"forbidden {number}", number) for number in rules.enum.not_in)
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


# --- messages of other packages: their rules stand at the field that holds them, or nowhere ---

Foreign = Mapping[str, tuple[tuple[str, Callable[[Any], None], str], ...]]


def _foreign(
    special: Foreign, field: FieldDescriptor, reach: Reach, prefix: str
) -> Iterator[BadField]:
    for what, apply, needle in special.get(field.name, ()):
        yield _Place(field, reach, prefix.rstrip(".")).case(what, apply, needle)


def _put(name: str, value: Any) -> Callable[[Any], None]:
    return _setting(name, value)


def _long(name: str, size: int = 101) -> tuple[tuple[str, Callable[[Any], None], str], ...]:
    return (("too long", _put(name, "q" * size), "q" * size),)


def _lines(name: str, most: int) -> tuple[tuple[str, Callable[[Any], None], str], ...]:
    return (
        ("too many", lambda message: getattr(message, name).extend(["q"] * (most + 1)), ""),
        ("too long", lambda message: getattr(message, name).append("q" * 101), "q" * 101),
    )


FOREIGN: Final[Mapping[str, Foreign]] = {
    "google.protobuf.Timestamp": {
        "seconds": (
            ("before 1970", _put("seconds", -1), ""),
            ("after 2099", _put("seconds", 4_102_444_800), ""),
        ),
        "nanos": (
            ("a whole second", _put("nanos", 1_000_000_000), "1000000000"),
            ("negative", _put("nanos", -1), ""),
        ),
    },
    "google.protobuf.Duration": {
        "seconds": (
            ("negative", _put("seconds", -1), ""),
            ("too long", _put("seconds", 400_000_000), ""),
        ),
        "nanos": (("a whole second", _put("nanos", 1_000_000_000), "1000000000"),),
    },
    "google.protobuf.FieldMask": {
        "paths": (
            ("unknown", lambda mask: mask.paths.append("card.canary"), "card.canary"),
            ("unchangeable", lambda mask: mask.paths.append("token"), ""),
            ("too many", lambda mask: mask.paths.extend(["metadata"] * 17), ""),
        ),
    },
    "google.type.PostalAddress": {
        "region_code": (
            ("three letters", _put("region_code", "DEU"), ""),
            ("lower case", _put("region_code", "de"), ""),
        ),
        "language_code": _long("language_code", 36),
        "postal_code": _long("postal_code"),
        "sorting_code": _long("sorting_code"),
        "administrative_area": _long("administrative_area"),
        "locality": _long("locality"),
        "sublocality": _long("sublocality"),
        "address_lines": _lines("address_lines", 10),
        "recipients": _lines("recipients", 5),
        "organization": _long("organization"),
    },
}


def _required(oneof: Any) -> bool:
    return bool(oneof.GetOptions().Extensions[validate_pb2.oneof].required)


def _into(place: _Place) -> Reach:
    return lambda root: getattr(place.reach(root), place.field.name)


def _into_first(place: _Place) -> Reach:
    return lambda root: getattr(place.reach(root), place.field.name)[0]


def _setting(name: str, value: Any) -> Callable[[Any], None]:
    return lambda message: setattr(message, name, value)


def _clearing(name: str) -> Callable[[Any], None]:
    def clear(message: Any) -> None:
        is_oneof = name in message.DESCRIPTOR.oneofs_by_name
        message.ClearField(message.WhichOneof(name) if is_oneof else name)

    return clear


def _filling(field: FieldDescriptor, count: int) -> Callable[[Any], None]:
    def fill(message: Any) -> None:
        items = getattr(message, field.name)
        first = items[0]
        while len(items) < count:
            items.append(first)

    return fill


def _doubling(name: str) -> Callable[[Any], None]:
    return lambda message: getattr(message, name).append(getattr(message, name)[0])


def _first_item(name: str, value: Any) -> Callable[[Any], None]:
    def put(message: Any) -> None:
        getattr(message, name)[0] = value

    return put


def _pairs(name: str, pairs: Mapping[str, str]) -> Callable[[Any], None]:
    def put(message: Any) -> None:
        getattr(message, name).clear()
        getattr(message, name).update(pairs)

    return put
