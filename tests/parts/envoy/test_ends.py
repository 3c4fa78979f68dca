"""How a vault behind Envoy starts and ends: in order, by force, or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import grpc
import pytest
from cardvault.vault.v1 import credential_service_pb2 as credentials_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.credential_service_pb2_grpc import CredentialServiceStub
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.brands import Brand
from cards.testcards import test_pan
from tests.parts.envoy.running import (
    OPS,
    envoy_site,
    is_envoy,
    left_behind,
    shown,
    stored,
    tokenize,
    until_envoy,
)
from tools.running.site import Site

CARDS: Final = 1_500


@pytest.fixture
def own() -> Iterator[Site]:
    """Make a site whose vault a test may kill."""
    with envoy_site() as site:
        yield site


def tell(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)


async def _filled(site: Site) -> set[str]:
    tokens: set[str] = set()
    async with site.channel("app") as channel:
        stub: Any = VaultServiceStub(channel)
        for begin in range(0, CARDS, 100):
            cards = [tokenize(number) for number in range(begin, begin + 100)]
            done = await stub.BatchTokenize(pb.BatchTokenizeRequest(requests=cards), timeout=60)
            tokens |= {each.response.card.token for each in done.results}
    return tokens


async def test_a_stream_in_flight_is_served_to_its_end(own: Site) -> None:
    await own.start_vault(within=60)
    pid = own.vault.pid
    tokens = await _filled(own)
    assert len(tokens) == CARDS
    async with own.channel("updater") as channel:
        stub: Any = CredentialServiceStub(channel)
        call = stub.StreamCredentials(credentials_pb.StreamCredentialsRequest(), timeout=60)
        pages: AsyncIterator[Any] = aiter(call)
        seen = {each.token for each in (await anext(pages)).credentials}
        assert len(seen) < CARDS
        tell(pid, signal.SIGTERM)
        await asyncio.sleep(1.0)
        async for page in pages:
            seen |= {each.token for each in page.credentials}
        assert await call.code() is grpc.StatusCode.OK
    assert seen == tokens
    assert await own.vault.ended() == 0
    assert left_behind(own) == []
    log = own.vault.log.read_text()
    assert log.count('"event":"stopped"') == 1


async def test_a_stop_under_load_fails_no_call_that_was_begun(own: Site) -> None:
    """Each call ends well, or says that it was not done (UNAVAILABLE), and exit is 0."""
    await own.start_vault(within=60)
    codes: set[grpc.StatusCode] = set()
    async with own.channel("app") as channel:

        async def call_on(place: int) -> None:
            number = place * 10_000
            while True:
                number += 1
                try:
                    await stored(channel, number)
                except grpc.aio.AioRpcError as error:
                    codes.add(error.code())
                    return

        async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:
            for place in range(4):
                tasks.create_task(call_on(place))
            await asyncio.sleep(1.0)
            tell(own.vault.pid, signal.SIGTERM)
    assert codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert await own.vault.ended() == 0
    assert left_behind(own) == []


async def test_a_second_signal_changes_nothing(own: Site) -> None:
    await own.start_vault(within=60)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
        tell(own.vault.pid, number)
    assert await own.vault.ended() == 0
    assert left_behind(own) == []


async def test_a_killed_vault_starts_again_at_once(own: Site) -> None:
    await own.start_vault(within=60)
    acknowledged: dict[str, int] = {}
    async with own.channel("app") as channel:

        async def call_on(place: int) -> None:
            for number in range(place, 100_000, 4):
                try:
                    acknowledged[await stored(channel, number)] = number
                except grpc.aio.AioRpcError:
                    return

        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for place in range(4):
                tasks.create_task(call_on(place))
            await asyncio.sleep(1.0)
            own.vault.kill()
    assert len(acknowledged) > 20
    began = time.monotonic()
    await own.start_vault(within=30)
    assert time.monotonic() - began < 15
    async with own.channel("psp") as channel:
        wrong = 0
        for token, number in acknowledged.items():
            wrong += await shown(channel, token) != test_pan(Brand.VISA, number)
    assert wrong == 0
    assert await own.vault.stop() == 0


async def test_an_address_in_use_is_a_sentence(own: Site) -> None:
    holder = await asyncio.start_server(lambda _r, w: w.close(), *own.vault_address.split(":"))
    async with holder:
        done = await asyncio.to_thread(_refused, own)
    assert done.count(b"Error: ") == 1
    assert b"can't be bound" in done
    assert b"Traceback" not in done
    assert left_behind(own) == []


def _refused(site: Site) -> bytes:
    return site.run("-m", "vault", "serve", accept=(1,)).stderr


@pytest.mark.parametrize("setting", ["CARDVAULT_HEALTH_LISTEN", OPS])
async def test_another_address_in_use_is_a_sentence_too(own: Site, setting: str) -> None:
    holder = await asyncio.start_server(lambda _r, w: w.close(), *own.env[setting].split(":"))
    async with holder:
        done = await asyncio.to_thread(_refused, own)
    assert done.count(b"Error: ") == 1
    assert b"Traceback" not in done
    assert left_behind(own) == []


async def test_what_keeps_a_vault_from_starting_is_said(own: Site) -> None:
    (own.data / "policy.yaml").write_text("principals: []\nroles: {x: {allow: [all]}}\n")
    done = await asyncio.to_thread(_refused, own)
    assert b"policy" in done
    assert b"Traceback" not in done
    assert left_behind(own) == []


async def test_a_signal_before_it_is_ready_ends_it(own: Site) -> None:
    """At any moment of its start: as a command, as Envoy without us, as a vault that opens."""
    for place, delay in enumerate((0.0, 0.15, 0.5, 1.0)):
        vault = own.process(f"early-{place}", "-m", "vault", "serve")
        vault.start()
        if place:
            await until_envoy(vault.pid)
        await asyncio.sleep(delay)
        tell(vault.pid, signal.SIGTERM)
        status = await vault.ended(15)
        assert status in ({-signal.SIGTERM} if not place else {0, 128 + signal.SIGTERM})
        assert left_behind(own) == []
        assert "Traceback" not in vault.log.read_text()
    await own.start_vault(within=60)
    assert is_envoy(own.vault.pid)
    async with own.channel("app") as channel:
        await stored(channel, 1)


MISSING: Final = {
    "library": ("import find_libpython; find_libpython.candidate_paths = lambda: []", b"libpython"),
    "extra": ("import sys; sys.modules['pyvoy'] = None", b"[envoy]"),
}


@pytest.mark.parametrize(("spoil", "why"), MISSING.values(), ids=MISSING)
async def test_what_is_missing_is_named(own: Site, spoil: str, why: bytes) -> None:
    script = (
        f"{spoil}; import sys; sys.argv[1:] = ['serve']; from vault.__main__ import main; main()"
    )
    done = await asyncio.to_thread(lambda: own.run("-c", script, accept=(1,)))
    assert why in done.stderr
    assert done.stderr.count(b"Error: ") == 1
    assert b"Traceback" not in done.stderr
    assert left_behind(own) == []
