"""Partitions of the outbox: who holds them, what a lost lease does, what an old release adds."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import asyncpg
import pytest

from chassis.events.ports import PARTITIONS, SLOTS, Lease, LeaseLost
from tests.contract.ledger_rows import an_event, write
from tests.doubles.outbox_reading import leases, waiting
from tests.parts.servers.postgres import as_owner
from vault.adapters.engine import Engine
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres

EVENTS = [an_event(f"tok_{n}", revision) for n in range(40) for revision in (1, 2)]


async def run_out(dsn: str, relay: str) -> None:
    """Let a relay have been silent for longer than its leases."""
    db = await asyncpg.connect(as_owner(dsn))
    await db.execute("UPDATE outbox_leases SET until = 1 WHERE relay = $1", relay)
    await db.execute("UPDATE relays SET until = 1 WHERE relay = $1", relay)
    await db.close()


async def test_every_event_is_in_one_partition_and_a_tokens_in_the_same(engine: Engine) -> None:
    await write(engine, outbox=EVENTS)
    found: list[tuple[str, int]] = []
    for lease in await leases(engine.outbox):
        rows = await engine.outbox.pending(lease, 1_000)
        found += [(row.subject, row.revision) for row in rows]
        for row in rows:
            slot = sha256(row.subject.encode()).digest()[0]
            assert slot // (SLOTS // PARTITIONS) == lease.partition
    assert sorted(found) == sorted((row.token, row.revision) for row in EVENTS)


async def test_a_partition_has_one_holder_and_a_new_epoch_each_time(engine: Engine) -> None:
    outbox = engine.outbox
    first = await outbox.take("a", 0)
    assert first is not None
    assert await outbox.take("b", 0) is None
    standing = await outbox.standing("b")
    assert (standing.held, sorted(standing.free)) == ([], [1, 2, 3])
    assert (standing.partitions, standing.relays) == (PARTITIONS, 1)  # "a" never said it is alive
    await outbox.give_back(first)
    second = await outbox.take("b", 0)
    assert second == Lease(0, first.epoch + 1)
    await outbox.give_back(first)  # too late: it is another's
    assert await outbox.take("c", 0) is None


async def test_many_at_once_take_each_partition_once(dsn: str, engine: Engine) -> None:
    async with open_postgres(Address(dsn)) as other:
        asked = [
            each.outbox.take(f"relay-{number}", partition)
            for partition in range(PARTITIONS)
            for number, each in enumerate((engine, other, engine, other))
        ]
        taken = [lease for lease in await asyncio.gather(*asked) if lease is not None]
    assert sorted(lease.partition for lease in taken) == list(range(PARTITIONS))


async def test_who_has_lost_a_lease_reads_and_deletes_nothing(dsn: str, engine: Engine) -> None:
    await write(engine, outbox=EVENTS)
    outbox = engine.outbox
    lost = await outbox.take("sleeper", 0)
    assert lost is not None
    rows = await outbox.pending(lost, 1_000)
    assert rows
    await run_out(dsn, "sleeper")
    assert await outbox.pending(lost, 1_000) == rows  # nobody else has it yet
    assert await outbox.take("successor", 0) is not None
    assert await outbox.pending(lost, 1_000) == []
    with pytest.raises(LeaseLost):
        await outbox.delivered(lost, rows)
    assert len(await waiting(outbox)) == len(EVENTS) - len(rows)  # the successor has partition 0
    assert (await outbox.backlog(lost)).depth == len(rows)


async def test_relays_are_counted_while_they_say_so(dsn: str, engine: Engine) -> None:
    outbox = engine.outbox
    assert (await outbox.standing("a")).relays == 1
    assert (await outbox.standing("b")).relays == 2
    for partition in range(PARTITIONS):
        await outbox.take("a", partition)
    assert len((await outbox.standing("a")).held) == PARTITIONS
    await run_out(dsn, "a")
    standing = await outbox.standing("b")
    assert (standing.relays, len(standing.free)) == (1, PARTITIONS)
    # Nobody took them: "a" wakes, and goes on under its old epochs.
    assert len((await outbox.standing("a")).held) == PARTITIONS
    assert (await outbox.standing("b")).free == []
    await outbox.release("a")
    assert (await outbox.standing("b")).relays == 1
    assert len((await outbox.standing("b")).free) == PARTITIONS


async def test_what_an_older_release_writes_is_relayed_too(dsn: str, engine: Engine) -> None:
    """Its statements name the columns of its own schema, and none of this one's."""
    db = await asyncpg.connect(dsn)
    await db.execute(
        "INSERT INTO outbox (tenant, token, revision, type, payload)"
        " VALUES ('demo', 'tok_old', 1, 'cardvault.card.stored', 'x'),"
        r" ('demo', 'tok_\old', 1, 'cardvault.card.stored', 'x')"
    )
    await write(engine, outbox=[an_event("tok_old", 2)])
    found = [(row.subject, row.revision, row.time) for row in await waiting(engine.outbox)]
    assert found == [("tok_\\old", 1, 0), ("tok_old", 1, 0), ("tok_old", 2, 0)]
    # And its relay deletes what it has sent, by the whole key, without any lease.
    gone = await db.execute(
        "DELETE FROM outbox AS o USING unnest($1::text[], $2::text[], $3::bigint[])"
        " AS k(tenant, token, revision) WHERE o.tenant = k.tenant AND o.token = k.token"
        " AND o.revision = k.revision",
        ["demo"],
        ["tok_old"],
        [1],
    )
    await db.close()
    assert gone == "DELETE 1"
