"""Canaries: secrets that are sent everywhere and may be found nowhere, and the search for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tests.doubles.rpc_bad_fields import descriptor_of
from tests.unit.protos import schema


class Canaries:
    """Secrets, and every form in which bytes could hold them. `repr` shows none."""

    def __init__(self, texts: tuple[str, ...], codes: tuple[str, ...] = ()) -> None:
        self._forms = [form for text in texts for form in forms_of(text)]
        # Too short to be searched for as they are: only where nothing stands beside them.
        self._codes = [
            re.compile(rb"(?<![\w.:-])" + code.encode() + rb"(?![\w.:-])") for code in codes
        ]

    def __repr__(self) -> str:
        return "<Canaries>"

    def found_in(self, data: bytes) -> bool:
        """Tell whether a secret is in the data, in any form."""
        return any(form in data for form in self._forms) or any(
            code.search(data) for code in self._codes
        )

    def files_with(self, directory: Path) -> list[str]:
        """Return the files below a directory that hold a secret."""
        files = sorted(path for path in directory.rglob("*") if path.is_file())
        return [path.name for path in files if self.found_in(path.read_bytes())]


def forms_of(text: str) -> list[bytes]:
    """Return a secret as ASCII or UTF-8, UTF-16, hex, base64 at every offset, and packed BCD."""
    plain = text.encode()
    found = [plain, text.encode("utf-16-le"), text.encode("utf-16-be")]
    found += [plain.hex().encode(), plain.hex().upper().encode()]
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + plain)
        inner = whole[4 if offset else 0 : len(whole) - len(whole) % 4 - 4]
        found += [inner, inner.replace(b"+", b"-").replace(b"/", b"_")]
    if text.isdigit():
        even = text if len(text) % 2 == 0 else text[:-1]
        odd = text[1:] if len(text[1:]) % 2 == 0 else text[1:-1]
        found += [bytes.fromhex(even), bytes.fromhex(odd)]
    return found


Place = Callable[[Any, str], None]
"""Write a text into one field of a request."""


def text_places(request: type[Message]) -> list[tuple[str, Place]]:
    """Return every place of a request that takes text: name, and how to write there.

    The request must be a good one of `rpc_requests`, whose lists and messages are all set.
    """
    return list(_places(descriptor_of(request), lambda root: root, ""))


def _places(
    message: Descriptor, reach: Callable[[Any], Any], prefix: str
) -> Iterator[tuple[str, Place]]:
    for field in message.fields:
        path = f"{prefix}{field.name}"
        if schema.is_map(field):
            yield f"{path} key", _writing(reach, field, _as_key)
            yield f"{path} value", _writing(reach, field, _as_value)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield path, _writing(reach, field, _as_item if field.is_repeated else _as_text)
        elif field.message_type is not None:
            yield from _places(field.message_type, _into(reach, field), f"{path}.")


def _into(reach: Callable[[Any], Any], field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.is_repeated:
        return lambda root: getattr(reach(root), field.name)[0]
    return lambda root: getattr(reach(root), field.name)


def _writing(
    reach: Callable[[Any], Any], field: FieldDescriptor, write: Callable[[Any, str, str], None]
) -> Place:
    return lambda root, text: write(reach(root), field.name, text)


def _as_text(message: Any, name: str, text: str) -> None:
    setattr(message, name, text)


def _as_item(message: Any, name: str, text: str) -> None:
    getattr(message, name)[:] = [text]


def _as_key(message: Any, name: str, text: str) -> None:
    getattr(message, name)[text] = "v"


def _as_value(message: Any, name: str, text: str) -> None:
    getattr(message, name)["k"] = text
