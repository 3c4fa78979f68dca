"""Opens what Cardvault sealed; written from docs/reference/sealed-format.md alone.

Imports nothing of Cardvault: this is what someone who leaves it has to write.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def framed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    block, okm, counter = b"", b"", 1
    while len(okm) < length:
        block = hmac.digest(key, block + info + bytes([counter]), hashlib.sha256)
        okm, counter = okm + block, counter + 1
    return okm[:length]


def open_blob(data_key: bytes, blob: bytes, place: dict[str, str]) -> bytes:
    """Return the plaintext; `place` has what, tenant, token, customer, kind and revision."""
    if blob[:2] != b"\x01\x01":
        raise ValueError("another format")
    key_id, salt, commitment, sealed = blob[2:10], blob[10:42], blob[42:74], blob[74:]
    okm = hkdf_expand(data_key, b"cardvault/record/v1" + salt, 76)
    if not hmac.compare_digest(okm[44:76], commitment):
        raise ValueError("another key")
    names = ("what", "tenant", "token", "customer", "kind", "revision")
    aad = framed(blob[:2], *[place[name].encode() for name in names], key_id)
    return AESGCM(okm[:32]).decrypt(okm[32:44], sealed, aad)


def open_card(data_key: bytes, blob: bytes, place: dict[str, str]) -> dict[str, Any]:
    """Return a card's contents."""
    contents: dict[str, Any] = json.loads(open_blob(data_key, blob, {**place, "what": "contents"}))
    return contents


def unwrap_local(key_file: bytes, wrapped: bytes, context: dict[str, str]) -> bytes:
    """Return a data key that a local wrapping key has wrapped."""
    fields = json.loads(key_file)
    key_id = bytes.fromhex(fields["id"])
    if fields["format"] != "cardvault-local-key/1" or wrapped[:10] != b"\x01\x01" + key_id:
        raise ValueError("another wrapping key")
    pairs = [text.encode() for name in sorted(context) for text in (name, context[name])]
    aad = framed(wrapped[:2], key_id, *pairs)
    return AESGCM(base64.b64decode(fields["key"])).decrypt(wrapped[10:22], wrapped[22:], aad)
