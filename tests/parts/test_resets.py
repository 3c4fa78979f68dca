"""Calls that are begun and taken back at once (CVE-2023-44487), and more of them than allowed.

What else a caller with bad manners may do is tried where the transport is ours, in
`tests/parts/envoy`; here is what gRPC's own settings decide (ADR 0025).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator

import pytest

from tests.parts.envoy.running import DEADLINE_S, Others, envoy_site, memory_mib, stored
from tests.parts.envoy.test_attacks import CANCEL, MOST_MIB, SLOWEST_S, STREAMS, open_wire
from tests.parts.envoy.wire import CALL, DATA, RST_STREAM, SETTINGS, Wire, frame, frames_in, headers
from tests.parts.workers.site import TRANSPORT
from tools.running.site import Site

ATTACKERS = 3
RESETS = 50_000  # of each
AT_ONCE = 1_000
MOST_REFUSED = 0.2  # of the others' calls, while 150,000 are taken back; a few in a hundred are
REFUSED = struct.pack("!I", 7)


@pytest.fixture
def site() -> Iterator[Site]:
    with envoy_site(**{TRANSPORT: "grpcio"}) as found:
        asyncio.run(found.start_vault(within=60))
        yield found
        assert asyncio.run(found.vault.stop()) == 0


def greeted(site: Site) -> Wire:
    """Open a connection whose settings both sides have taken: from then on its limits hold."""
    wire = open_wire(site)
    wire.received(0.5)
    wire.send(frame(SETTINGS, 1, 0))
    return wire


def taken_back(site: Site) -> None:
    with greeted(site) as wire:
        for begin in range(1, 2 * RESETS, 2 * AT_ONCE):
            whole = (
                headers(n, CALL) + frame(DATA, 1, n, bytes(5)) + frame(RST_STREAM, 0, n, CANCEL)
                for n in range(begin, begin + 2 * AT_ONCE, 2)
            )
            if wire.flood(b"".join(whole), 1):
                return


async def test_others_are_served_while_calls_are_taken_back(site: Site) -> None:
    async with site.channel("app") as channel:
        others = Others(site, await stored(channel, 7))
    before = memory_mib(site.vault.pid)
    calling = asyncio.ensure_future(others.run())
    try:
        await asyncio.gather(*(asyncio.to_thread(taken_back, site) for _ in range(ATTACKERS)))
        seen, failed = others.calls, len(others.failures)
        served_since, known = seen, failed
        async with asyncio.timeout(DEADLINE_S):
            while others.calls < served_since + 100:
                await asyncio.sleep(0.05)
                if len(others.failures) > known:  # what had gathered is not worked off yet
                    served_since, known = others.calls, len(others.failures)
    finally:
        calling.cancel()
    assert seen > 20
    assert failed <= MOST_REFUSED * seen, others.failures
    assert set(others.failures) <= {"CANCELLED CANCELLED"}
    assert others.longest < SLOWEST_S
    assert memory_mib(site.vault.pid) - before < MOST_MIB


def test_a_connection_has_128_streams(site: Site) -> None:
    with greeted(site) as wire:
        wire.send(b"".join(headers(n, CALL) for n in range(1, 4 * STREAMS, 2)))
        told = frames_in(wire.received(2.0))
    refused = [stream for kind, _f, stream, said in told if (kind, said) == (RST_STREAM, REFUSED)]
    assert refused == list(range(2 * STREAMS + 1, 4 * STREAMS, 2))
