"""The vault through Envoy: its calls, and who may make them, whatever else a caller says."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from cardvault.vault.v1 import credential_service_pb2 as credentials_pb
from cardvault.vault.v1.credential_service_pb2_grpc import CredentialServiceStub
from cryptography import x509

from cards.brands import Brand
from cards.testcards import test_pan
from chassis.channel import open_channel
from tests.doubles.chassis_certs import issue
from tests.parts.envoy.running import (
    DEADLINE_S,
    is_envoy,
    recorded,
    refusal_of,
    shown,
    stored,
)
from tests.parts.envoy.wire import (
    CALL,
    END_STREAM,
    HEADERS,
    Wire,
    context_of,
    frames_in,
    headers,
)
from tools.running.site import Site

CERTIFICATE = "x-forwarded-client-cert"
HASH = "Hash=" + "ab" * 32
FORGED = {
    "uri": ("URI=spiffe://demo/psp",),
    "envoys": (f"{HASH};URI=spiffe://demo/psp",),
    "by": (f"By=spiffe://demo/vault;{HASH};URI=spiffe://demo/psp",),
    "several": (f"{HASH};URI=spiffe://demo/psp", f"{HASH};URI=spiffe://demo/psp"),
    "list": (f"{HASH};URI=spiffe://demo/app,{HASH};URI=spiffe://demo/psp",),
    "open": (f"{HASH};URI=spiffe://demo/psp;",),
}
DENIED = grpc.StatusCode.PERMISSION_DENIED


async def test_it_stores_reveals_and_streams(site: Site) -> None:
    assert is_envoy(site.vault.pid)
    async with site.channel("app") as app, site.channel("psp") as psp:
        tokens = {await stored(app, number) for number in range(20, 25)}
        right = await shown(psp, await stored(app, 20)) == test_pan(Brand.VISA, 20)
        assert right
    async with site.channel("updater") as updater:
        stub: Any = CredentialServiceStub(updater)
        call = stub.StreamCredentials(credentials_pb.StreamCredentialsRequest(), timeout=DEADLINE_S)
        seen = {each.token async for page in call for each in page.credentials}
    assert tokens <= seen


@pytest.mark.parametrize("values", FORGED.values(), ids=FORGED)
async def test_a_forged_identity_is_dropped(
    site: Site, token: str, values: tuple[str, ...]
) -> None:
    forged = tuple((CERTIFICATE, value) for value in values)
    async with site.channel("app") as app, site.channel("psp") as psp:
        assert await refusal_of(shown(app, token, forged)) is DENIED
        mine = await stored(app, 8, forged)
        theirs = tuple((CERTIFICATE, value.replace("psp", "app")) for value in values)
        assert await refusal_of(stored(psp, 8, theirs)) is DENIED
        right = await shown(psp, token, theirs) == test_pan(Brand.VISA, 7)
        assert right
    for about, who in ((mine, "app"), (token, "psp")):
        last = (await recorded(site, token=about, page_size=1000))[-1]
        assert last.principal == f"spiffe://demo/{who}"


async def test_a_forged_origin_is_dropped(site: Site) -> None:
    names = ("x-forwarded-for", "x-real-ip", "forwarded", "x-envoy-external-address")
    forged = tuple((name, "192.0.2.77") for name in names)
    async with site.channel("app") as app:
        mine = await stored(app, 9, forged)
    for record in await recorded(site, token=mine, page_size=1000):
        assert record.origin.startswith("ipv4:127.0.0.1:")


def test_a_forged_identity_in_other_letters_is_no_call(site: Site) -> None:
    """HTTP/2 has small letters only: what has others is refused before anybody reads it."""
    ok = b"\x88"  # HPACK's index of :status 200
    capital = ("X-Forwarded-Client-Cert", "x-forwarded-client-CERT", CERTIFICATE + " ")
    for name, taken in (*((each, False) for each in capital), (CERTIFICATE, True)):
        with Wire(site.vault_address, context_of(site.tls("app"))).open() as wire:
            wire.send(headers(1, [*CALL, (name, f"{HASH};URI=spiffe://demo/psp")], 5))
            answered = [f for f in frames_in(wire.received(1.0)) if f[0] == HEADERS]
        assert any(payload.startswith(ok) for _k, _f, _s, payload in answered) is taken


NAMES = {
    "two": ["spiffe://demo/app", "spiffe://demo/psp"],
    "uri": ["spiffe://demo/app;URI=spiffe://demo/psp"],
    "by": ["spiffe://demo/psp;By=x"],
    "hash": ["spiffe://demo/psp;Hash=00"],
    "comma": ["spiffe://demo/psp,x"],
    "list": [f"spiffe://demo/app,{HASH};URI=spiffe://demo/psp"],
    "quoted": ['"spiffe://demo/psp"'],
    "quote": ['spiffe://demo/psp"'],
    "escaped": ["spiffe://demo/psp\\"],
    "space": ["spiffe://demo/psp "],
    "empty": [""],
    "longer": ["spiffe://demo/pspx"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
async def test_a_strange_name_is_nobodys(site: Site, token: str, names: list[str]) -> None:
    """Even our own CA can't make somebody else of a certificate by a name's spelling."""
    sans = [x509.UniformResourceIdentifier(name) for name in names]
    files = issue(site.data / "pki", "strange", sans)
    async with open_channel(site.vault_address, files) as channel:
        code = await refusal_of(shown(channel, token))
    assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_name_that_is_no_uri_is_nobodys(site: Site, token: str) -> None:
    sans = [x509.DNSName("psp"), x509.RFC822Name("spiffe://demo/psp")]
    for given in (sans, []):
        files = issue(site.data / "pki", "nameless", given)
        async with open_channel(site.vault_address, files) as channel:
            assert await refusal_of(shown(channel, token)) is grpc.StatusCode.UNAUTHENTICATED
    good = issue(site.data / "pki", "good", [x509.UniformResourceIdentifier("spiffe://demo/psp")])
    async with open_channel(site.vault_address, good) as channel:
        right = await shown(channel, token) == test_pan(Brand.VISA, 7)
        assert right


async def test_a_plain_get_and_other_content_are_refused_by_http(site: Site) -> None:
    def status(pairs: tuple[tuple[str, str], ...]) -> bytes:
        with Wire(site.vault_address, context_of(site.tls("app"))).open() as wire:
            wire.send(headers(1, pairs, 4 | END_STREAM))
            found = [f for f in frames_in(wire.received(1.0)) if f[0] == HEADERS]
        return found[0][3]

    get = tuple((name, "GET" if name == ":method" else value) for name, value in CALL)
    json = tuple(
        (name, "application/json" if name == "content-type" else value) for name, value in CALL
    )
    # HPACK's literal of three digits: plain, or in Huffman's code.
    for pairs, codes in ((get, (b"405", b"\x68\x0d")), (json, (b"415", b"\x68\x2d"))):
        told = await asyncio.to_thread(status, pairs)
        assert [code for code in codes if code in told]


async def test_many_calls_at_once_wait_for_their_turn(site: Site) -> None:
    """A connection has a bounded number of streams; a good client queues what is over it."""
    async with site.channel("app") as channel:
        tokens = await asyncio.gather(*[stored(channel, 1_000 + n) for n in range(300)])
    assert len(set(tokens)) == 300
