"""One trial: a cluster, a vault that is never restarted, clients, faults; then all is read back."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from cardvault.vault.v1 import vault_service_pb2 as pb

from cards.brands import Brand
from cards.testcards import test_pan
from chassis.postgres.address import Address
from chassis.postgres.leader import Leader
from tests.e2e.kills.calls import OwnCard, Shared
from tests.e2e.kills.checker import Breach, Violation, violations
from tests.e2e.kills.client import Client
from tests.e2e.kills.evidence import Evidence
from tests.e2e.kills.history import End, History, Kind
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.e2e.processes import Site
from tests.parts.failover.calls import FailoverCalls
from tests.parts.failover.evidence import (
    OldRow,
    add_database,
    old_side,
    only_there,
    wrongly_acknowledged,
)
from tests.parts.failover.faults import Fault, strike
from tests.parts.failover.first_reveal import Prober
from tests.parts.servers.patroni import Cluster, patroni_cluster
from vault.adapters.postgres.migrating import migrate

CLIENTS: Final = 6
SHARED: Final = range(4)
DATABASE: Final = "vault"
_RECOVERY_S: Final = 120.0


@dataclass(slots=True)
class Trial:
    """What came of it."""

    seed: str
    history: History = field(default_factory=History)
    evidence: Evidence = field(default_factory=Evidence)
    found: list[Violation] = field(default_factory=list)
    first_reveals: dict[Fault, list[float]] = field(default_factory=lambda: defaultdict(list))
    said: Counter[str] = field(default_factory=Counter)
    old_rows: list[OldRow] = field(default_factory=list)
    kept: frozenset[bytes] = frozenset()
    seconds: float = 0.0

    @property
    def faults(self) -> int:
        """Count the faults."""
        return sum(map(len, self.first_reveals.values()))

    @property
    def lost_unacknowledged(self) -> int:
        """Count what only an old primary has: committed there, acknowledged to nobody."""
        return len(only_there(self.old_rows, self.kept))


async def run_trial(directory: Path, plan: Sequence[Fault], seed: str) -> Trial:
    """Run the whole; `found` names every broken promise."""
    began = time.perf_counter()
    trial = Trial(seed)
    with patroni_cluster() as cluster:
        await make_database(cluster)
        settings = {"CARDVAULT_DATABASE_URL": cluster.dsn(DATABASE, "vault_app")}
        async with Site.temporary(directory, settings) as site, Stubs.to(site) as stubs:
            await site.start_vault()
            pid = site.vault.pid
            async with _load(stubs, trial, seed) as prober:
                for fault in plan:
                    await _fault(cluster, fault, prober, trial)
            await asyncio.to_thread(cluster.wait_whole)
            trial.evidence = await survey(stubs, trial.history)
            if not site.vault.running or site.vault.pid != pid:
                trial.found.append(Violation(Breach.UNEXPECTED_STATUS, "the vault ended"))
            if status := await site.vault.stop():
                trial.found.append(Violation(Breach.UNEXPECTED_STATUS, f"it ended with {status}"))
            if b"unexpected error" in site.vault.log.read_bytes():
                trial.found.append(Violation(Breach.UNEXPECTED_STATUS, "its log says INTERNAL"))
            events = (site.data / "events.jsonl").read_bytes()
            trial.kept = await add_database(trial.evidence, cluster.dsn(DATABASE), events)
            trial.found += judged(trial)
    trial.seconds = time.perf_counter() - began
    return trial


def judged(trial: Trial) -> list[Violation]:
    """Hold what clients were told against what is there, and against what is there no more."""
    lost = only_there(trial.old_rows, trial.kept)
    return [
        *violations(trial.history, trial.evidence),
        *wrongly_acknowledged(trial.history, lost, trial.evidence.records),
    ]


async def make_database(cluster: Cluster) -> None:
    """Make the vault's database and its role."""
    await _admin(cluster.dsn(), "CREATE ROLE vault_owner LOGIN CREATEROLE")
    await _admin(cluster.dsn(), f"CREATE DATABASE {DATABASE} OWNER vault_owner")
    await _admin(cluster.dsn(DATABASE), "ALTER SCHEMA public OWNER TO vault_owner")
    await migrate(cluster.dsn(DATABASE, "vault_owner"))
    await _admin(cluster.dsn(), "CREATE ROLE vault_app LOGIN IN ROLE cardvault_serving")


async def _admin(dsn: str, statement: str) -> None:
    db = await Leader(Address(dsn)).connect()
    try:
        await db.execute(statement)
    finally:
        await db.close()


async def _fault(cluster: Cluster, fault: Fault, prober: Prober, trial: Trial) -> None:
    await asyncio.to_thread(cluster.wait_whole)
    await asyncio.sleep(1)  # under load, all well
    roles = await asyncio.to_thread(cluster.wait_whole)  # still, or again
    moment, clock = time.perf_counter(), time.time()
    name, heal = await asyncio.to_thread(strike, cluster, fault, roles)
    if fault is Fault.UNGUARDED:  # until another one leads, the old one serves, and may
        await asyncio.to_thread(cluster.wait_replaced, name)
        moment = time.perf_counter()
    try:
        async with asyncio.timeout(_RECOVERY_S):
            shown = await prober.first_after(time.perf_counter())  # it was asked for behind it
    except TimeoutError:
        roles = await asyncio.to_thread(cluster.roles)
        raise RuntimeError(f"no reveal after: {fault}; {roles}{cluster.logs()}") from None
    trial.first_reveals[fault].append(shown - moment)
    if fault.leaves_an_old_side:
        await asyncio.to_thread(cluster.wait_replaced, name)
        await asyncio.sleep(2)  # for what the vault still has under way there
        trial.old_rows += await old_side(cluster.nodes[name], DATABASE, clock - 2)
    await asyncio.to_thread(heal)


@asynccontextmanager
async def _load(stubs: Stubs, trial: Trial, seed: str) -> AsyncIterator[Prober]:
    """Keep all clients calling while the block runs; on return each has settled its last call."""
    over = False

    def stopping() -> bool:
        return over

    shared, numbers = Shared(SHARED), count(len(SHARED) + 1)

    def calls(place: int) -> FailoverCalls:
        chance = random.Random(f"{seed}/client/{place}")
        return FailoverCalls(place, stubs, trial.history, shared, chance, trial.said)

    probing = calls(CLIENTS)
    prober = Prober(probing, await _own_card(probing, len(SHARED)))
    async with asyncio.TaskGroup() as tasks:
        for place in range(CLIENTS):
            tasks.create_task(Client(calls(place), numbers).run(stopping))
        tasks.create_task(prober.run(stopping))
        try:
            yield prober
        finally:
            over = True


async def _own_card(calls: FailoverCalls, number: int) -> OwnCard:
    """Store the prober's card, and write that down as any other change."""
    request = pb.TokenizeRequest(request_id=calls.new_id())
    request.card.number = test_pan(Brand.VISA, number)
    request.card.expiry_month, request.card.expiry_year = 12, 2029
    request.metadata["tag"] = "prober"
    wants: dict[str, str | int] = {"number": number, "tag": "prober", "expiry_year": 2029}
    change = calls.change(Kind.TOKENIZE, request.request_id, "", **wants)
    answer = await calls.settled("Tokenize", request, [change])
    if answer is None:
        raise RuntimeError("the prober's card was not stored")
    calls.answered(change, answer.card)
    assert change.end is End.DONE
    card = OwnCard(change.token, 0, "", number)
    card.learn(answer.card)
    return card
