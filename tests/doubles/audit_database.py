"""A vault's history as a database file: written by the real chain, checkpoints and schema."""

from pathlib import Path

import apsw

from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.crypto.checkpoints import CheckpointKey, PublicKeys
from vault.usecases.chain_start import start_chain
from vault.usecases.checkpointer import Checkpointer

KEY = CheckpointKey(b"\x07" * 32)
KEYS = PublicKeys(KEY.public)
SCHEMA = Path(__file__).parents[2] / "vault/adapters/sqlite/schema/0001.sql"


async def write_history(
    store: FakeAuditStore, *, processes: int = 3, rounds: int = 5, batch: int = 20, tail: int = 7
) -> None:
    """Run processes one after another; each dies with `tail` records behind its checkpoint.

    The last one's tail is signed too.
    """
    clock = FakeClock()
    for process in range(processes):
        chain = f"chn_{process}"
        clock.advance(1.0)
        started = await start_chain(store, store, chain, clock.now_us)
        checkpointer = Checkpointer(store, [KEY], clock.now_us)
        await checkpointer.resume(started)
        for _round in range(rounds):
            clock.advance(1.0)
            checkpointer.committed(store.add(chain, batch))
            await checkpointer.checkpoint()
        rows = store.add(chain, tail)
        if process == processes - 1:
            checkpointer.committed(rows)
            await checkpointer.checkpoint()


def save(store: FakeAuditStore, path: Path) -> None:
    """Write a store's audit as a vault's database."""
    db = apsw.Connection(str(path))
    db.execute(SCHEMA.read_text())
    with db:
        for chain, rows in store.rows.items():
            db.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", rows)
            head = store.head(chain)
            db.execute("INSERT INTO chains VALUES (?, ?, ?, ?)", (*head, int(chain in store.ended)))
        db.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?)", store.signed)
    db.close()
