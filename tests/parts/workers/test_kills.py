"""kill -9 of one worker after another, under load; then every promise is checked."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from tests.e2e.kills.checker import Breach, violations
from tests.e2e.kills.evidence import TENANT, Evidence, StoredRow, event_of, records_in
from tests.e2e.kills.history import History
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.parts.servers.postgres import PostgresServer, as_superuser
from tests.parts.workers.load import loaded
from tests.parts.workers.site import (
    TRANSPORT,
    TRANSPORTS,
    all_ready,
    kill,
    shared_site,
    started,
    supervised,
)
from vault.domain.audit import ended_by

WORKERS: Final = 3
KILLS: Final = {"grpcio": 6, "envoy": 4}
CLIENTS: Final = 4


async def _stored(evidence: Evidence, dsn: str) -> None:
    """Read what the database holds, as the embedded kill test reads its file."""
    db = await asyncpg.connect(as_superuser(dsn))
    try:
        rows = await db.fetch(
            "SELECT token, revision, credential_version, customer, fingerprint FROM cards"
            " WHERE tenant = $1",
            TENANT,
        )
        evidence.rows = {row[0]: StoredRow(*row[1:]) for row in rows}
        for token, number in await db.fetch(
            "SELECT token, credential_version FROM card_versions WHERE tenant = $1 ORDER BY 1, 2",
            TENANT,
        ):
            evidence.old_versions.setdefault(token, []).append(number)
        audit = await db.fetch("SELECT record FROM audit ORDER BY chain, sequence")
        evidence.records = list(records_in(row[0] for row in audit))
        evidence.requests = dict(
            await db.fetch("SELECT request_id, token FROM requests WHERE tenant = $1", TENANT)
        )
        waiting = await db.fetch("SELECT payload FROM outbox ORDER BY token, revision")
        evidence.events = [event_of(row[0]) for row in waiting]
    finally:
        await db.close()


async def _chains(dsn: str) -> tuple[set[str], set[str], set[str]]:
    """Return the open chains, the ended ones, and those that a record says were ended."""
    db = await asyncpg.connect(as_superuser(dsn))
    try:
        # One snapshot: a chain may be ended between the two, in the middle of the test.
        async with db.transaction(isolation="repeatable_read", readonly=True):
            chains = await db.fetch("SELECT chain, sequence, hash, ended FROM chains")
            records = [row[0] for row in await db.fetch("SELECT record FROM audit")]
    finally:
        await db.close()
    heads = {(row["chain"], row["sequence"], row["hash"]) for row in chains if row["ended"]}
    named = [tuple(head) for record in records for head in ended_by(record)]
    assert len(named) == len(set(named)) == len({chain for chain, _at, _hash in named})
    assert heads == set(named), "an ended chain is not where its successor saw it"
    open_now = {row["chain"] for row in chains if not row["ended"]}
    reaped = {
        head.chain
        for record in records
        for head in ended_by(record)
        if json.loads(record)["action"] == "vault.reap"
    }
    return open_now, {chain for chain, _at, _hash in heads}, reaped


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_kills_of_workers_break_no_promise(
    tmp_path: Path,
    postgres: PostgresServer,
    transport: str,
    kill_seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    history, chance, kills = History(), random.Random(kill_seed), KILLS[transport]
    async with shared_site(tmp_path, postgres, **{TRANSPORT: transport}) as site:
        dsn = site.env["CARDVAULT_DATABASE_URL"]
        process = supervised(site, WORKERS)
        children = await started(site, process, WORKERS)
        async with Stubs.to(site) as one, Stubs.to(site) as two, Stubs.to(site) as three:
            async with load([one, two, three], history, kill_seed, CLIENTS):
                for number in range(kills):
                    await asyncio.sleep(chance.uniform(0.3, 1.5))
                    # By turns the one that has been there longest and the newest: a supervisor
                    # gives up on a place where five in a row died young.
                    victim = children[0 if number % 2 else -1]
                    kill(victim)
                    children = await all_ready(site, process, WORKERS, frozenset({victim}))
            # Nobody starts any more: the living end what is left.
            async with asyncio.timeout(80):
                while len((await _chains(dsn))[0]) > WORKERS:  # noqa: ASYNC110 - in the database
                    await asyncio.sleep(0.5)
            evidence = await survey(one, history)
        assert await process.stop() == 0
        await _stored(evidence, dsn)
        open_now, ended, reaped = await _chains(dsn)
        # Several workers need Kafka for events; here there are none, and no outbox.
        found = [
            each
            for each in violations(history, evidence)
            if each.breach is not Breach.MISSING_EVENT
        ]
        record_property(
            "said",
            f"kill -9 of a worker, {transport}, seed {kill_seed}: {kills} kills of {WORKERS};"
            f" {history.acknowledged()} calls answered ({history.retried()} changes only when"
            f" retried), {history.in_doubt()} in doubt for good; {len(evidence.cards)} cards;"
            f" {len(ended)} chains ended, {len(reaped)} of them by a reaper;"
            f" {len(found)} violations",
        )
    assert not found, "\n".join(map(str, found[:20]))
    assert len(open_now | ended) == WORKERS + kills
    assert len(ended) >= kills
    assert reaped
    assert history.acknowledged() > 30 * kills


async def test_a_paused_worker_whose_chain_was_ended_stops(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """It learns of it at its next flush, serves nobody from then on, and is started again."""
    async with shared_site(tmp_path, postgres) as site:
        dsn = site.env["CARDVAULT_DATABASE_URL"]
        process = supervised(site, 2)
        children = await started(site, process, 2)
        before, _ended, _reaped = await _chains(dsn)
        paused = children[0]
        kill(paused, signal.SIGSTOP)
        db = await asyncpg.connect(as_superuser(dsn))
        # Older ids are of older processes: the first worker's chain is the paused one's.
        await db.execute("UPDATE chains SET lease = 1 WHERE chain = $1", min(before))
        await db.close()
        async with asyncio.timeout(60):
            while min(before) not in (await _chains(dsn))[2]:  # noqa: ASYNC110 - in the database
                await asyncio.sleep(0.2)
        kill(paused, signal.SIGCONT)
        # Its next flush may be anybody's call: new connections find their way to both.
        async with loaded(site, site.vault_address, clients=1, churning=2) as report:
            children = await all_ready(site, process, 2, frozenset({paused}))
        assert f'"pid":{paused},"code":70' in await asyncio.to_thread(process.log.read_text)
        # What it was asked by then was refused or in doubt, and answered by another at the retry.
        assert report.errors == []
        assert await process.stop() == 0
