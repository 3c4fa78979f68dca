"""The transit engine of Vault (1.13 and later) or OpenBao, over hvac.

The context travels as `associated_data`, which transit's AEAD keys authenticate. Its own `context`
parameter is for derived keys, and older servers ignore names that they don't know: then the check
value inside the wrapped key still holds (remote.py).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import hvac  # type: ignore[import-untyped]
import requests

from vault.adapters.kms.address import TransitAddress
from vault.adapters.kms.calls import CallLimits
from vault.adapters.kms.secret_file import read_secret
from vault.adapters.kms.service import Damaged, Refused, ServiceError, Unreachable, context_bytes

_CIPHERTEXT: Final = re.compile(rb"vault:v[1-9][0-9]{0,9}:([A-Za-z0-9+/]+={0,2})")
_DAMAGED: Final = ("message authentication failed", "invalid ciphertext")


class TransitKeyService:
    """`KeyService` over one transit key. The token is read from its file for each call."""

    def __init__(
        self, address: TransitAddress, token_file: Path, limits: CallLimits, ca: Path | None
    ) -> None:
        # Proxies and credentials come from the settings, not from whatever the environment has.
        session = requests.Session()
        session.trust_env = False
        session.verify = str(ca) if ca else True
        self._client: Final = hvac.Client(
            url=address.base,
            token="",  # None would make hvac look for one in the environment
            timeout=(limits.connect_s, limits.answer_s),
            allow_redirects=False,  # neither token nor data key goes where a redirect says
            session=session,
        )
        self._path: Final = f"/v1/{address.mount}/{{}}/{address.key}"
        self._token_file: Final = token_file

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt with the newest version of the key."""
        body = {"plaintext": _text(plaintext)}
        return self._ask("encrypt", "ciphertext", body, context).encode()

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt with the version that the ciphertext names."""
        body = {"ciphertext": _canonical(ciphertext)}
        try:
            return base64.b64decode(self._ask("decrypt", "plaintext", body, context), validate=True)
        except binascii.Error:
            raise Refused("not_base64") from None

    def close(self) -> None:
        """Close pooled connections."""
        self._client.adapter.close()

    def _ask(
        self, operation: str, field: str, body: dict[str, str], context: Mapping[str, str]
    ) -> str:
        try:
            answer = self._client.adapter.post(
                self._path.format(operation),
                json=body | {"associated_data": _text(context_bytes(context))},
                headers={"X-Vault-Token": read_secret(self._token_file)},
                raise_exception=False,
            )
        except requests.RequestException as error:
            raise Unreachable(type(error).__name__) from None
        if not isinstance(answer, dict):
            raise _meaning(answer)
        found = (answer.get("data") or {}).get(field)
        if not isinstance(found, str) or not found:
            raise Refused("no_answer")
        return found


def _canonical(ciphertext: bytes) -> str:
    """Return the text, if it is what transit writes: servers read a little more than that."""
    found = _CIPHERTEXT.fullmatch(ciphertext)
    try:
        if found and base64.b64encode(base64.b64decode(found[1])) == found[1]:
            return ciphertext.decode()
    except binascii.Error:
        pass
    raise Damaged("not_canonical")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _meaning(answer: Any) -> ServiceError:
    """Return what a status other than 200 means. The server's words are looked at, never kept."""
    status = int(answer.status_code)
    code = f"http_{status}"
    if status == 429 or status >= 500:  # 503: sealed, or a standby without its leader
        return Unreachable(code)
    if status == 400 and any(words in answer.text for words in _DAMAGED):
        return Damaged(code)
    return Refused(code)
