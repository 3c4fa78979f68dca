"""One process's ports to the shared database: the vault's own, asked from afar."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from tests.doubles.decide_bench import drive
from tests.seeds.database import CHAIN_LEASE_S, Database
from tests.seeds.outbox import SharedOutbox
from vault.adapters.engine import Engine
from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.queries import AuditQuery, CardQuery, Checkpoint
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import NumberKey, State, Want

T = TypeVar("T")


class _Port:
    """What all ports of a process share."""

    def __init__(self, database: Database, who: object) -> None:
        self._database: Final = database
        self._who: Final = who
        self._engine: Final = database.engine

    async def _read(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self._database.asked(lambda: drive(work()))

    async def _write(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self._database.asked(lambda: drive(work()), writes=True)


class SharedStore(_Port):
    """`Store`. Its one user reads and writes in turns."""

    _read_at = 0

    async def read(self, chain: str, want: Want) -> State:
        def work() -> tuple[State, int]:
            return drive(self._engine.store.read(chain, want)), self._database.witness.position

        state, self._read_at = await self._database.asked(work)
        return state

    async def write(self, delta: Delta) -> None:
        read_at = self._read_at

        def work() -> None:
            self._database.contends()
            self._database.commit(self._who, delta, read_at)

        await self._database.asked(work, writes=True)


class SharedReader(_Port):
    """`CardReader` and `FileReader`."""

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        return await self._read(lambda: self._engine.reader.cards(keys))

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        return await self._read(lambda: self._engine.reader.editions(keys))

    async def list_cards(self, query: CardQuery) -> list[Card]:
        return await self._read(lambda: self._engine.reader.list_cards(query))

    async def list_tokens(self, query: CardQuery) -> list[str]:
        return await self._read(lambda: self._engine.reader.list_tokens(query))

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        return await self._read(lambda: self._engine.reader.versions(key, below, limit))

    async def changed_by(self, tenant: str, source: str, after: str, limit: int) -> list[str]:
        return await self._read(lambda: self._engine.files.changed_by(tenant, source, after, limit))

    async def parked_by(
        self, tenant: str, channel: str, file: str, after: str, limit: int
    ) -> list[str]:
        return await self._read(
            lambda: self._engine.files.parked_by(tenant, channel, file, after, limit)
        )


class SharedHousekeeping(_Port):
    """`Housekeeping`: what is deleted is told to the witness, row by row."""

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        return await self._read(lambda: self._engine.housekeeping.erasable(now, limit))

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        return await self._read(lambda: self._engine.housekeeping.purgeable_versions(now, limit))

    async def purge_requests(self, before: int, limit: int) -> int:
        return await self._purge(
            "requests", lambda: self._engine.housekeeping.purge_requests(before, limit)
        )

    async def purge_answers(self, before: int, limit: int) -> int:
        return await self._purge(
            "applied", lambda: self._engine.housekeeping.purge_answers(before, limit)
        )

    async def parked_due(self, now: int, limit: int) -> list[NumberKey]:
        return await self._read(lambda: self._engine.housekeeping.parked_due(now, limit))

    async def purge_parked(self, now: int, limit: int) -> int:
        return await self._purge(
            "parked", lambda: self._engine.housekeeping.purge_parked(now, limit)
        )

    async def purge_imprints(self, before: int, limit: int) -> int:
        return await self._purge(
            "imprints", lambda: self._engine.housekeeping.purge_imprints(before, limit)
        )

    async def _purge(self, table: str, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
        rows: dict[Any, Any] = getattr(self._database.tables, table)

        def done() -> int:
            before = dict(rows)
            count = drive(work())
            if count:
                gone = {key: row for key, row in before.items() if key not in rows}
                self._database.witness.forgotten(table, gone)
            return count

        return await self._database.asked(done, writes=True)


class SharedAudit(_Port):
    """`AuditStore`, with the leases that tell who is alive."""

    async def open_chains(self) -> list[ChainHead]:
        return await self._read(self._engine.audit.open_chains)

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        return await self._database.asked(lambda: self._database.abandoned(for_us / 1e6))

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        return await self._read(lambda: self._engine.audit.audit_rows(query))

    async def audit_reach(self, after: tuple[str, int], records: int) -> tuple[str, int] | None:
        return await self._read(lambda: self._engine.audit.audit_reach(after, records))

    async def chain_records(self, chain: str, after: int, limit: int) -> list[AuditRow]:
        return await self._read(lambda: self._engine.audit.chain_records(chain, after, limit))

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        await self._write(lambda: self._engine.audit.add_checkpoint(checkpoint))

    async def checkpoints(
        self, before: int, limit: int, from_time: int = 0, to_time: int = 0
    ) -> list[Checkpoint]:
        return await self._read(
            lambda: self._engine.audit.checkpoints(before, limit, from_time, to_time)
        )

    async def last_checkpoint(self) -> Checkpoint | None:
        return await self._read(self._engine.audit.last_checkpoint)

    async def renew(self, chain: str, lease_s: float = CHAIN_LEASE_S) -> None:
        """Say that a chain's process lives; 0 gives the lease back."""

        def work() -> None:
            database = self._database
            if chain in database.chain_leases and chain not in database.tables.ended:
                database.chain_leases[chain] = database.now() + lease_s if lease_s else 0.0

        await self._database.asked(work, writes=True)


class SharedKeys(_Port):
    """`KeyStore`."""

    async def data_keys(self, tenant: str) -> list[DataKey]:
        return await self._read(lambda: self._engine.keys.data_keys(tenant))

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        await self._write(lambda: self._engine.keys.add_data_keys(keys))


class Connection:
    """All ports of one process."""

    def __init__(self, database: Database, outbox: SharedOutbox, who: object) -> None:
        self.audit: Final = SharedAudit(database, who)
        reader = SharedReader(database, who)
        self.engine: Final = Engine(
            store=SharedStore(database, who),
            reader=reader,
            files=reader,
            housekeeping=SharedHousekeeping(database, who),
            audit=self.audit,
            outbox=outbox,
            keys=SharedKeys(database, who),
        )
