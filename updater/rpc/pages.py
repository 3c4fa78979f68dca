"""Page tokens: opaque, authenticated, bound to tenant and query."""

import base64
import hmac
import json
from typing import Final

from google.protobuf.message import Message

from updater.rpc.errors import page_token_invalid
from updater.usecases.ports import Marks

DEFAULT_PAGE: Final = 100
_MAC_BYTES: Final = 16


class Pages:
    """Makes and checks page tokens for one service."""

    def __init__(self, marks: Marks) -> None:
        self._marks: Final = marks

    def position(self, tenant: str, request: Message, length: int) -> list[str] | None:
        """Return where the page begins, None for the first. Raises PAGE_TOKEN_INVALID."""
        token: str = request.page_token  # type: ignore[attr-defined] # each list request has it
        if not token:
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:  # binascii's is one, too
            raise page_token_invalid() from None
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(tenant, request, position)):
            raise page_token_invalid()
        found: list[str] = json.loads(position)  # ours: the MAC has said so
        return found if len(found) == length else None

    def token(self, tenant: str, request: Message, *position: str) -> str:
        """Return the token of the page that begins after a position."""
        raw = json.dumps(position).encode()
        sealed = self._mac(tenant, request, raw) + raw
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def _mac(self, tenant: str, request: Message, position: bytes) -> bytes:
        query = type(request)()
        query.CopyFrom(request)
        for field in ("page_token", "page_size"):  # another size is another page of one query
            query.ClearField(field)
        name = request.DESCRIPTOR.full_name.encode()
        content = name + b"\0" + query.SerializeToString(deterministic=True)
        return self._marks.page(tenant, content, position)


def size_of(request: Message) -> int:
    """Return how many entries a page has."""
    return int(request.page_size) or DEFAULT_PAGE  # type: ignore[attr-defined]
