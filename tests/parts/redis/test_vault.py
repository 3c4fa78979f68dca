"""A vault with Redis: codes go through it; without it everything else works."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
from cardvault.vault.v1 import reveal_service_pb2 as pb
from click.testing import CliRunner

from tests.doubles.rpc_requests import stored
from tests.doubles.vault_site import vault_site
from tests.parts.servers.redis import RedisServer, redis_server
from tools.running.ports import free_ports
from vault.cli.commands import cardvault


def revealing(token: str, *, code: bool) -> pb.DetokenizeRequest:
    return pb.DetokenizeRequest(token=token, purpose="payment", include_security_code=code)


async def test_codes_are_there_after_a_restart_and_an_outage_spares_the_rest(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        url = f"redis://127.0.0.1:{server.port}"
        async with vault_site(tmp_path, redis_url=url) as site:
            card = await stored(await site.client("app"), security_code="737")
            with server.admin() as admin:
                (name,) = admin.keys()
                blob = admin.hget(name, "s")
            assert (card.token.encode() in name or b"737" in (blob or b"")) is False
        async with vault_site(tmp_path, redis_url=url) as site:
            psp = await site.client("psp")
            found = await psp.reveal.Detokenize(revealing(card.token, code=True))
            assert (found.security_code == "737") is True
            server.kill()
            begun = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await psp.reveal.Detokenize(revealing(card.token, code=True))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert time.monotonic() - begun < 1.0
            plain = await psp.reveal.Detokenize(revealing(card.token, code=False))
            assert (plain.card.number != "") is True


async def test_a_vault_starts_without_its_redis(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with vault_site(tmp_path, redis_url=f"redis://127.0.0.1:{port}") as site:
        card = await stored(await site.client("app"))
        assert (card.token != "") is True


def test_check_config_asks_redis(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDVAULT_REDIS_URL", f"redis://127.0.0.1:{redis.port}")
    assert (
        "redis: writes nothing to a disk" in CliRunner().invoke(cardvault, ["check-config"]).output
    )
    (port,) = free_ports(1)
    monkeypatch.setenv("CARDVAULT_REDIS_URL", f"redis://127.0.0.1:{port}")
    found = CliRunner().invoke(cardvault, ["check-config"])
    assert found.exit_code == 1
    assert "redis: no answer: ConnectionError" in found.output
