"""Transit over loopback: what a server's answers mean, and what is never sent or followed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.kms_door import Door, door_to, vault_says
from tests.doubles.kms_transit import TransitKey, TransitServer, transit_server
from vault.adapters.kms.address import KmsSettings, TransitAddress
from vault.adapters.kms.calls import CallLimits
from vault.adapters.kms.open import open_kms, probe
from vault.adapters.kms.service import Damaged, Refused, ServiceError, Unreachable
from vault.adapters.kms.transit import TransitKeyService


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("hvs.t")
    path.chmod(0o400)
    return path


@pytest.fixture
def server() -> Iterator[TransitServer]:
    with transit_server() as server:
        server.keys["transit/cards"] = TransitKey()
        server.allow("hvs.t", "transit/cards")
        yield server


def service_at(url: str, token_file: Path) -> TransitKeyService:
    return TransitKeyService(
        TransitAddress(url, "transit", "cards"), token_file, CallLimits(answer_s=0.5), None
    )


async def test_it_is_opened_and_passes_the_probe(server: TransitServer, token_file: Path) -> None:
    settings = KmsSettings(f"vault-transit:{server.url}/transit/cards", token_file=token_file)
    async with open_kms(settings) as kms:
        await probe(kms)
        assert kms.kek == "vault-transit:transit/cards"


def test_the_context_is_bound_by_the_server(server: TransitServer, token_file: Path) -> None:
    service = service_at(server.url, token_file)
    sealed = service.encrypt(b"key", {"tenant": "a"})
    assert service.decrypt(sealed, {"tenant": "a"}) == b"key"
    with pytest.raises(Damaged):
        service.decrypt(sealed, {"tenant": "b"})
    service.close()


@pytest.mark.parametrize(
    "ciphertext",
    [b"", b"\xff", b"vault:v1:", b"vault:v0:AAAA", b"vault:v01:AAAA", b"vault:v1:AAB=", b"x:AAAA"],
)
def test_only_what_transit_writes_is_sent_to_it(
    server: TransitServer, token_file: Path, ciphertext: bytes
) -> None:
    with door_to(server.url, {}) as door:
        service = service_at(door.url, token_file)
        with pytest.raises(Damaged):
            service.decrypt(ciphertext, {})
        assert door.seen == 0
        service.close()


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (vault_says(400, "cipher: message authentication failed"), Damaged),
        (vault_says(400, "invalid ciphertext: version is too new"), Damaged),
        (vault_says(400, "encryption key not found"), Refused),
        (vault_says(400, "missing client token"), Refused),
        (vault_says(403, "permission denied"), Refused),
        (vault_says(404), Refused),
        (vault_says(429, "quota"), Unreachable),
        (vault_says(503, "Vault is sealed"), Unreachable),
        ((307, b"{}"), Refused),
        ((200, b"not json"), Refused),
        ((200, b'{"data": null}'), Refused),
        ((200, b'{"data": {"plaintext": "a"}}'), Refused),
    ],
    ids=str,
)
def test_answers_have_their_meaning_and_none_of_their_words(
    token_file: Path, answer: tuple[int, bytes], meaning: type[ServiceError]
) -> None:
    with door_to("", {"broken": answer}) as door:
        door.mode = "broken"
        service = service_at(door.url, token_file)
        with pytest.raises(ServiceError) as refused:
            service.decrypt(b"vault:v1:AAAA", {})
        assert type(refused.value) is meaning
        assert len(str(refused.value)) < 30
        service.close()


@pytest.mark.parametrize("mode", ["down", "slow"])
async def test_no_answer_is_worth_another_try(token_file: Path, mode: str) -> None:
    with door_to("", {}) as door:
        assert isinstance(door, Door)
        door.mode = "down" if mode == "down" else "slow"
        service = service_at(door.url, token_file)
        with pytest.raises(Unreachable):
            await asyncio.to_thread(service.encrypt, b"key", {})
        service.close()
