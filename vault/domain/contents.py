"""What is inside a sealed card, and its one encoding: canonical JSON, padded.

JSON, because whoever leaves Cardvault must be able to read it with anything; padded with blanks to
a multiple of 64 bytes, so that a blob's length tells nothing about the cardholder's name.
The format is described in docs/reference/sealed-format.md.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from cards.expiry import Expiry, expiry_of
from cards.pan import Pan

_PAD: Final = 64
_quoted = json.encoder.encode_basestring
_read = json.JSONDecoder().raw_decode


class Contents(NamedTuple):
    """A card's number and what belongs to its holder. Never printed: `repr` names the type only."""

    pan: Pan
    expiry: Expiry | None = None
    cardholder_name: str = ""
    billing_address: str = ""  # canonical JSON of google.type.PostalAddress, empty for none

    def __repr__(self) -> str:
        return "<Contents>"

    def encode(self) -> bytes:
        """Return the plaintext that is sealed; a multiple of 64 bytes."""
        fields = []  # in the order of their names
        if self.billing_address:
            fields.append(f'"address":{_quoted(self.billing_address)}')
        if self.expiry is not None:
            fields.append(f'"expiry":"{self.expiry.year:04d}-{self.expiry.month:02d}"')
        if self.cardholder_name:
            fields.append(f'"name":{_quoted(self.cardholder_name)}')
        fields.append(f'"number":"{self.pan.reveal()}"')
        text = f"{{{','.join(fields)}}}".encode()
        return text + b" " * (-len(text) % _PAD)

    @classmethod
    def decode(cls, plaintext: bytes) -> Contents:
        """Read back what `encode` made. Raises ValueError or KeyError on anything else."""
        text = plaintext.decode()
        fields, end = _read(text)
        if text[end:].strip(" "):
            raise ValueError("something follows the contents")
        expiry = fields.get("expiry")
        return cls(
            Pan.stored(fields["number"]),
            expiry_of(int(expiry[:4]), int(expiry[5:])) if expiry else None,
            fields.get("name", ""),
            fields.get("address", ""),
        )
