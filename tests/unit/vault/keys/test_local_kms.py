"""The key in a file: private, bound to its context, and never replaced by accident."""

import base64
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.adapters.local_kms import LocalKeyInvalid, LocalKms, make_local_key
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import Kms

CONTEXT = {"service": "cardvault", "tenant": "acme", "purpose": "record", "key_id": "00" * 8}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "local.key"
    make_local_key(path)
    return path


async def test_what_was_wrapped_unwraps(key_file: Path) -> None:
    kms: Kms = LocalKms.open(key_file)
    wrapped = await kms.wrap(b"s" * 32, CONTEXT)
    assert b"s" * 32 not in wrapped
    assert await LocalKms.open(key_file).unwrap(wrapped, dict(reversed(CONTEXT.items()))) == (
        b"s" * 32
    )
    assert await kms.wrap(b"s" * 32, CONTEXT) != wrapped


def test_it_says_what_it_is(key_file: Path) -> None:
    kms = LocalKms.open(key_file)
    key_id = json.loads(key_file.read_bytes())["id"]
    assert kms.development_only
    assert kms.kek == f"local:{key_id}"
    assert repr(kms) == f"<LocalKms {key_id}>"
    with pytest.raises(TypeError):
        copy.copy(kms)


@pytest.mark.parametrize("name", sorted(CONTEXT))
async def test_another_context_never_opens(key_file: Path, name: str) -> None:
    kms = LocalKms.open(key_file)
    wrapped = await kms.wrap(b"s" * 32, CONTEXT)
    for other in (
        {**CONTEXT, name: CONTEXT[name] + "x"},
        {key: value for key, value in CONTEXT.items() if key != name},
    ):
        with pytest.raises(VaultError) as refused:
            await kms.unwrap(wrapped, other)
        assert refused.value.reason is Reason.DATA_CORRUPT


async def test_names_and_values_do_not_run_together(key_file: Path) -> None:
    kms = LocalKms.open(key_file)
    wrapped = await kms.wrap(b"s" * 32, {"a": "bc", "d": ""})
    for other in ({"ab": "c", "d": ""}, {"a": "b", "cd": ""}, {"a": "bcd"}, {"a": "bc"}):
        with pytest.raises(VaultError):
            await kms.unwrap(wrapped, other)


async def test_any_flipped_bit_never_opens(key_file: Path) -> None:
    kms = LocalKms.open(key_file)
    wrapped = await kms.wrap(b"s" * 32, CONTEXT)
    for bit in range(len(wrapped) * 8):
        edited = bytearray(wrapped)
        edited[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            await kms.unwrap(bytes(edited), CONTEXT)


@given(noise=st.binary(max_size=90))
async def test_foreign_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(VaultError):
        await LocalKms(bytes(8), bytes(32)).unwrap(noise, CONTEXT)


async def test_a_key_of_another_file_is_the_key_service_s_trouble(
    key_file: Path, tmp_path: Path
) -> None:
    make_local_key(tmp_path / "other.key")
    wrapped = await LocalKms.open(tmp_path / "other.key").wrap(b"s" * 32, CONTEXT)
    with pytest.raises(VaultError) as refused:
        await LocalKms.open(key_file).unwrap(wrapped, CONTEXT)
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE


def test_a_key_file_is_private_and_never_replaced(key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    before = key_file.read_bytes()
    with pytest.raises(FileExistsError):
        make_local_key(key_file)
    assert key_file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644], ids=oct)
def test_wider_permissions_are_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(LocalKeyInvalid, match="0600"):
        LocalKms.open(key_file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": "cardvault-local-key/2"}',
        b'{"format": "cardvault-local-key/1"}',
        b'{"format": "cardvault-local-key/1", "id": "zz", "key": ""}',
        b'{"format": "cardvault-local-key/1", "id": 7, "key": "="}',
        json.dumps(
            {
                "format": "cardvault-local-key/1",
                "id": "00" * 8,
                "key": base64.b64encode(b"short").decode(),
            }
        ).encode(),
    ],
    ids=["empty", "list", "bare", "newer", "no key", "bad id", "id type", "short key"],
)
def test_damaged_files_are_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(LocalKeyInvalid) as refused:
        LocalKms.open(path)
    assert refused.value.__cause__ is None
    assert "short" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalKeyInvalid, match="read"):
        LocalKms.open(tmp_path / "nowhere")
