"""The engine under test with its reference beside it: every change is made in both, and told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from chassis.events.ports import Event, Lease
from tests.power.layer import LoggedFiles
from tests.power.reference import Reference, Told
from vault.adapters.engine import Engine
from vault.crypto.keys import DataKey
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome
from vault.domain.queries import Checkpoint
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import Store, StoreBroken


class Twin:
    """The engine under test with its reference beside it."""

    def __init__(self, engine: Engine, reference: Reference, files: LoggedFiles | None) -> None:
        self.under_test = engine
        self.reference = reference
        self.files = files
        self.writing = 0
        self.in_doubt: Callable[[], Awaitable[object]] | None = None
        """What the reference has to do if the last failed write turns out to be there."""
        self._broken = False

    async def both(self, work: Awaitable[Any], same: Callable[[], Awaitable[object]]) -> Any:
        """Do something on disk, and when it is done, in memory."""
        if self.files is not None:
            self.files.begun = self.reference.now + 1
        self.writing += 1
        try:
            result = await work
        except Exception as error:
            if not self._broken:  # a broken store touches nothing any more: the first is in doubt
                self.in_doubt = same
            self._broken = isinstance(error, StoreBroken) or self._broken
            raise
        finally:
            self.writing -= 1
        await self.reference.also(same())
        return result

    async def act(self, what: str, work: Awaitable[Any], same: Callable[[], Any]) -> Any:
        """Do something whose caller hears of it at once, as `both`; tell that it was done."""
        with Hearing(self) as hearing:
            result = await self.both(work, same)
            hearing.told.append(self.reference.hear_act(what))
        return result

    def mark_told(self, told: Sequence[Told]) -> None:
        """Write into the files' log that all of this was told by now."""
        if self.files is not None and told:
            self.files.mark("told", len(self.reference.told))

    def engine(self) -> Engine:
        """Return all ports; what changes something does so twice."""
        inner = self.under_test
        return Engine(
            store=TwinStore(self),
            reader=inner.reader,
            files=inner.files,
            housekeeping=TwinHousekeeping(self),
            audit=TwinAudit(self),
            outbox=inner.outbox,
            keys=inner.keys,
        )

    async def deliver(self, rows: Sequence[Event], lease: Lease) -> None:
        """Delete events as delivered."""
        twin = self.reference.engine.outbox
        await self.act(
            f"the delivery of {len(rows)} events",
            self.under_test.outbox.delivered(lease, rows),
            lambda: twin.delivered(lease, rows),
        )

    async def add_keys(self, keys: Sequence[DataKey]) -> None:
        """Add wrapped keys."""
        await self.act(
            f"the making of key {keys[0].key_id.hex()}",
            self.under_test.keys.add_data_keys(keys),
            lambda: self.reference.engine.keys.add_data_keys(keys),
        )


class Hearing:
    """While somebody waits to hear, a checkpoint waits, too."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.told: list[Told] = []

    def __enter__(self) -> Self:
        if self._twin.files is not None:
            self._twin.files.asked()
        return self

    def __exit__(self, *error: object) -> None:
        self._twin.mark_told(self.told)
        if self._twin.files is not None:
            self._twin.files.heard()


class TwinStore:
    """`Store`."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._inner: Store = twin.under_test.store

    async def read(self, chain: str, want: Want) -> State:
        return await self._inner.read(chain, want)

    async def write(self, delta: Delta) -> None:
        twin = self._twin.reference.engine.store
        await self._twin.both(self._inner.write(delta), lambda: twin.write(delta))


class TwinHousekeeping:
    """`Housekeeping`: what purges does so twice."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._twin.under_test.housekeeping, name)
        if name not in {"purge_requests", "purge_answers", "purge_parked", "purge_imprints"}:
            return inner
        same = getattr(self._twin.reference.engine.housekeeping, name)

        async def purge(until: int, limit: int) -> int:
            gone: int = await self._twin.act(name, inner(until, limit), lambda: same(until, limit))
            return gone

        return purge


class TwinAudit:
    """`AuditStore`: a checkpoint is stored twice."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin.under_test.audit, name)

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        twin = self._twin
        with Hearing(twin) as hearing:
            await twin.both(
                twin.under_test.audit.add_checkpoint(checkpoint),
                lambda: twin.reference.engine.audit.add_checkpoint(checkpoint),
            )
            what = f"checkpoint {checkpoint.number}"
            hearing.told.append(twin.reference.hear_act(what, checkpoint))


class TwinLedger:
    """`Ledger`: what it answers is noted as told."""

    def __init__(self, inner: GroupCommitLedger, twin: Twin) -> None:
        self._inner = inner
        self._twin = twin
        self.read = inner.read

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        with Hearing(self._twin) as hearing:
            outcomes = await self._inner.apply(entries)
            for entry, outcome in zip(entries, outcomes, strict=True):
                told = self._twin.reference.hear(entry, outcome)
                if told is not None:
                    hearing.told.append(told)
        return outcomes
