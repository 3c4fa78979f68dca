"""A caller with a good certificate and bad manners: the server stays up, and serves the others."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import Final

import pytest

from tests.parts.envoy.running import DEADLINE_S, Others, memory_mib
from tests.parts.envoy.wire import (
    CALL,
    CONTINUATION,
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW,
    Wire,
    block,
    context_of,
    frame,
    frames_in,
    headers,
)
from tools.running.site import Site

MOST_MIB: Final = 96  # that a server may grow by, whatever one caller does
SLOWEST_S: Final = 5.0  # of the others' calls meanwhile, on a machine that is shared
SLOW_S: Final = 13.0  # the server waits for 10
STREAMS: Final = 128
CANCEL: Final = struct.pack("!I", 8)

WRONG: dict[str, bytes] = {
    "no preface": b"GET / HTTP/1.1\r\n\r\n",
    "garbage": bytes(range(256)) * 64,
    "settings on a stream": PREFACE + frame(SETTINGS, 0, 1),
    "settings cut": PREFACE + frame(SETTINGS, 0, 0, b"abc"),
    "settings of nonsense": PREFACE + frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 2**32 - 1)),
    "data before a call": PREFACE + frame(SETTINGS, 0, 0) + frame(DATA, 0, 1, b"x"),
    "even stream": PREFACE + frame(SETTINGS, 0, 0) + headers(2, CALL),
    "stream zero": PREFACE + frame(SETTINGS, 0, 0) + headers(0, CALL),
    "push": PREFACE + frame(SETTINGS, 0, 0) + frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2"),
    "ping cut": PREFACE + frame(SETTINGS, 0, 0) + frame(PING, 0, 0, b"1234567"),
    "window of nothing": PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW, 0, 0, bytes(4)),
    "continued by nobody": PREFACE + frame(SETTINGS, 0, 0) + frame(CONTINUATION, 4, 1, b"\x82"),
    "interrupted headers": PREFACE
    + frame(SETTINGS, 0, 0)
    + headers(1, CALL, 0)
    + frame(PING, 0, 0, bytes(8)),
    "bad hpack": PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 4, 1, b"\xff" * 40),
    "padding too long": PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 12, 1, b"\xff\x82"),
    "frame too long": PREFACE + frame(SETTINGS, 0, 0) + frame(DATA, 0, 1, bytes(1 << 20)),
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_what_is_no_http2_ends_its_connection_alone(site: Site, sent: bytes) -> None:
    with Wire(site.vault_address, context_of(site.tls("app"))) as good:
        good.open()
        with Wire(site.vault_address, context_of(site.tls("app"))) as bad:
            bad.flood(sent, 1)
            assert bad.hung_up(within=5)
        good.send(frame(PING, 0, 0, b"stillup?"))
        answered = [
            payload for kind, _f, _s, payload in frames_in(good.received(1.0)) if kind == PING
        ]
        assert answered == [b"stillup?"]


def open_wire(site: Site) -> Wire:
    return Wire(site.vault_address, context_of(site.tls("app")), within=30).open()


def continuations(site: Site) -> None:
    """CVE-2024-27316 and its like: headers that never end."""
    with open_wire(site) as wire:
        wire.send(headers(1, CALL, 0))
        piece = frame(CONTINUATION, 0, 1, block([("x-more", "m" * 15_000)])) * 4
        assert wire.flood(piece, 2_000) or wire.hung_up(5)


def empty_continuations(site: Site) -> None:
    with open_wire(site) as wire:
        wire.send(headers(1, CALL, 0))
        assert wire.flood(frame(CONTINUATION, 0, 1) * 1_000, 200) or wire.hung_up(5)


def resets(site: Site) -> None:
    """CVE-2023-44487: calls that are taken back at once."""
    with open_wire(site) as wire:
        for begin in range(1, 100_001, 2_000):
            sent = b"".join(
                headers(n, CALL) + frame(RST_STREAM, 0, n, CANCEL)
                for n in range(begin, begin + 2_000, 2)
            )
            if wire.flood(sent, 1):
                return
        assert wire.hung_up(5)


def pings(site: Site) -> None:
    with open_wire(site) as wire:
        assert wire.flood(frame(PING, 0, 0, bytes(8)) * 1_000, 1_000) or wire.hung_up(5)


def settings(site: Site) -> None:
    with open_wire(site) as wire:
        assert wire.flood(frame(SETTINGS, 0, 0) * 1_000, 1_000) or wire.hung_up(5)


def priorities(site: Site) -> None:
    with open_wire(site) as wire:
        assert wire.flood(frame(PRIORITY, 0, 1, bytes(5)) * 1_000, 1_000) or wire.hung_up(5)


def empty_data(site: Site) -> None:
    with open_wire(site) as wire:
        wire.send(headers(1, CALL))
        assert wire.flood(frame(DATA, 0, 1) * 1_000, 200) or wire.hung_up(5)


def a_long_message(site: Site) -> None:
    """A hundred megabytes said to be one message: refused as it is said, and never kept."""
    with open_wire(site) as wire:
        wire.send(headers(1, CALL))
        wire.send(frame(DATA, 0, 1, struct.pack("!BI", 0, 100 << 20) + bytes(1_000)))
        assert cut_off(wire.received_for(1, 2.0))
        wire.flood(frame(DATA, 0, 1, bytes(16_000)), 100)


def slow_ones(site: Site) -> None:
    """Calls whose headers never end, connections that never get to TLS: neither is waited for."""
    host, port = site.vault_address.rsplit(":", 1)
    wires = [open_wire(site) for _ in range(20)]
    plain = [socket.create_connection((host, int(port)), timeout=SLOW_S) for _ in range(50)]
    try:
        for wire in wires:
            wire.send(headers(1, CALL, 0))
        for each in plain:
            each.send(b"\x16\x03")
        until = time.monotonic() + SLOW_S
        silent = [wire for wire in wires if not cut_off(wire.received_for(1, _left(until)))]
        waited_for = [each for each in plain if not _ended(each, _left(until))]
    finally:
        for wire in wires:
            wire.close()
        for each in plain:
            each.close()
    assert not silent
    assert not waited_for


def cut_off(told: bytes) -> bool:
    return any(kind in {HEADERS, RST_STREAM} for kind, _f, stream, _p in frames_in(told) if stream)


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.05)


def _ended(plain: socket.socket, within: float) -> bool:
    plain.settimeout(within)
    try:
        return plain.recv(64) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def too_many_streams(site: Site) -> None:
    with open_wire(site) as wire:
        wire.send(b"".join(headers(n, CALL) for n in range(1, 4 * STREAMS, 2)))
        told = frames_in(wire.received(2.0))
        refused = [f for f in told if f[0] == RST_STREAM and f[3] == struct.pack("!I", 7)]
        assert any(kind == GOAWAY for kind, *_ in told) or len(refused) >= STREAMS


ATTACKS: tuple[Callable[[Site], None], ...] = (
    continuations,
    empty_continuations,
    resets,
    pings,
    settings,
    priorities,
    empty_data,
    a_long_message,
    slow_ones,
    too_many_streams,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_others_are_served_meanwhile(
    site: Site, token: str, attack: Callable[[Site], None]
) -> None:
    before = memory_mib(site.vault.pid)
    others = Others(site, token)
    calling = asyncio.ensure_future(others.run())
    try:
        await asyncio.to_thread(attack, site)
        seen = others.calls
        async with asyncio.timeout(DEADLINE_S):
            while others.calls < seen + 4:  # noqa: ASYNC110 - they still get through
                await asyncio.sleep(0.05)
    finally:
        calling.cancel()
    assert others.failures == []
    assert others.longest < SLOWEST_S
    assert site.vault.running
    assert memory_mib(site.vault.pid) - before < MOST_MIB
