"""The canonical bytes of a request, for its MAC (blueprint, "Keys").

Length-prefixed names and values of what is set, with method and request id; without the security
code, and without unset fields, so that a field added later does not change old requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from vault.crypto.lengths import framed_text
from vault.domain.card import pack_stored_credentials
from vault.domain.intents import AddCard, RequestMark


def mark(method: str, request_id: str, fields: Iterable[tuple[str, str]]) -> RequestMark:
    """Return a request's mark; UUIDs are compared without regard to case."""
    request_id = request_id.lower()
    parts = [_framed_name(method), framed_text(request_id)]
    for name, value in fields:
        if value:
            parts += (_framed_name(name), framed_text(value))
    return RequestMark(request_id, b"".join(parts))


# A few names are in every request, those of metadata are the caller's.
_framed_name = lru_cache(maxsize=256)(framed_text)


def mark_of_add(request_id: str, intent: AddCard) -> RequestMark:
    """Return the mark of a Tokenize."""
    contents = intent.contents
    fields = [
        ("number", contents.pan.reveal()),
        ("expiry", str(contents.expiry.as_int) if contents.expiry else ""),
        ("name", contents.cardholder_name),
        ("address", contents.billing_address),
        ("customer", intent.customer),
        ("kind", intent.kind),
        ("format", intent.token_format),
        ("ttl", str(intent.ttl_us) if intent.ttl_us else ""),
        ("on_existing", intent.on_existing),
    ]
    if intent.stored_credentials:
        fields.append(("agreements", pack_stored_credentials(intent.stored_credentials)))
    fields += [(f"metadata.{key}", f"={value}") for key, value in intent.metadata]
    return mark("Tokenize", request_id, fields)
