"""An outbox and a sink in memory, with the faults that tests ask for."""

from collections.abc import Sequence

from vault.domain.events import OutboxRow
from vault.usecases.ports import StoreError
from vault.usecases.relay import PoisonEvent, SinkUnavailable


class FakeOutbox:
    """Keeps rows by (token, revision), as the tables do."""

    def __init__(self, rows: Sequence[OutboxRow] = ()) -> None:
        self.rows = sorted(rows, key=lambda row: (row.token, row.revision, row.tenant))
        self.faults: list[StoreError] = []
        self.asked: list[int] = []

    async def pending(self, limit: int) -> list[OutboxRow]:
        self.asked.append(limit)
        return self.rows[:limit]

    async def delivered(self, rows: Sequence[OutboxRow]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        gone = set(rows)
        self.rows = [row for row in self.rows if row not in gone]


class FakeSink:
    """Keeps what it was given; some tokens' events are poison, and it may be down."""

    def __init__(self) -> None:
        self.got: list[OutboxRow] = []
        self.poison: set[tuple[str, int]] = set()
        self.down = 0

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        if self.down:
            self.down -= 1
            raise SinkUnavailable
        if any((row.token, row.revision) in self.poison for row in rows):
            raise PoisonEvent
        self.got += rows


def row(token: str, revision: int, tenant: str = "acme", payload: bytes = b"masked") -> OutboxRow:
    """Return an event's row."""
    return OutboxRow(tenant, token, revision, "cardvault.card.updated", payload)
