"""A traced call, from its caller through the vault to its database, keys and events; and its ids.

SQLite here; PostgreSQL, Redis and Kafka in tests/parts/tracing.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.event_pb2 import CardEvent
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.channel import open_channel
from tests.doubles.logged import logged
from tests.doubles.otlp_receiver import OtlpReceiver, SpanSeen, otlp_receiver
from tests.doubles.rpc_requests import tokenize
from tests.doubles.traces import ASKED, CALLER, DECLINED, TRACE, opened
from tests.doubles.vault_site import VaultSite, vault_site
from updater.adapters.vault_client import VaultClient

SERVICE = "/cardvault.vault.v1.VaultService"
REVEAL = "/cardvault.vault.v1.RevealService"
CREDENTIAL = "/cardvault.vault.v1.CredentialService"


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as running:
        yield running


@asynccontextmanager
async def traced_site(
    directory: Path, receiver: OtlpReceiver, **settings: Any
) -> AsyncIterator[VaultSite]:
    """Serve a vault that traces what its callers ask to have traced."""
    values = {"otlp_endpoint": receiver.endpoint, "trace_ratio": 0.0, **settings}
    async with vault_site(directory, **values) as site:
        yield site


def written(directory: Path) -> list[dict[str, Any]]:
    """Return the events of the file."""
    file = directory / "events.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def events(directory: Path, count: int) -> list[dict[str, Any]]:
    """Return the events, once there are so many."""
    async with asyncio.timeout(10):
        while len(written(directory)) < count:  # noqa: ASYNC110 - a file: nothing to wait on
            await asyncio.sleep(0.05)
    return written(directory)


async def test_a_call_is_one_trace_from_its_caller_to_what_it_uses(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    async with traced_site(tmp_path, receiver) as site:
        async with opened(receiver, ratio=1.0, service="caller") as caller:
            channel = open_channel(site.address, site.tls("app"), caller.client_interceptors())
            async with channel:
                await VaultServiceStub(channel).Tokenize(tokenize())
        await events(tmp_path, 1)
    call, served = _ends(receiver, f"{SERVICE}/Tokenize")
    assert (call.service, call.parent, call.proto.kind) == ("caller", "", 3)
    assert (served.service, served.parent, served.proto.kind) == ("cardvault", call.id, 2)
    wait, flush = receiver.one("ledger.wait"), receiver.one("ledger.flush")
    assert (wait.parent, flush.parent) == (served.id, wait.id)
    assert (wait.links, flush.links) == ({flush.id}, {wait.id})
    assert {"db.read", "db.write"} <= receiver.below(flush)
    published = receiver.one("events.publish")
    assert (published.parent, published.links) == (served.id, {served.id})
    assert published.attributes == {"messaging.system": "file"}
    assert {"kms.wrap", "kms.unwrap"} <= receiver.below(wait)
    assert {span.trace for span in receiver.spans} == {call.trace}


async def test_calls_of_one_flush_are_linked_with_it_and_it_with_them(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    async with traced_site(tmp_path, receiver) as site:
        app = await site.client("app")
        await app.vault.Tokenize(tokenize())  # keys are warm from here on
        await asyncio.gather(
            *[
                app.vault.Tokenize(tokenize(), metadata=ASKED if number % 2 else ())
                for number in range(24)
            ]
        )
    waits, flushes = receiver.named("ledger.wait"), receiver.named("ledger.flush")
    assert len(waits) == 12
    assert max(len(flush.links) for flush in flushes) > 1
    assert sum(len(flush.links) for flush in flushes) == 12
    for wait in waits:
        (flush,) = [flush for flush in flushes if wait.id in flush.links]
        assert wait.links == {flush.id}
    for flush in flushes:
        assert flush.parent in flush.links
        assert {"db.read", "db.write"} == receiver.below(flush)


async def test_only_what_a_caller_asks_for_is_traced(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    async with traced_site(tmp_path, receiver) as site:
        app = await site.client("app")
        for metadata in ((), DECLINED):
            await app.vault.Tokenize(tokenize(), metadata=metadata)
        assert len(await events(tmp_path, 2)) == 2
    assert receiver.spans == []


async def test_an_event_tells_the_trace_of_the_call_that_made_it(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    async with traced_site(tmp_path, receiver) as site:
        app = await site.client("app")
        await app.vault.Tokenize(tokenize(), metadata=ASKED)
        await app.vault.Tokenize(tokenize())
        traced, plain = await events(tmp_path, 2)
    served = receiver.one(f"{SERVICE}/Tokenize")
    assert (served.trace, served.parent) == (TRACE, CALLER)
    name = f"00-{TRACE}-{served.id}-01"
    assert traced["traceparent"] == name
    assert "traceparent" not in plain
    told = [CardEvent.FromString(base64.b64decode(each["data_base64"])) for each in (traced, plain)]
    assert [each.traceparent for each in told] == [name, ""]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged."""
    with logged("vault") as stream:
        yield stream


async def test_log_lines_of_a_traced_call_name_its_trace(
    tmp_path: Path, receiver: OtlpReceiver, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object) -> None:
        raise ValueError

    async with traced_site(tmp_path, receiver) as site:
        app = await site.client("app")
        monkeypatch.setattr(site.running.ledger, "apply", crash)
        for metadata in (ASKED, ()):
            with pytest.raises(grpc.aio.AioRpcError):
                await app.vault.Tokenize(tokenize(), metadata=metadata)
        monkeypatch.undo()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    traced, plain = [line for line in lines if line["event"] == "unexpected error"]
    served = receiver.one(f"{SERVICE}/Tokenize")
    assert (traced["trace_id"], traced["span_id"]) == (TRACE, served.id)
    assert "trace_id" not in plain
    assert served.attributes["rpc.grpc.status_code"] == 13


async def test_reads_and_reveals_reach_the_database(tmp_path: Path, receiver: OtlpReceiver) -> None:
    async with traced_site(tmp_path, receiver) as site:
        root = await site.client("root")
        token = (await root.vault.Tokenize(tokenize())).card.token
        await root.vault.GetCard(pb.GetCardRequest(token=token), metadata=ASKED)
        await root.vault.ListCards(pb.ListCardsRequest(), metadata=ASKED)
        revealing = reveals.DetokenizeRequest(token=token, purpose="payment")
        await root.reveal.Detokenize(revealing, metadata=ASKED)
    assert receiver.below(receiver.one(f"{SERVICE}/GetCard")) == {"db.read"}
    assert receiver.below(receiver.one(f"{SERVICE}/ListCards")) == {"db.query"}
    revealed = receiver.below(receiver.one(f"{REVEAL}/Detokenize"))
    assert revealed == {"ledger.wait", "ledger.flush", "db.read", "db.write"}


async def test_the_updaters_calls_are_traced_at_both_ends(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    async with traced_site(tmp_path, receiver) as site:
        app: Any = await site.client("app")
        token = (await app.vault.Tokenize(tokenize())).card.token
        async with opened(receiver, ratio=1.0, service="cardvault-updater") as updater:
            channel = open_channel(site.address, site.tls("updater"), updater.client_interceptors())
            async with channel:
                client = VaultClient(channel)
                pages = [page async for page in client.credentials("demo", "", 0)]
                assert [card.token for page in pages for card in page.credentials] == [token]
                await client.reveal("demo", [token])
    for method in (f"{CREDENTIAL}/StreamCredentials", f"{REVEAL}/BatchDetokenize"):
        called, served = _ends(receiver, method)
        assert (called.service, called.parent) == ("cardvault-updater", "")
        assert (served.parent, served.trace) == (called.id, called.trace)


def _ends(receiver: OtlpReceiver, method: str) -> tuple[SpanSeen, SpanSeen]:
    """Return a call's span at its caller, and at the vault."""
    found = {span.service: span for span in receiver.named(method)}
    served = found.pop("cardvault")
    (called,) = found.values()
    return called, served
