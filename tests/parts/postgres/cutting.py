"""Flushes cut at one message after another, and what must be true of what callers heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

from tests.doubles.outbox_reading import waiting
from tests.doubles.postgres_cutter import Cutter, Side
from tests.doubles.vault_ledger import add, kinds, records, running, tokenize
from vault.adapters.engine import Engine
from vault.domain.intents import Entry
from vault.usecases.ledger.ledger import GroupCommitLedger

MOST_MESSAGES = 200
PAUSES_S = (0.02,) * 10


async def settle(
    ledger: GroupCommitLedger, entry: Entry, pauses_s: Iterable[float] = PAUSES_S
) -> str:
    """Send an entry until it has an effect; return how the last answer was called.

    It is sent once before each pause; one that never settles fails the test behind the last.
    """
    for pause_s in pauses_s:
        (kind,) = kinds(await ledger.apply([entry]))
        if kind in ("Applied", "Replayed"):
            return kind
        await asyncio.sleep(pause_s)
    pytest.fail("retries never settled")


async def cut_everywhere(
    cut: Engine,
    proxy: Cutter,
    side: Side,
    *,
    torn: bool = False,
    cold: bool = False,
    settled: Callable[[GroupCommitLedger, Entry], Awaitable[str]] = settle,
) -> list[str]:
    """Cut one flush after another, each a message later; return what the callers heard.

    `cut` is a store behind the proxy. Cold means that each flush's link begins anew: start-up,
    preparing and all. The last flush is the one that ended before its cut came.
    """
    heard: list[str] = []
    async with running(cut) as ledger:
        await tokenize(ledger, add(10_000))
        for at in range(MOST_MESSAGES):
            if cold:
                await cut.store._link.close()  # type: ignore[attr-defined]
            entry = add(at, request_id=f"r-{at}")
            before = proxy.cuts
            proxy.arm(side, at, torn=torn)
            (first,) = kinds(await ledger.apply([entry]))
            proxy.disarm()
            retried = await settled(ledger, entry)
            heard.append(first)
            assert _true_after(first, retried), (at, first, retried)
            if proxy.cuts == before:
                return heard
    pytest.fail("no end of messages")


async def check_heard(heard: list[str], side: Side, engine: Engine) -> None:
    """Check that every message was cut, and that each request had one effect in the database."""
    # A flush is two round trips: three messages each from the vault, four from the server.
    assert len(heard) - 1 >= (6 if side == "client" else 8), heard
    assert heard[-1] == "Applied", heard
    assert {"InDoubt", "NotApplied"} <= set(heard), heard
    written = len(await records(engine))
    assert written == 1 + len(heard), written  # one record an effect, and one effect a request
    events = len(await waiting(engine.outbox, 1_000))
    assert events == written, (events, written)


def _true_after(first: str, retried: str) -> bool:
    """Tell whether the first answer was true, by what the retry found."""
    return (
        (first == "Applied" and retried == "Replayed")
        or (first == "NotApplied" and retried == "Applied")
        or first == "InDoubt"
    )
