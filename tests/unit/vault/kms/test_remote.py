"""What stands in a wrapped key, and what is checked however the service behaves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.kms_service import MemoryKeyService
from vault.adapters.kms.address import KmsSettings
from vault.adapters.kms.calls import Calls
from vault.adapters.kms.open import CHATTY, KmsInvalid, open_kms, probe
from vault.adapters.kms.remote import AWS, TRANSIT, RemoteKms
from vault.adapters.kms.secret_file import read_secret
from vault.adapters.kms.service import Refused, Unreachable
from vault.adapters.local_kms import LocalKms
from vault.domain.reasons import Reason, VaultError

CONTEXT = {"service": "cardvault", "tenant": "acme", "purpose": "record", "key_id": "00" * 8}


def remote(service: MemoryKeyService, kek: str = "aws-kms:one", kind: int = AWS) -> RemoteKms:
    return RemoteKms(kek, kind, service, Calls())


async def reason_of(kms: RemoteKms, wrapped: bytes, context: dict[str, str]) -> Reason:
    with pytest.raises(VaultError) as refused:
        await kms.unwrap(wrapped, context)
    return refused.value.reason


async def test_a_wrapped_key_is_laid_out_as_documented() -> None:
    service = MemoryKeyService()
    wrapped = await remote(service).wrap(b"s" * 32, CONTEXT)
    assert wrapped[:2] == b"\x01\x02"
    assert wrapped[2:10] == hashlib.sha256(b"aws-kms:one").digest()[:8]
    plaintext, bound = service.known[wrapped[10:]]
    assert bound == CONTEXT
    parts = [b"cardvault/wrapped/v1", wrapped[:10], b"s" * 32]
    inner = b"".join(
        len(part).to_bytes(4, "big") + part
        for name in sorted(CONTEXT)
        for part in (name.encode(), CONTEXT[name].encode())
    )
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in [*parts, inner])
    assert plaintext == b"s" * 32 + hashlib.sha256(framed).digest()[:16]


async def test_a_service_that_forgets_contexts_is_not_believed() -> None:
    service = MemoryKeyService()
    service.forgets_contexts = True
    kms = remote(service)
    with pytest.raises(KmsInvalid, match="forgets contexts"):
        await probe(kms)
    wrapped = await kms.wrap(b"s" * 32, CONTEXT)
    assert await reason_of(kms, wrapped, {**CONTEXT, "tenant": "b"}) is Reason.DATA_CORRUPT
    assert (await kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True


async def test_a_service_that_opens_with_any_key_is_not_believed() -> None:
    service = MemoryKeyService()
    kms, other = remote(service), remote(service, "aws-kms:two")
    theirs = await other.wrap(b"s" * 32, CONTEXT)
    assert await reason_of(kms, theirs, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
    forged = kms._header + theirs[10:]
    assert await reason_of(kms, forged, CONTEXT) is Reason.DATA_CORRUPT
    kind = remote(service, kind=TRANSIT)
    mine = await kms.wrap(b"s" * 32, CONTEXT)
    assert await reason_of(kind, mine, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE


async def test_a_service_that_does_not_encrypt_is_not_used() -> None:
    service = MemoryKeyService()
    service.says_its_argument = True
    with pytest.raises(VaultError):
        await remote(service).wrap(b"s" * 32, CONTEXT)


@given(noise=st.binary(max_size=60))
def test_foreign_bytes_are_refused(noise: bytes) -> None:
    kms = remote(MemoryKeyService())
    for wrapped in (noise, kms._header + noise):
        asyncio.run(reason_of(kms, wrapped, CONTEXT))


async def test_what_is_too_long_is_refused_without_a_call() -> None:
    service = MemoryKeyService()
    kms = remote(service)
    assert await reason_of(kms, kms._header + b"x" * 9_000, CONTEXT) is Reason.DATA_CORRUPT
    assert service.calls == 0


async def test_closing_closes_the_service() -> None:
    service = MemoryKeyService()
    kms = remote(service)
    assert repr(kms) == "<RemoteKms aws-kms:one>"
    await asyncio.to_thread(kms.close)
    assert service.closed


async def test_the_probe_passes_a_service_that_is_fit() -> None:
    await probe(remote(MemoryKeyService()))


async def test_the_probe_says_when_a_service_can_not_be_reached() -> None:
    service = MemoryKeyService()
    service.fails = [Refused("AccessDeniedException")]
    with pytest.raises(VaultError) as refused:
        await probe(remote(service))
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
    half = MemoryKeyService()
    half.fails_to_decrypt = Refused("AccessDeniedException")
    with pytest.raises(VaultError) as refused:
        await probe(remote(half))
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
    service.fails = []
    kms = remote(service)
    wrapped = await kms.wrap(b"s" * 32, CONTEXT)
    service.fails = [Unreachable("a")] * 3
    assert await reason_of(kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE


async def test_opening_quietens_drivers_and_refuses_what_is_no_address(tmp_path: Path) -> None:
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with pytest.raises(KmsInvalid, match="ARN"):
        async with open_kms(KmsSettings("aws-kms:alias/cards")):
            pass
    assert {logging.getLogger(name).level for name in CHATTY} == {logging.WARNING}
    content = {"format": "cardvault-local-key/1", "id": "00" * 8, "key": "c" * 43 + "="}
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(json.dumps(content))
    async with open_kms(KmsSettings(f"local:{path}")) as kms:
        assert isinstance(kms, LocalKms)


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (b"a-token\n", 0o444, "secret_file_open_to_others"),
        (b"", 0o400, "secret_file_unreadable"),
        (b"two\nlines", 0o400, "secret_file_unreadable"),
        (b"\xff", 0o400, "secret_file_unreadable"),
    ],
    ids=["open", "empty", "lines", "not text"],
)
def test_secret_files_are_private_and_of_one_line(
    tmp_path: Path, content: bytes, mode: int, code: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(Refused) as refused:
        read_secret(path)
    assert refused.value.code == code
    with pytest.raises(Refused):
        read_secret(tmp_path / "none")
    path.chmod(0o640)
    path.write_bytes(b" a-token \n")
    assert read_secret(path) == "a-token"
