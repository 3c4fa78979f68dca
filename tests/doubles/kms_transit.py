"""The transit engine as Vault and OpenBao answer it, over HTTP.

Written from their API pages and from OpenBao's `builtin/logical/transit/path_{en,de}crypt.go` and
`sdk/helper/keysutil/policy.go`: statuses, error texts, the order of checks, key versions, the
oldest version that decrypts, unknown fields being ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.doubles.kms_door import serving_http

_PATH = re.compile(r"/v1/(?P<mount>[\w/-]+)/(?P<operation>encrypt|decrypt)/(?P<key>[\w.-]+)")
_NONCE = 12


class _Problem(Exception):
    """A 400 with this text, as `logical.ErrorResponse` makes it."""


@dataclass
class TransitKey:
    """An aes256-gcm96 key and its versions."""

    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    oldest: int = 1  # min_decryption_version


@dataclass
class TransitServer:
    """Mounts, keys, and tokens with the paths they may update (and create at)."""

    keys: dict[str, TransitKey] = field(default_factory=dict)  # by mount/key
    tokens: dict[str, set[str]] = field(default_factory=dict)  # paths like transit/encrypt/k
    knows_associated_data: bool = True  # False: as before Vault 1.13
    url: str = ""

    def allow(self, token: str, key: str) -> None:
        """Let a token update encrypt and decrypt of `mount/key`."""
        mount, _, name = key.rpartition("/")
        paths = {f"{mount}/encrypt/{name}", f"{mount}/decrypt/{name}"}
        self.tokens.setdefault(token, set()).update(paths)

    def answer(self, path: str, token: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and body for a POST."""
        if not token:
            return 400, {"errors": ["missing client token"]}
        found = _PATH.fullmatch(path)
        if path.removeprefix("/v1/") not in self.tokens.get(token, set()):
            text = "1 error occurred:\n\t* permission denied\n\n"
            return 403, {"errors": [text if token in self.tokens else "permission denied"]}
        if found is None:
            return 404, {"errors": ["no handler for route"]}
        try:
            fields = json.loads(body)
        except ValueError:
            return 400, {"errors": ["failed to parse JSON input: invalid character"]}
        key = self.keys.get(f"{found['mount']}/{found['key']}")
        try:
            aad = b""
            if self.knows_associated_data:
                aad = _decoded(fields.get("associated_data", ""))
            act = _encrypted if found["operation"] == "encrypt" else _decrypted
            data = act(key, fields, aad)
        except _Problem as problem:
            return 400, {"errors": [str(problem)]}
        return 200, {"request_id": "00000000", "lease_id": "", "renewable": False, "data": data}


def _encrypted(key: TransitKey | None, fields: dict[str, Any], aad: bytes) -> dict[str, Any]:
    if "plaintext" not in fields:
        raise _Problem("missing plaintext to encrypt")
    plaintext = _decoded(fields["plaintext"])
    if key is None:
        raise _Problem("encryption key not found")
    version, nonce = len(key.versions), os.urandom(_NONCE)
    sealed = nonce + AESGCM(key.versions[-1]).encrypt(nonce, plaintext, aad)
    text = f"vault:v{version}:{base64.b64encode(sealed).decode()}"
    return {"ciphertext": text, "key_version": version}


def _decrypted(key: TransitKey | None, fields: dict[str, Any], aad: bytes) -> dict[str, Any]:
    text = str(fields.get("ciphertext", ""))
    if not text:
        raise _Problem("missing ciphertext to decrypt")
    if key is None:
        raise _Problem("encryption key not found")
    version, sealed = _parsed(key, text)
    try:
        plaintext = AESGCM(key.versions[version - 1]).decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
    except InvalidTag:
        raise _Problem("cipher: message authentication failed") from None
    return {"plaintext": base64.b64encode(plaintext).decode()}


def _parsed(key: TransitKey, text: str) -> tuple[int, bytes]:
    """Return version, and nonce with ciphertext."""
    if not text.startswith("vault:v"):
        raise _Problem("invalid ciphertext: no prefix")
    number, colon, encoded = text.removeprefix("vault:v").partition(":")
    if not colon:
        raise _Problem("invalid ciphertext: wrong number of fields")
    if not re.fullmatch(r"[+-]?\d+", number, re.ASCII):
        raise _Problem("invalid ciphertext: version number could not be decoded")
    version = int(number) or 1
    if version > len(key.versions):
        raise _Problem("invalid ciphertext: version is too new")
    if version < key.oldest:
        raise _Problem("ciphertext or signature version is disallowed by policy (too old)")
    try:
        sealed = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise _Problem("invalid ciphertext: could not decode base64") from None
    if len(sealed) < _NONCE:
        raise _Problem("invalid ciphertext length")
    return version, sealed


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _Problem("illegal base64 data at input byte 0") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vault: TransitServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, answer = self.vault.answer(self.path, self.headers.get("X-Vault-Token"), body)
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""


@contextmanager
def transit_server() -> Iterator[TransitServer]:
    """Serve an empty engine; `server.url` says where."""
    server = TransitServer()
    handler = type("Handler", (_Handler,), {"vault": server})
    with serving_http(handler) as server.url:
        yield server
