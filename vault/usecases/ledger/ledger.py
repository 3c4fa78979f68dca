"""The ledger: takes the entries of all requests in flight and flushes them, read-decide-write.

While one flush is under way the next one gathers: no timer, no added latency when idle, and
batches grow by themselves under load. One flush at a time per audit chain.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from chassis.spans import Span, entered, step, together
from vault.crypto.keys import TenantKeys
from vault.domain.audit import AuditRow
from vault.domain.card import Card, CardKey
from vault.domain.intents import Caller, EndChains, Entry, Note, ReleaseParked
from vault.domain.outcome import InDoubt, NotApplied, Outcome, Refused
from vault.domain.reasons import Reason, VaultError
from vault.usecases.decide.decider import Decider, Envelope
from vault.usecases.decide.wants import wants_of
from vault.usecases.ledger.phases import NO_PHASES, Phases
from vault.usecases.ledger.queue import Call, Line, Waiting
from vault.usecases.ledger.reading import TooWide, poison_isolated, read_all
from vault.usecases.ledger.state import NumberKey
from vault.usecases.ports import (
    CardReader,
    CommitInDoubt,
    Conflict,
    DataDamaged,
    DataFault,
    Keyring,
    Store,
    StoreBroken,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

MAX_ATTEMPTS = 5
MAX_TURNS = 8
RELEASER = "cardvault:parked"
"""Who is recorded with what becomes of a parked answer when a card gets its number."""
_KEYLESS = (Note, EndChains)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait, and how much one flush takes."""

    queue_entries: int = 20_000
    queue_bytes: int = 64 << 20
    flush_entries: int = 1_000
    flush_bytes: int = 8 << 20


@dataclass(slots=True)
class Counts:
    """What metrics read; plain integers, since they are counted on the hot path."""

    flushes: int = 0
    entries: int = 0
    conflicts: int = 0
    in_doubt: int = 0
    isolated: int = 0
    refused_full: int = 0
    store_full: int = 0


class GroupCommitLedger:
    """`Ledger` over any `Store`. Use `running()`; closing it answers everybody who waits."""

    def __init__(  # noqa: PLR0913 - one port each, by name
        self,
        *,
        store: Store,
        reader: CardReader,
        keyring: Keyring,
        decider: Decider,
        chain: str,
        now_us: Callable[[], int],
        limits: Limits = Limits(),
        random: Callable[[int], bytes] = os.urandom,
        committed: Callable[[Sequence[AuditRow]], None] = lambda _rows: None,
        broken: Callable[[BaseException], None] = lambda _error: None,
        at_fault: Callable[[str, str], None] = lambda _intent, _kind: None,
        phases: Phases = NO_PHASES,
    ) -> None:
        self._store = store
        self._reader = reader
        self._keyring = keyring
        self._decider = decider
        self._chain = chain
        self._now_us = now_us
        self._limits = limits
        self._random = random
        self._committed = committed
        self._broken = broken
        self._at_fault = at_fault
        self._phases = phases
        self._line = Line(limits.queue_entries, limits.queue_bytes)
        self._wake = asyncio.Event()
        self._closing = False
        self._warming: dict[str, list[Waiting]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self.counts = Counts()

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Apply entries; see `vault.usecases.ports.Ledger`."""
        if self._closing:
            return [NotApplied(Reason.STORE_UNAVAILABLE)] * len(entries)
        if not entries:
            return []
        if not self._line.has_room(entries):
            self.counts.refused_full += len(entries)
            return [NotApplied(Reason.OVERLOADED)] * len(entries)
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        with step("ledger.wait") as span:
            call = Call(done, [None] * len(entries), len(entries), span)
            self._line.add(call, entries)
            self._wake.set()
            return await done

    async def read(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Read cards across tenants, as durable as they are."""
        return await self._reader.cards(keys)

    async def run(self) -> None:
        """Flush until `close()`; what is in the line by then is flushed first."""
        async with asyncio.TaskGroup() as self._tasks:
            try:
                while not (self._closing and not self._line.entries and not self._warming):
                    if not self._line.entries:
                        self._wake.clear()
                        await self._wake.wait()
                        continue
                    await self._gather()
                    batch = self._line.take(self._limits.flush_entries, self._limits.flush_bytes)
                    await self._flush(batch)
            finally:
                self._closing = True
                self._abandon()

    async def _gather(self) -> None:
        """Let what has arrived get in line: turns of the event loop, no timer, until none comes.

        Without it the next flush begins before the last one's replies have even left, and under
        load flushes stay small: their fixed cost is most of a single call's.
        """
        seen = 0
        for _turn in range(MAX_TURNS):
            if self._line.entries == seen:
                return
            seen = self._line.entries
            await asyncio.sleep(0)

    def close(self) -> None:
        """Take no more entries; `run()` ends when the line is empty."""
        self._closing = True
        self._wake.set()

    def _abandon(self) -> None:
        for waiting in self._line.take(self._line.entries, self._line.bytes + 1):
            waiting.answer(NotApplied(Reason.STORE_UNAVAILABLE))
        for group in self._warming.values():
            for waiting in group:
                waiting.answer(NotApplied(Reason.STORE_UNAVAILABLE))

    async def _flush(self, batch: list[Waiting]) -> None:
        batch, keys = self._with_keys(batch)
        if batch:
            self.counts.flushes += 1
            self.counts.entries += len(batch)
            try:
                with together("ledger.flush", dict.fromkeys([each.call.span for each in batch])):
                    for part in _parts(batch):
                        await self._settle(part, keys)
            except BaseException:
                # The ledger ends here, and nobody may wait for ever: what has no outcome by now,
                # the halves not yet tried included, may or may not be in the last commit.
                for waiting in batch:
                    waiting.answer(InDoubt())
                raise

    def _with_keys(self, batch: list[Waiting]) -> tuple[list[Waiting], dict[str, TenantKeys]]:
        """Set entries aside whose tenant's keys are cold: no flush waits for a KMS."""
        keys: dict[str, TenantKeys] = {}
        ready: list[Waiting] = []
        for waiting in batch:
            tenant = waiting.entry.caller.tenant
            # These open nothing: refusals and the last record are written without a KMS, too.
            if tenant not in keys and not isinstance(waiting.entry.intent, _KEYLESS):
                warm = self._keyring.peek(tenant)
                if warm is None:
                    self._warm_then_return(tenant, waiting)
                    continue
                keys[tenant] = warm
            ready.append(waiting)
        return ready, keys

    def _warm_then_return(self, tenant: str, waiting: Waiting) -> None:
        self._line.set_aside(waiting)
        group = self._warming.get(tenant)
        if group is not None:
            group.append(waiting)
            return
        self._warming[tenant] = [waiting]
        assert self._tasks is not None  # noqa: S101 - set before the first flush
        self._tasks.create_task(self._warm(tenant, waiting.call.span))

    async def _warm(self, tenant: str, span: Span | None) -> None:
        try:
            with entered(span):
                await self._keyring.warm(tenant)
        except VaultError as error:
            group = self._warming.pop(tenant)
            self._line.give_up(group)
            for waiting in group:
                waiting.answer(NotApplied(error.reason))
        else:
            self._line.put_back(self._warming.pop(tenant))
        self._wake.set()

    async def _settle(self, batch: list[Waiting], keys: Mapping[str, TenantKeys]) -> None:
        """Read, decide, write, until it holds; then tell every caller."""
        outcomes: Sequence[Outcome]
        for _attempt in range(MAX_ATTEMPTS):
            try:
                outcomes = await self._attempt(batch, keys)
                break
            except Conflict:
                self.counts.conflicts += 1
            except StoreFull:
                self.counts.store_full += 1
                outcomes = [NotApplied(Reason.STORAGE_FULL)] * len(batch)
                break
            except StoreUnavailable:
                outcomes = [NotApplied(Reason.STORE_UNAVAILABLE)] * len(batch)
                break
            except CommitInDoubt:
                self.counts.in_doubt += 1
                outcomes = [InDoubt()] * len(batch)
                break
            except (DataFault, DataDamaged) as error:
                await self._by_halves(batch, keys, error)
                return
            except TooWide:
                await self._in_halves(batch, keys)
                return
            except StoreBroken as error:
                # Nothing after a failed write or sync can be trusted: stop, never try again.
                self._broken(error)
                raise
        else:
            outcomes = [NotApplied(Reason.CONTENTION)] * len(batch)
        self._phases.reached("before_reply")
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.answer(outcome)

    async def _by_halves(
        self, batch: list[Waiting], keys: Mapping[str, TenantKeys], error: StoreError
    ) -> None:
        """Find the entry that can't be stored, or whose rows are damaged; let others through."""
        self.counts.isolated += 1
        if len(batch) == 1:
            reason = Reason.DATA_CORRUPT  # of a row that was read
            if isinstance(error, DataFault):
                reason = Reason.INVALID_FIELD
                # Validation should have refused it: somebody has to look, here or there.
                self._at_fault(type(batch[0].entry.intent).__name__, str(error))
            batch[0].answer(Refused(reason))
            return
        await self._in_halves(batch, keys)

    async def _in_halves(self, batch: list[Waiting], keys: Mapping[str, TenantKeys]) -> None:
        middle = len(batch) // 2
        await self._settle(batch[:middle], keys)
        await self._settle(batch[middle:], keys)

    async def _attempt(
        self, batch: list[Waiting], keys: Mapping[str, TenantKeys]
    ) -> Sequence[Outcome]:
        entries = [waiting.entry for waiting in batch]
        with poison_isolated():
            want = wants_of(entries, keys, self._now_us())
        state = await read_all(self._store, self._chain, want, entries, keys)
        self._phases.reached("after_read")
        envelope = Envelope(self._now_us(), self._random)
        with poison_isolated(state):
            outcomes, delta = self._decider.decide(state, entries, keys, envelope)
        self._phases.reached("before_write")
        if not delta.empty:
            await self._store.write(delta)
            self._phases.reached("after_commit")
            self._committed(delta.audit)
            self._release(delta.due)
        return outcomes

    def _release(self, numbers: Collection[NumberKey]) -> None:
        """Have the next flush decide what was parked for numbers that are cards' by now.

        Nobody waits for it. Where the line is full, or the process dies, the sweeper finds it.
        """
        for tenant, mac in numbers:
            entry = Entry(Caller(tenant, RELEASER), ReleaseParked(mac))
            if self._line.has_room([entry]):
                done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
                self._line.add(Call(done, [None], 1), [entry])


def _parts(batch: list[Waiting]) -> list[list[Waiting]]:
    """Set apart what fails for a reason of its own, so that it makes nobody else start again.

    Processes race to end a dead one's chain, and whoever comes second fails its flush each time.
    """
    alone = [[waiting] for waiting in batch if type(waiting.entry.intent) is EndChains]
    if not alone:
        return [batch]
    rest = [waiting for waiting in batch if type(waiting.entry.intent) is not EndChains]
    return [rest, *alone] if rest else alone
