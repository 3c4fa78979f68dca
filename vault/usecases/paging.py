"""Page tokens: opaque, authenticated, bound to tenant and query.

A token is base64url of a 16-byte MAC and the place it stands for; the MAC covers tenant, kind of
list and query, so a token of another tenant or query does not verify.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

from vault.crypto.lengths import framed
from vault.crypto.mac import MacKey
from vault.domain.reasons import Reason, VaultError

_MAC_SIZE: Final = 16


def page_token(key: MacKey, tenant: str, query: tuple[str, ...], place: str) -> str:
    """Return the token that continues `query` behind `place`."""
    mac = _mac(key, tenant, query, place)
    return base64.urlsafe_b64encode(mac + place.encode()).decode().rstrip("=")


def place_of(
    key: MacKey, tenant: str, query: tuple[str, ...], token: str, field: str = "page_token"
) -> str:
    """Return where a page token stands. Raises VaultError(PAGE_TOKEN_INVALID) at `field`."""
    if not token:
        return ""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        place = raw[_MAC_SIZE:].decode()
    except (binascii.Error, ValueError):
        raise VaultError(Reason.PAGE_TOKEN_INVALID, field) from None
    if not hmac.compare_digest(raw[:_MAC_SIZE], _mac(key, tenant, query, place)):
        raise VaultError(Reason.PAGE_TOKEN_INVALID, field)
    return place


def _mac(key: MacKey, tenant: str, query: tuple[str, ...], place: str) -> bytes:
    parts = (b"page", tenant.encode(), *(item.encode() for item in query), place.encode())
    return key.mac(framed(parts))[:_MAC_SIZE]
