"""Two vaults on one PostgreSQL and one Redis: the other shows at once what one acknowledged."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import vault_service_pb2 as pb

from tests.doubles.rpc_requests import stored
from tests.doubles.scrape import reading
from tests.doubles.vault_site import Client, VaultSite, new_pan, request_id, vault_site
from tests.parts.servers.postgres import PostgresServer
from tests.parts.servers.redis import RedisServer, redis_server


async def renumbered(client: Client, card: card_pb2.Card) -> card_pb2.Card:
    """Give a card another number; return it as it was acknowledged."""
    request = pb.UpdateCardRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=card.revision,
        card=card_pb2.CardChanges(number=new_pan()),
    )
    return (await client.vault.UpdateCard(request)).card


async def counted(site: VaultSite, name: str) -> float:
    """Return one of a vault's counters."""
    return await reading(f"127.0.0.1:{site.running.ops_port}", name)


async def test_a_change_is_shown_by_the_other_vault_at_once(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with redis_server(tmp_path) as redis:
        settings: dict[str, Any] = {
            "database_url": await postgres.database(),
            "redis_url": f"redis://127.0.0.1:{redis.port}",
            "card_cache": "redis",
            "card_cache_timeout": timedelta(seconds=1),  # a busy machine is no failure
        }
        async with (
            vault_site(tmp_path, **settings) as one,
            vault_site(tmp_path, **settings) as two,
        ):
            writer, reader = await one.client("root"), await two.client("app")
            number = new_pan()
            card = await stored(writer, number, metadata={"order": "4711"})
            get = pb.GetCardRequest(token=card.token)
            for _turn in range(10):
                for _read in range(3):
                    shown = (await reader.vault.GetCard(get)).card
                    assert (shown.revision, shown.last4 == card.last4) == (card.revision, True)
                    assert shown.metadata == {"order": "4711"}
                    await asyncio.sleep(0.01)
                card = await renumbered(writer, card)
            assert await counted(two, "cardvault_card_cache_hits_total") > 0
            assert await counted(two, "cardvault_card_cache_refused_total") == 0
            await _says_nothing(redis, number, card)
            with pytest.raises(grpc.aio.AioRpcError) as missing:
                await reader.vault.GetCard(pb.GetCardRequest(token=card.token[:-1] + "0"))
            assert missing.value.code() is grpc.StatusCode.NOT_FOUND
            redis.kill()
            many = pb.BatchGetCardsRequest(tokens=[card.token] * 3)
            for _turn in range(5):
                card = await renumbered(writer, card)
                found = await reader.vault.BatchGetCards(many)
                assert [each.response.card.revision for each in found.results] == [
                    card.revision
                ] * 3
            assert await counted(two, "cardvault_card_cache_redis_breaker_open") == 1


async def _says_nothing(redis: RedisServer, number: str, card: card_pb2.Card) -> None:
    with redis.admin() as admin:
        names = admin.keys("cv:view:*")
        everything = b"".join(names) + b"".join(admin.get(name) or b"" for name in names)
    assert len(names) > 0
    for secret in (number, card.token, card.fingerprint, "4711", "demo"):
        assert (secret.encode() in everything) is False


async def test_the_cache_needs_no_security_codes_in_redis(
    tmp_path: Path, redis: RedisServer
) -> None:
    url = f"redis://127.0.0.1:{redis.port}"
    async with vault_site(
        tmp_path, card_cache="redis", card_cache_url=url, card_cache_timeout=timedelta(seconds=1)
    ) as site:
        client = await site.client("root")
        card = await stored(client)
        async with asyncio.timeout(30.0):
            while await counted(site, "cardvault_card_cache_hits_total") == 0:
                shown = (await client.vault.GetCard(pb.GetCardRequest(token=card.token))).card
                assert (shown == card) is True
