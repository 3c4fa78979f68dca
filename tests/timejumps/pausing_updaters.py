"""Two updaters on one database, one or the other stopped for a while, past its leases or not.

Cards are added without pause, each answered with a new number, about which an updater asks at once:
a chain of known length for each card. So it shows in the files and at the vault whether anything
was asked, or applied, twice, or never.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
from cardvault.vault.v1 import reveal_service_pb2

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.feed_files import Question
from tests.doubles.updater_acquirer import Acquirer, answer
from tests.doubles.updater_processes import agreed_card, make_keys, served
from tests.doubles.updater_site import CHANNEL
from tests.doubles.vault_site import VaultSite, vault_site
from tests.parts.servers.postgres import PostgresServer, postgres_server
from tests.parts.servers.updater_databases import UpdaterDatabases
from tests.timejumps.answered import STEP, Answered, Ended
from tests.timejumps.pausing import Paused, lengths, pause_each
from tools.running.process import Process
from tools.running.site import IMPORTS, ROOT
from updater.files.answers import AnswerRecord, YearMonth
from updater.files.digits import Digits

ONE, OTHER = "one of two updaters", "the other updater"
_PACE_S: Final = 1.0
_LOOK_S: Final = 0.3
_LEASE_S: Final = 15.0
_FEW: Final = "49"  # of 50 answers on, one file that changes all of its cards is held, rightly
_QUIET_S: Final = 5.0
_LAST_S: Final = 240.0
_DEADLINE_S: Final = 20.0


def counter_of(number: str) -> int:
    """Return the counter that a test number was made of."""
    return int(number[8:-1])


def pause_updaters(seed: str, pauses: int, longest_s: float, place: Path) -> Paused:
    """Pause one or the other of two updaters, with a vault and an acquirer that work on."""
    with postgres_server() as postgres:  # it waits by an event loop of its own
        return asyncio.run(_updaters(seed, pauses, longest_s, place, postgres))


async def _updaters(
    seed: str, pauses: int, longest_s: float, place: Path, postgres: PostgresServer
) -> Paused:
    paused, chance = Paused(), random.Random(seed)
    dsn = await UpdaterDatabases(postgres).migrated()
    make_keys(place)
    acquirer = Acquirer(place / "simulator-keys", place / "exchange", CHANNEL, next_number)
    (place / "exchange" / "outbox").mkdir(parents=True, mode=0o700)
    answered = Answered()
    async with vault_site(place) as site:
        updaters = [_updater(site, dsn, place, number) for number in range(2)]
        try:
            for each in updaters:
                each.start()
            parts: dict[str, Callable[[signal.Signals], None]] = {
                name: partial(os.kill, each.pid)
                for name, each in zip((ONE, OTHER), updaters, strict=True)
            }
            plan = lengths(chance, pauses, longest_s)
            async with _answering(acquirer, answered):
                async with _storing(site) as tokens:
                    await pause_each(paused, chance, plan, parts)
                if not await _quiet(dsn, answered):
                    paused.found.append(f"the updaters were not done after {_LAST_S:.0f} s")
            for each in updaters:
                if not each.running or await each.stop():
                    paused.found.append("an updater did not live through it")
                if b"Traceback" in each.log.read_bytes():
                    paused.found.append("an updater's log tells of an unexpected error")
        finally:
            for each in updaters:
                each.close()
        await _look(site, tokens, answered)
    await _judge(paused, dsn, answered)
    return paused


def next_number(question: Question) -> AnswerRecord:
    """Answer with the number after the one that was asked about."""
    after = number_for_test(Brand.VISA, counter_of(question.number.reveal()) + STEP)
    return answer(question, "NAN", new_number=Digits(after), new_expiry=YearMonth(2031, 5))


def _updater(site: VaultSite, dsn: str, place: Path, number: int) -> Process:
    return Process(
        f"updater-{number}",
        (sys.executable, "-m", "updater", "serve"),
        env={**IMPORTS, **served(site, dsn, ASK_INTERVAL="PT1S", RECORDS_PER_FILE=_FEW)},
        cwd=ROOT,
        log=place / f"updater-{number}.log",
    )


@asynccontextmanager
async def _endless(turn: Callable[[], Awaitable[None]], pace_s: float) -> AsyncIterator[None]:
    """Take turns while the block runs; the last one is finished."""
    over = asyncio.Event()

    async def turns() -> None:
        while not over.is_set():
            await turn()
            await asyncio.sleep(pace_s)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(turns())
        try:
            yield
        finally:
            over.set()


@asynccontextmanager
async def _answering(acquirer: Acquirer, answered: Answered) -> AsyncIterator[None]:
    """Answer what is asked, at once."""

    async def turn() -> None:
        for asked in await asyncio.to_thread(acquirer.collect):
            answered.files[asked.name] += 1
            for each in asked.records:
                answered.asked[counter_of(each.number.reveal())] += 1
            await asyncio.to_thread(acquirer.answer, asked, acquirer.respond(asked))

    async with _endless(turn, _LOOK_S):
        yield


@asynccontextmanager
async def _storing(site: VaultSite) -> AsyncIterator[dict[int, str]]:
    """Store cards whose holders agreed to be charged again; yield their tokens by counter."""
    client: Any = await site.client("root")
    tokens: dict[int, str] = {}

    async def turn() -> None:
        counter = len(tokens)
        request = agreed_card(number_for_test(Brand.VISA, counter))
        stored = await client.vault.Tokenize(request, timeout=_DEADLINE_S)
        tokens[counter] = stored.card.token

    async with _endless(turn, _PACE_S):
        yield tokens


async def _quiet(dsn: str, answered: Answered) -> bool:
    """Wait until nothing has been asked for a while, and all that was is answered; tell if so."""
    until = time.monotonic() + _LAST_S
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < _QUIET_S:
        asked = answered.asked.total()
        open_ones = "SELECT count(*) FROM inquiries WHERE state IN ('CREATED', 'WRITTEN', 'SENT')"
        if asked != seen or await _counted(dsn, open_ones):
            seen, since = asked, time.monotonic()
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_LOOK_S)
    return True


async def _look(site: VaultSite, tokens: Mapping[int, str], answered: Answered) -> None:
    client: Any = await site.client("root")
    for counter, token in tokens.items():
        request = reveal_service_pb2.DetokenizeRequest(token=token, purpose="payment")
        shown = await client.reveal.Detokenize(request, timeout=_DEADLINE_S)
        version = shown.masked.credential_version
        answered.ended[counter] = Ended(counter_of(shown.card.number), version)


async def _judge(paused: Paused, dsn: str, answered: Answered) -> None:
    paused.found += answered.breaches()
    for what, sql in (
        ("files were not applied", "SELECT count(*) FROM feed_files WHERE state <> 'APPLIED'"),
        ("exceptions wait for an operator", "SELECT count(*) FROM exceptions"),
    ):
        if count := await _counted(dsn, sql):
            paused.found.append(f"{count} {what}")
    noted = await _counted(dsn, "SELECT count(*) FROM answers")
    asked = answered.asked.total()
    if noted != asked:
        paused.found.append(f"{asked} answers were given, {noted} are on record")
    handed = await _counted(dsn, "SELECT sum(fence) - count(*) FROM leases")
    if max(paused.seconds) > 2 * _LEASE_S and not handed:
        paused.found.append("nobody took the work of a stopped updater over")
    paused.counts |= {
        "cards": len(answered.ended),
        "answers applied": noted,
        "leases that changed hands": handed,
    }


async def _counted(dsn: str, sql: str) -> int:
    db = await asyncpg.connect(dsn)
    try:
        return int(await db.fetchval(sql))
    finally:
        await db.close()
