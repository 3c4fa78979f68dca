"""One trace over real servers: caller, vault, PostgreSQL, Redis, a key service and Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.event_pb2 import CardEvent
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub
from confluent_kafka import Message

from chassis.channel import open_channel
from tests.doubles.kms_transit import TransitKey, transit_server
from tests.doubles.otlp_receiver import OtlpReceiver, SpanSeen, otlp_receiver
from tests.doubles.rpc_requests import tokenize
from tests.doubles.traces import ASKED, TRACE, opened
from tests.doubles.vault_site import VaultSite, vault_site
from tests.parts.kafka.consuming import events, headers
from tests.parts.servers.kafka import KafkaServer
from tests.parts.servers.postgres import PostgresServer
from tests.parts.servers.redis import RedisServer

SERVICE = "/cardvault.vault.v1.VaultService"
DATABASE = {"db.system.name": "postgresql"}


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """Receive traces."""
    with otlp_receiver() as running:
        yield running


@asynccontextmanager
async def whole_vault(
    directory: Path,
    receiver: OtlpReceiver,
    postgres: PostgresServer,
    redis: RedisServer,
    kafka: KafkaServer,
    topic: str,
) -> AsyncIterator[VaultSite]:
    """Serve a vault on all of them, its keys in a transit double over HTTP."""
    token = directory / "token"
    token.write_text("hvs.of-tests")
    token.chmod(0o400)
    kafka.topic(topic)
    with transit_server() as keys:
        keys.keys["transit/cards"] = TransitKey()
        keys.allow("hvs.of-tests", "transit/cards")
        settings: dict[str, Any] = {
            "database_url": await postgres.database(),
            "redis_url": f"redis://127.0.0.1:{redis.port}",
            "card_cache": "redis",
            "events_url": f"kafka://{kafka.address}/{topic}",
            "kms_key": f"vault-transit:{keys.url}/transit/cards",
            "kms_token_file": str(token),
            "otlp_endpoint": receiver.endpoint,
            "trace_ratio": 0.0,
        }
        async with vault_site(directory, **settings) as site:
            yield site


async def _published(kafka: KafkaServer, topic: str, count: int) -> list[Message]:
    """Return a topic's events once there are so many, the traced ones first."""
    async with asyncio.timeout(60):
        while len(found := await asyncio.to_thread(events, kafka, topic)) < count:  # noqa: ASYNC110 - a topic: nothing to wait on
            await asyncio.sleep(0.2)
    return sorted(found, key=lambda each: "traceparent" not in headers(each))


def _ends(receiver: OtlpReceiver, method: str) -> tuple[SpanSeen, SpanSeen]:
    both = {span.service: span for span in receiver.named(f"{SERVICE}/{method}")}
    return both["caller"], both["cardvault"]


async def test_one_trace_from_the_caller_to_every_server(
    tmp_path: Path,
    receiver: OtlpReceiver,
    postgres: PostgresServer,
    redis: RedisServer,
    kafka: KafkaServer,
) -> None:
    async with whole_vault(tmp_path, receiver, postgres, redis, kafka, "traces") as site:
        async with opened(receiver, ratio=1.0, service="caller") as caller:
            channel = open_channel(site.address, site.tls("app"), caller.client_interceptors())
            async with channel:
                app = VaultServiceStub(channel)
                card = (await app.Tokenize(tokenize(security_code="737"))).card
                await app.GetCard(pb.GetCardRequest(token=card.token))
        untraced = await site.client("app")
        await untraced.vault.Tokenize(tokenize())
        traced, plain = await _published(kafka, "traces", 2)
    call, served = _ends(receiver, "Tokenize")
    assert (call.parent, served.parent, served.trace) == ("", call.id, call.trace)
    (wait,) = [span for span in receiver.named("ledger.wait") if span.parent == served.id]
    (flush,) = [span for span in receiver.named("ledger.flush") if span.parent == wait.id]
    for name in ("db.read", "db.write"):
        (statement,) = [span for span in receiver.named(name) if span.parent == flush.id]
        assert statement.attributes == DATABASE
    assert {"kms.wrap", "kms.unwrap"} <= receiver.below(wait)
    (kept,) = [span for span in receiver.named("redis") if span.parent == served.id]
    assert kept.attributes == {"db.system.name": "redis"}
    (published,) = receiver.named("events.publish")
    assert (published.parent, published.trace) == (served.id, served.trace)
    assert published.attributes == {"messaging.system": "kafka"}
    told = headers(traced)["traceparent"]
    assert told.startswith(f"00-{served.trace}-{served.id}-")
    assert headers(traced)["ce_traceparent"] == told
    assert CardEvent.FromString(traced.value() or b"").traceparent == told
    assert {"traceparent", "ce_traceparent"} & set(headers(plain)) == set()
    _call, read = _ends(receiver, "GetCard")
    assert {"reads.wait", "reads.batch", "redis", "db.query"} <= receiver.below(read)


async def test_reads_that_are_put_together_are_linked(
    tmp_path: Path,
    receiver: OtlpReceiver,
    postgres: PostgresServer,
    redis: RedisServer,
    kafka: KafkaServer,
) -> None:
    async with whole_vault(tmp_path, receiver, postgres, redis, kafka, "together") as site:
        root = await site.client("root")
        token = (await root.vault.Tokenize(tokenize())).card.token
        request = pb.GetCardRequest(token=token)
        await asyncio.gather(
            *[root.vault.GetCard(request, metadata=ASKED if at % 2 else ()) for at in range(24)]
        )
        await root.reveal.Detokenize(
            reveals.DetokenizeRequest(token=token, purpose="payment"), metadata=ASKED
        )
    waits, batches = receiver.named("reads.wait"), receiver.named("reads.batch")
    assert len(waits) == 12
    assert max(len(batch.links) for batch in batches) > 1
    assert sorted(link for batch in batches for link in batch.links) == sorted(
        wait.id for wait in waits
    )
    assert {span.trace for span in receiver.spans} == {TRACE}
