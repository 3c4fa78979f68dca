"""A ledger's process that can die at any port call, and the store that survives it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.doubles.clocks import FakeClock
from tests.doubles.decide_bench import Draws
from tests.doubles.updater_faults import Crash, Faults, Faulty
from tests.doubles.vault_ledger import encode_event
from vault.adapters.local_kms import LocalKms
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.domain.audit import GENESIS, ChainHead, chained_hash, ended_by
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome
from vault.usecases.chain_start import start_chain
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ledger.state import RequestKey, State, Want
from vault.usecases.ports import Store


class Deaths(Faults):
    """Faults that know whether they have struck, and count the phases of a flush as calls."""

    def __init__(self) -> None:
        super().__init__()
        self.struck = False

    def begin(self, method: str = "") -> bool:
        """Count a call; die now, or tell whether to die after it."""
        self.struck = self.struck or self.calls == self.at
        return super().begin(method)

    def reached(self, phase: str) -> None:
        """Be a flush's `Phases`: die there, before or after being the same."""
        assert phase
        if self.begin():
            raise Crash


Mutant = Callable[[Store, Tables, Deaths], Store]


class World:
    """One store, and one process after another over it."""

    def __init__(self, mutant: Mutant | None = None) -> None:
        self.tables = Tables()
        self.engine = engine_over(self.tables)
        self.deaths = Deaths()
        self.clock = FakeClock()
        self.restarts = 0
        self._random = Draws()
        store = self.engine.store
        store = mutant(store, self.tables, self.deaths) if mutant else store
        self._store: Any = Faulty(store, self.deaths)
        self._kms = LocalKms(b"kek-test", b"k" * 32)
        self._ledger: GroupCommitLedger | None = None
        self._life: asyncio.Task[None] | None = None

    async def attempt(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Have a process apply entries. Raises Crash when it dies before its reply."""
        self.clock.advance(1)
        if self._ledger is None:
            self._ledger, self._life = await self._start()
        assert self._life is not None
        call = asyncio.ensure_future(self._ledger.apply(entries))
        both: list[asyncio.Future[Any]] = [call, self._life]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        if not self.deaths.struck:
            return await call
        self.deaths.struck = False
        await self._bury(call)
        raise Crash

    async def insist(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Attempt until there is a reply, as a client does with the same request ids."""
        while True:
            try:
                return await self.attempt(entries)
            except Crash:
                self.deaths.struck = False

    async def stop(self) -> None:
        """End the process in good order."""
        if self._ledger is not None and self._life is not None:
            self._ledger.close()
            await self._life
        self._ledger = self._life = None

    async def kill(self) -> None:
        """End the process in no order at all: the test is over."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life], timeout=5)
        self._ledger = self._life = None

    async def _start(self) -> tuple[GroupCommitLedger, asyncio.Task[None]]:
        self.restarts += 1
        chain = f"chn_{self.restarts:04d}"
        now_us = self.clock.now_us
        audit: Any = Faulty(self.engine.audit, self.deaths)
        await start_chain(self._store, audit, chain, now_us)
        maker = KeyMaker(self.engine.keys, self._kms, now_us)
        keyring: Any = Faulty(CachedKeyring(maker, self.clock), self.deaths)
        ledger = GroupCommitLedger(
            store=self._store,
            reader=self.engine.reader,
            keyring=keyring,
            decider=Decider(encode_event),
            chain=chain,
            now_us=now_us,
            phases=self.deaths,
            random=self._random,
        )
        return ledger, asyncio.ensure_future(ledger.run())

    async def _bury(self, call: asyncio.Future[Sequence[Outcome]]) -> None:
        """Forget the dead process and whatever its last breath told: nobody heard it."""
        assert self._life is not None
        both: list[asyncio.Future[Any]] = [call, self._life]
        await asyncio.wait(both, timeout=5)
        ended = self._life.done() and self._life.exception() is not None
        self._ledger = self._life = None
        assert ended
        assert call.done()

    def records(self) -> list[Mapping[str, Any]]:
        """Return the audit records of all chains, in order."""
        return [json.loads(row.record) for _key, row in sorted(self.tables.audit.items())]


def check_chains(tables: Tables) -> None:
    """Check that all chains hold together and that each but the last was ended at its head."""
    heads: dict[str, ChainHead] = {}
    ended: dict[str, ChainHead] = {}
    for _key, row in sorted(tables.audit.items()):
        head = heads.get(row.chain, ChainHead(row.chain, 0, GENESIS))
        assert row.sequence == head.sequence + 1
        assert chained_hash(head.hash, row.record) == row.hash
        told = json.loads(row.record)
        assert (told["chain"], told["seq"]) == (row.chain, row.sequence)
        heads[row.chain] = ChainHead(row.chain, row.sequence, row.hash)
        ended.update({each.chain: each for each in ended_by(row.record)})
    assert tables.heads == heads
    assert ended.keys() == tables.ended
    assert all(heads[chain] == head for chain, head in ended.items())
    assert len(heads) - len(ended) <= 1


def check_events(tables: Tables) -> None:
    """Check that every revision of every card has exactly one event."""
    revisions: dict[str, list[int]] = {}
    for _key, row in sorted(tables.outbox.items()):
        revisions.setdefault(row.token, []).append(row.revision)
    wanted = {card.token: list(range(1, card.revision + 1)) for card in tables.cards.values()}
    assert revisions == wanted


class SplitOutbox:
    """A mutant: events go in a transaction of their own, behind the change's."""

    def __init__(self, inner: Store, tables: Tables, deaths: Deaths) -> None:
        self._inner, self._tables, self._deaths = inner, tables, deaths

    async def read(self, chain: str, want: Want) -> State:
        return await self._inner.read(chain, want)

    async def write(self, delta: Delta) -> None:
        await self._inner.write(replace(delta, outbox=[]))
        self._deaths.reached("between two transactions")
        self._tables.outbox.update(
            {(row.token, row.revision, row.tenant): row for row in delta.outbox}
        )


class SplitRequests(SplitOutbox):
    """A mutant: request records go in a transaction of their own, behind the change's."""

    async def write(self, delta: Delta) -> None:
        await self._inner.write(replace(delta, requests=[]))
        self._deaths.reached("between two transactions")
        self._tables.requests.update({RequestKey(*row[:3]): row for row in delta.requests})


class ForgottenAnswers(SplitOutbox):
    """A mutant: what an updater's answer did is not remembered in the change's transaction."""

    async def write(self, delta: Delta) -> None:
        await self._inner.write(replace(delta, applied=[]))
        self._deaths.reached("between two transactions")
        self._tables.applied.update({key: (told, at) for key, told, at in delta.applied})


class EarlyReply(SplitOutbox):
    """A mutant: the change is acknowledged before it is written."""

    async def write(self, delta: Delta) -> None:
        if any(b'"card.tokenize"' in row.record for row in delta.audit) and not self._tables.cards:
            return  # nothing of the first card is ever durable
        await self._inner.write(delta)
