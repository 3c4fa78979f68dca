"""Bad values for messages of other packages: their rules stand at the field that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.doubles.rpc_mutations import Mutation, setting

Cases = tuple[tuple[str, Mutation, str], ...]
"""What is wrong, the change, and text that must not come back."""
Foreign = Mapping[str, Cases]


def _long(name: str, size: int = 101) -> Cases:
    return (("too long", setting(name, "q" * size), "q" * size),)


def _lines(name: str, most: int) -> Cases:
    return (
        ("too many", lambda message: getattr(message, name).extend(["q"] * (most + 1)), ""),
        ("too long", lambda message: getattr(message, name).append("q" * 101), "q" * 101),
    )


FOREIGN: Final[Mapping[str, Foreign]] = {
    "google.protobuf.Timestamp": {
        "seconds": (
            ("before 1970", setting("seconds", -1), ""),
            ("after 2099", setting("seconds", 4_102_444_800), ""),
        ),
        "nanos": (
            ("a whole second", setting("nanos", 1_000_000_000), "1000000000"),
            ("negative", setting("nanos", -1), ""),
        ),
    },
    "google.protobuf.Duration": {
        "seconds": (
            ("negative", setting("seconds", -1), ""),
            ("too long", setting("seconds", 400_000_000), ""),
        ),
        "nanos": (("a whole second", setting("nanos", 1_000_000_000), "1000000000"),),
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
            ("three letters", setting("region_code", "DEU"), ""),
            ("lower case", setting("region_code", "de"), ""),
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
