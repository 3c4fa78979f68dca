"""Transit over HTTP: Vault and OpenBao can't be installed here, so against a faithful double."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.kms_suite import CONTEXT, KeyringContract, RemoteContract, refusal
from tests.doubles.kms_door import VAULT_ANSWERS, door_to
from tests.doubles.kms_site import QUICK, RemoteSite, Trouble
from tests.doubles.kms_transit import TransitKey, TransitServer, transit_server
from vault.adapters.kms.address import KmsSettings
from vault.adapters.kms.open import open_kms
from vault.adapters.kms.remote import RemoteKms
from vault.domain.reasons import Reason

TOKEN, RENEWED = "hvs.token-of-tests", "hvs.renewed-token-of-tests"
ONE, TWO = "team/transit/cards", "team/transit/others"


@pytest.fixture
def server() -> Iterator[TransitServer]:
    with transit_server() as server:
        for key in (ONE, TWO):
            server.keys[key] = TransitKey()
            server.allow(TOKEN, key)
        yield server


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    write_token(path, TOKEN + "\n", 0o440)
    return path


def write_token(path: Path, token: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    path.write_text(token)
    path.chmod(mode)


@asynccontextmanager
async def opened(url: str, key: str, token_file: Path) -> AsyncIterator[RemoteKms]:
    """Open the adapter."""
    settings = KmsSettings(f"vault-transit:{url}/{key}", token_file=token_file)
    async with open_kms(settings, QUICK) as kms:
        assert isinstance(kms, RemoteKms)
        yield kms


class TestTransit(RemoteContract, KeyringContract):
    @pytest.fixture
    async def site(self, server: TransitServer, token_file: Path) -> AsyncIterator[RemoteSite]:
        with door_to(server.url, dict(VAULT_ANSWERS)) as door:

            def trouble(mode: Trouble, turns: int | None) -> None:
                door.turns, door.mode = turns, mode

            rights = dict(server.tokens)
            async with (
                opened(door.url, ONE, token_file) as kms,
                opened(door.url, TWO, token_file) as other,
            ):
                yield RemoteSite(
                    kms,
                    other,
                    trouble,
                    door.counted,
                    server.tokens.clear,
                    lambda: server.tokens.update(rights),
                    (TOKEN,),
                )


async def test_a_rotated_key_opens_what_it_wrapped_before(
    server: TransitServer, token_file: Path
) -> None:
    async with opened(server.url, ONE, token_file) as kms:
        wrapped = await kms.wrap(b"s" * 32, CONTEXT)
        server.keys[ONE].versions.append(b"n" * 32)
        assert (await kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True
        newer = await kms.wrap(b"s" * 32, CONTEXT)
        assert b"vault:v2:" in newer
        server.keys[ONE].oldest = 2
        assert await refusal(kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
        assert (await kms.unwrap(newer, CONTEXT) == b"s" * 32) is True


async def test_a_renewed_token_is_picked_up(server: TransitServer, token_file: Path) -> None:
    async with opened(server.url, ONE, token_file) as kms:
        wrapped = await kms.wrap(b"s" * 32, CONTEXT)
        server.tokens.clear()
        server.allow(RENEWED, ONE)
        assert await refusal(kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
        write_token(token_file, RENEWED, 0o400)
        assert (await kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True


async def test_a_token_that_others_can_read_is_not_used(
    server: TransitServer, token_file: Path
) -> None:
    async with opened(server.url, ONE, token_file) as kms:
        write_token(token_file, TOKEN, 0o444)
        assert await refusal(kms, kms._header + b"x" * 50, CONTEXT) is Reason.DATA_CORRUPT
        ciphertext = kms._header + b"vault:v1:eHh4"
        assert await refusal(kms, ciphertext, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE


async def test_a_server_that_forgets_the_context_does_no_harm(
    server: TransitServer, token_file: Path
) -> None:
    server.knows_associated_data = False
    async with opened(server.url, ONE, token_file) as kms:
        assert await kms.service_binds_contexts() is False
        wrapped = await kms.wrap(b"s" * 32, CONTEXT)
        other = {**CONTEXT, "tenant": "other"}
        assert await refusal(kms, wrapped, other) is Reason.DATA_CORRUPT


async def test_a_redirect_is_not_followed(server: TransitServer, token_file: Path) -> None:
    answers = {"broken": (307, b"{}")}
    with door_to(server.url, answers) as door:
        door.mode = "broken"
        async with opened(door.url, ONE, token_file) as kms:
            ciphertext = kms._header + b"vault:v1:eHh4"
            assert await refusal(kms, ciphertext, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
            assert door.seen == 1


async def test_nobody_listening_is_refused_in_bounded_time(
    server: TransitServer, token_file: Path
) -> None:
    with transit_server() as gone:
        url = gone.url
    async with opened(url, ONE, token_file) as kms:
        ciphertext = kms._header + b"vault:v1:eHh4"
        assert await refusal(kms, ciphertext, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
        assert kms.counts.calls == QUICK.attempts
