"""An audit trail in memory: chains, records and checkpoints, with faults on request."""

from collections.abc import Sequence

from vault.domain.audit import GENESIS, AuditFacts, AuditRow, ChainHead, link
from vault.domain.queries import AuditQuery, Checkpoint
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import Conflict, StoreError


class FakeAuditStore:
    """`Store` and `AuditStore` for what concerns chains; cards are not kept."""

    def __init__(self) -> None:
        self.rows: dict[str, list[AuditRow]] = {}
        self.ended: dict[str, ChainHead] = {}
        self.signed: list[Checkpoint] = []
        self.faults: list[StoreError] = []  # one is raised by each of the next writes
        self.reads = 0
        self.lost_answer: StoreError | None = None  # raised behind the next stored checkpoint

    def head(self, chain: str) -> ChainHead:
        rows = self.rows.get(chain)
        return (
            ChainHead(chain, rows[-1].sequence, rows[-1].hash)
            if rows
            else ChainHead(chain, 0, GENESIS)
        )

    def add(self, chain: str, count: int, tenant: str = "acme") -> list[AuditRow]:
        """Append records as a ledger would."""
        added = []
        for number in range(count):
            head = self.head(chain)
            facts = AuditFacts(tenant, "app", "", "card.reveal", "ok", f"tok_{number}")
            row, _head = link(head, 1_000 + head.sequence, facts)
            self.rows.setdefault(chain, []).append(row)
            added.append(row)
        return added

    async def read(self, chain: str, want: Want) -> State:
        assert want == Want()
        return State(self.head(chain))

    async def write(self, delta: Delta) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if delta.base_head != self.head(delta.head.chain) or delta.head.chain in self.ended:
            raise Conflict
        for head in delta.ended_chains:
            if head != self.head(head.chain) or head.chain in self.ended:
                raise Conflict
        self.rows.setdefault(delta.head.chain, []).extend(delta.audit)
        self.ended.update({head.chain: head for head in delta.ended_chains})

    async def open_chains(self) -> list[ChainHead]:
        return [self.head(chain) for chain in self.rows if chain not in self.ended]

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        return await self.open_chains()

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        rows = [row for chain in self.rows.values() for row in chain]
        return rows[: query.limit]

    async def audit_reach(self, after: tuple[str, int], records: int) -> tuple[str, int] | None:
        return None

    async def chain_records(self, chain: str, after: int, limit: int) -> list[AuditRow]:
        self.reads += 1
        rows: Sequence[AuditRow] = self.rows.get(chain, [])
        return [row for row in rows if row.sequence > after][:limit]

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if checkpoint.number != len(self.signed) + 1:
            raise Conflict
        self.signed.append(checkpoint)
        if self.lost_answer is not None:
            fault, self.lost_answer = self.lost_answer, None
            raise fault

    async def checkpoints(
        self, before: int, limit: int, from_time: int = 0, to_time: int = 0
    ) -> list[Checkpoint]:
        return [
            each
            for each in reversed(self.signed)
            if (not before or each.number < before)
            and each.time >= from_time
            and (not to_time or each.time < to_time)
        ][:limit]

    async def last_checkpoint(self) -> Checkpoint | None:
        return self.signed[-1] if self.signed else None
