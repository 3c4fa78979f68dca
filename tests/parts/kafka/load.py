"""Committed and rolled-back changes, written into a vault's outbox as fast as a test can bear."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from tests.contract.ledger_rows import a_card, an_event, write
from tests.doubles.vault_ledger import TENANT
from tests.parts.kafka.consuming import Subject
from vault.adapters.engine import Engine
from vault.usecases.ledger.delta import CardChange
from vault.usecases.ports import Conflict


@dataclass
class Load:
    """Writes batches of events until told to stop; `committed` has each token's last revision."""

    engine: Engine
    chance: random.Random
    batch: int = 20
    pause_s: float = 0.02
    tokens: int = 200
    committed: dict[Subject, int] = field(default_factory=dict)
    rolled_back: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set."""
        while not stop.is_set():
            await self.one()
            await asyncio.sleep(self.pause_s)

    async def one(self) -> None:
        """Write one batch; now and then one that is rolled back as a whole."""
        names = self.chance.sample(range(self.tokens), self.batch)
        after = {f"tok_{n}": 1 + self.committed.get((TENANT, f"tok_{n}"), 0) for n in names}
        events = [an_event(token, revision) for token, revision in after.items()]
        if self.chance.random() < 0.1:
            stale = a_card("tok_nobody")
            try:
                await write(self.engine, outbox=events, cards={stale.key: CardChange(7, stale)})
            except Conflict:
                self.rolled_back += len(events)
                return
            raise AssertionError("a stale change was written")
        await write(self.engine, outbox=events)
        self.committed.update({(TENANT, token): last for token, last in after.items()})
