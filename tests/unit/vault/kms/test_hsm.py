"""A token's moods: what is worth another try, what is not, and a PIN that is tried once."""

from __future__ import annotations

from pathlib import Path

import pkcs11
import pytest
from pkcs11 import exceptions as trouble

from tests.doubles.kms_token import MemoryToken, TokenKey
from vault.adapters.kms.address import TokenAddress
from vault.adapters.kms.hsm import HsmKeyService
from vault.adapters.kms.service import Damaged, Refused, Unreachable

PIN = "the-pin"


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin"
    path.write_text(PIN)
    path.chmod(0o600)
    return path


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> MemoryToken:
    token = MemoryToken(PIN)
    monkeypatch.setattr(pkcs11, "lib", lambda _module: token)
    return token


@pytest.fixture
def service(token: MemoryToken, pin_file: Path) -> HsmKeyService:
    return HsmKeyService(TokenAddress("vault", "kek", Path("/m.so"), pin_file))


def test_it_opens_what_it_sealed_in_its_context(service: HsmKeyService, token: MemoryToken) -> None:
    sealed = service.encrypt(b"key", {"tenant": "a"})
    assert service.decrypt(sealed, {"tenant": "a"}) == b"key"
    assert service.encrypt(b"key", {"tenant": "a"}) != sealed
    with pytest.raises(Damaged):
        service.decrypt(sealed, {"tenant": "b"})
    with pytest.raises(Damaged):
        service.decrypt(b"short", {})
    token.wrong_tag = trouble.EncryptedDataInvalid()
    with pytest.raises(Damaged):
        service.decrypt(sealed, {"tenant": "b"})
    assert token.logins == [PIN]
    service.close()
    service.close()


def test_a_token_that_is_ill_is_not_mistaken_for_damage(
    service: HsmKeyService, token: MemoryToken
) -> None:
    sealed = service.encrypt(b"key", {})
    token.ill = True
    with pytest.raises(Unreachable):
        service.decrypt(sealed, {})


@pytest.mark.parametrize(
    "mood",
    [trouble.SessionHandleInvalid, trouble.DeviceRemoved, trouble.KeyHandleInvalid],
)
def test_a_lost_session_is_opened_again(
    service: HsmKeyService, token: MemoryToken, mood: type[pkcs11.PKCS11Error]
) -> None:
    sealed = service.encrypt(b"key", {})
    token.fails, token.closes_badly = [mood()], True
    with pytest.raises(Unreachable):
        service.decrypt(sealed, {})
    assert service.decrypt(sealed, {}) == b"key"
    assert token.logins == [PIN, PIN]


def test_what_a_token_forbids_is_refused(service: HsmKeyService, token: MemoryToken) -> None:
    sealed = service.encrypt(b"key", {})
    token.fails = [trouble.MechanismInvalid()]
    with pytest.raises(Refused):
        service.decrypt(sealed, {})


@pytest.mark.parametrize("right", ["EXTRACTABLE", "SENSITIVE", "ENCRYPT", "DECRYPT"])
def test_a_key_must_be_as_it_should(service: HsmKeyService, token: MemoryToken, right: str) -> None:
    token.keys = [TokenKey(token, bytes(32), **{right: right == "EXTRACTABLE"})]
    with pytest.raises(Refused, match="key_"):
        service.encrypt(b"key", {})


@pytest.mark.parametrize("count", [0, 2])
def test_there_must_be_one_key_of_the_name(
    service: HsmKeyService, token: MemoryToken, count: int
) -> None:
    token.keys = token.keys * count
    with pytest.raises(Refused, match="such_key"):
        service.encrypt(b"key", {})


def test_a_wrong_pin_is_tried_once_until_it_is_replaced(
    service: HsmKeyService, token: MemoryToken, pin_file: Path
) -> None:
    pin_file.write_text("wrong")
    for _ in range(3):
        with pytest.raises(Refused):
            service.encrypt(b"key", {})
    assert token.logins == ["wrong"]
    pin_file.write_text(PIN)
    assert service.encrypt(b"key", {})


def test_a_process_that_is_logged_in_stays_so(service: HsmKeyService, token: MemoryToken) -> None:
    token.logged_in = True
    assert service.encrypt(b"key", {})
    assert token.logins == []


def test_a_missing_token_may_come_back_and_a_missing_module_will_not(
    token: MemoryToken, pin_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = HsmKeyService(TokenAddress("elsewhere", "kek", Path("/m.so"), pin_file))
    with pytest.raises(Unreachable):
        elsewhere.encrypt(b"key", {})

    def broken(_module: str) -> MemoryToken:
        raise RuntimeError("cannot open shared object file")

    monkeypatch.setattr(pkcs11, "lib", broken)
    with pytest.raises(Refused, match="module"):
        elsewhere.encrypt(b"key", {})
