"""What authenticates itself: sealed blobs, wrapped keys, page tokens, cursors."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from hashlib import shake_256
from typing import Final

from cardvault.updater.v1.updater_service_pb2 import ListInquiriesRequest

from chassis.status import StatusError
from tests.fuzz.judge import CANARY, attempted, same
from tests.fuzz.target import Broken, Target, plain_target
from updater.adapters.marks import HmacMarks
from updater.rpc.pages import Pages
from vault.adapters.local_kms import LocalKms
from vault.crypto.blob import CannotOpen, Place, RecordKey, key_id_of
from vault.crypto.mac import MacKey
from vault.domain.reasons import VaultError
from vault.usecases.paging import page_token, place_of

_SECRET: Final = b"k" * 32
_KEY: Final = RecordKey(b"key-0001", _SECRET)
_PLACE: Final = Place("contents", "demo", "tok_1", "", "FPAN", 1)
_PLAIN: Final = f"4111 and {CANARY}".encode()
_KMS: Final = LocalKms(b"kek-0001", _SECRET)
_CONTEXT: Final = {"tenant": "demo"}
_CURSORS: Final = MacKey(b"key-0002", _SECRET)
_QUERY: Final = ("cards", "customer")
_PAGES: Final = Pages(HmacMarks(_SECRET))


def _not_random(size: int) -> bytes:
    return shake_256(b"the same in every run").digest(size)


def blob(data: bytes) -> str:
    """Open a sealed card: what opens is what was sealed, to the bit."""
    attempted(data, lambda: key_id_of(data), CannotOpen)
    plain, said = attempted(data, lambda: _KEY.open(data, _PLACE), CannotOpen)
    if plain is not None and (plain != _PLAIN or data != _blobs()[0]):
        raise Broken("a blob opened that nobody sealed")
    return said


def _blobs() -> Sequence[bytes]:
    return [_KEY.seal(_PLAIN, _PLACE, _not_random)]


def wrapped(data: bytes) -> str:
    """Unwrap a data key with a key file's key."""
    secret, said = attempted(data, lambda: _ended(_KMS.unwrap(data, _CONTEXT)), VaultError)
    if secret is not None:
        same(secret, _SECRET, "a wrapped key")
    return said


def _ended(work: object) -> bytes:
    """Run a coroutine that waits for nothing to its end."""
    try:
        work.send(None)  # type: ignore[attr-defined] # a coroutine
    except StopIteration as ended:
        return bytes(ended.value)
    raise Broken("a local key had to wait")


def _wrapped_keys() -> Sequence[bytes]:
    kms = LocalKms(b"kek-0001", _SECRET, _not_random)
    return [asyncio.run(kms.wrap(_SECRET, _CONTEXT))]


def vault_page(data: bytes) -> str:
    """Read a page token or cursor of the vault."""
    token = data.decode("utf-8", "replace")
    place, said = attempted(data, lambda: place_of(_CURSORS, "demo", _QUERY, token), VaultError)
    if place and place != "tok_9":
        raise Broken("a page token stands for a place that nobody gave")
    return said


def _vault_pages() -> Sequence[bytes]:
    return [page_token(_CURSORS, "demo", _QUERY, "tok_9").encode()]


def updater_page(data: bytes) -> str:
    """Read a page token of the updater."""
    request = ListInquiriesRequest(channel="csv", page_token=data.decode("utf-8", "replace"))
    place, said = attempted(data, lambda: _PAGES.position("demo", request, 2), StatusError)
    if place not in (None, ["1", "inq_1"]):
        raise Broken("a page token stands for a place that nobody gave")
    return said


def _updater_pages() -> Sequence[bytes]:
    token = _PAGES.token("demo", ListInquiriesRequest(channel="csv"), "1", "inq_1")
    return [token.encode(), base64.urlsafe_b64encode(b"x" * 40)]


TARGETS: Final[Sequence[Target]] = (
    plain_target("blob", "sealed blobs", blob, _blobs, longest=256),
    plain_target("wrapped-key", "wrapped data keys", wrapped, _wrapped_keys, longest=128),
    plain_target("vault-page", "page tokens of the vault", vault_page, _vault_pages, longest=128),
    plain_target(
        "updater-page", "page tokens of the updater", updater_page, _updater_pages, longest=128
    ),
)
