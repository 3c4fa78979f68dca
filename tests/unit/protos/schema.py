"""The published protos as Python sees them: what the tests of this folder walk over."""

import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from buf.validate import validate_pb2
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)

ROOT: Final = Path(__file__).parents[3] / "protos"


def files() -> list[FileDescriptor]:
    """Return the descriptor of every .proto file of ours."""
    found: list[FileDescriptor] = []
    for path in sorted(ROOT.rglob("*.proto")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts) + "_pb2"
        found.append(importlib.import_module(module).DESCRIPTOR)
    return found


def messages() -> list[Descriptor]:
    """Return every message of ours, those that maps are made of aside."""
    return [m for file in files() for m in _with_nested(file.message_types_by_name.values())]


def enums() -> list[EnumDescriptor]:
    """Return every enum of ours."""
    nested = [enum for message in messages() for enum in message.enum_types]
    return [enum for file in files() for enum in file.enum_types_by_name.values()] + nested


def methods() -> list[MethodDescriptor]:
    """Return every RPC of ours."""
    services = [s for file in files() for s in file.services_by_name.values()]
    return [method for service in services for method in service.methods]


def sent_by_clients() -> list[Descriptor]:
    """Return the messages of ours that a request can contain, requests included."""
    seen: dict[str, Descriptor] = {}
    waiting = [method.input_type for method in methods()]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen or not message.full_name.startswith("cardvault."):
            continue
        seen[message.full_name] = message
        waiting += [f.message_type for f in message.fields if f.message_type is not None]
    return [m for m in seen.values() if not m.GetOptions().map_entry]


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """Return the field's validation rules; empty ones if it has none."""
    # The stubs can't name the type of another file's extension.
    options: Any = field.GetOptions()
    found: validate_pb2.FieldRules = options.Extensions[validate_pb2.field]
    return found


def is_map(field: FieldDescriptor) -> bool:
    """Tell whether the field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _with_nested(found: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for message in found:
        if not message.GetOptions().map_entry:
            yield message
            yield from _with_nested(message.nested_types)
