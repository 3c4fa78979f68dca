"""Sign where the audit stands: every second or 1,000 records, whichever comes first.

Each process signs its own chain, and the ends of those it has ended: a dead process's records
behind its last checkpoint are covered by the next one of whoever ended its chain. Checkpoints are
one line for all processes of a store; whoever finds its number taken signs again at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.crypto.checkpoints import (
    CheckpointBody,
    CheckpointKey,
    PublicKeys,
    body_hash,
)
from vault.crypto.keys import KeyPurpose
from vault.domain.audit import GENESIS, AuditRow, ChainHead, ended_by
from vault.domain.queries import Checkpoint
from vault.usecases.chain_start import Started
from vault.usecases.chain_trees import Tree, Trees
from vault.usecases.key_making import KeyMaker
from vault.usecases.ports import (
    AuditStore,
    CommitInDoubt,
    Conflict,
    DataDamaged,
    StoreBroken,
    StoreFull,
    StoreUnavailable,
)

MAX_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a checkpoint is due, where something is new."""

    interval_s: float = 1.0
    records: int = 1_000


@dataclass(slots=True)
class CheckpointCounts:
    """What metrics read."""

    signed: int = 0
    failures: int = 0  # checkpoints not stored; the next one covers what they would have
    conflicts: int = 0  # signed again, because another process was faster
    gaps: int = 0  # records read back from the store, because a commit was in doubt
    broken_links: int = 0  # records found not to fit their chain: run `audit verify`
    distrusted: int = 0  # a last checkpoint that none of our keys signed


async def checkpoint_keys(maker: KeyMaker) -> tuple[CheckpointKey, ...]:
    """Return the service's checkpoint keys, made if missing, the active one first.

    Raises VaultError.
    """
    unwrapped = await maker.unwrapped("", [KeyPurpose.CHECKPOINT])
    return tuple([CheckpointKey(each.secret) for each in unwrapped])


async def stored_checkpoint_keys(maker: KeyMaker) -> tuple[CheckpointKey, ...]:
    """Return the checkpoint keys that there are, the active one first, and make none.

    Raises VaultError.
    """
    stored = await maker.stored("", [KeyPurpose.CHECKPOINT])
    return tuple([CheckpointKey(each.secret) for each in stored])


def public_pem(keys: Sequence[CheckpointKey]) -> bytes:
    """Return all public keys as one PEM file: what `cardvault audit verify` is given."""
    return b"".join([key.public_pem() for key in keys])


class Checkpointer:
    """Signs checkpoints. First `resume()`, then `run()` in the service's TaskGroup, last `close()`.

    `committed` is the ledger's callback; it never waits and never fails.
    """

    def __init__(
        self,
        audit: AuditStore,
        keys: Sequence[CheckpointKey],
        now_us: Callable[[], int],
        pace: Pace = Pace(),
    ) -> None:
        self._audit: Final = audit
        self._key: Final = keys[0]
        self._now_us: Final = now_us
        self._pace: Final = pace
        self._own: Tree | None = None
        self._ended: list[Tree] = []
        self._prepared: dict[str, list[Tree]] = {}  # what ends with a chain, once that is recorded
        self._known = 0  # the highest sequence of our chain that is known to be durable
        self._signed_size = 0
        self._last: tuple[int, bytes] = (0, GENESIS)  # number and hash
        self._wake = asyncio.Event()
        self._closing = False
        self.counts: Final = CheckpointCounts()
        self._trees: Final = Trees(
            audit, PublicKeys(*[key.public for key in keys]), self._broken_links
        )

    async def resume(self, started: Started) -> int | None:
        """Take up where the last process stopped; return when that last signed, if it did.

        µs, UTC. Raises StoreError.
        """
        last = await self._follow()
        said = None if last is None else self._trees.trusted(last)
        if last is not None and said is None:
            self.counts.distrusted += 1  # trees are rebuilt from their records then
        self._ended += await self._trees.ends_of(started.ended)
        self._own = Tree(started.row.chain)
        self.committed([started.row])
        return None if said is None else said.time

    def committed(self, rows: Sequence[AuditRow]) -> None:
        """Take in records of our chain that have just become durable."""
        own = self._own
        if own is None:
            return
        for row in rows:
            if row.sequence == own.merkle.size + 1:
                self._append(own, row)
        self._known = max(self._known, rows[-1].sequence if rows else 0)
        if self._known - self._signed_size >= self._pace.records:
            self._wake.set()

    async def prepare(self, heads: Sequence[ChainHead]) -> None:
        """Read what is needed to sign the ends of chains that we are about to end.

        They are signed from the record on that ends them. Raises StoreError.
        """
        for head in heads:
            self._prepared[head.chain] = await self._trees.ends_of([head])

    def forget(self, heads: Sequence[ChainHead]) -> None:
        """Drop what was prepared: another process has ended these chains."""
        for head in heads:
            self._prepared.pop(head.chain, None)

    async def run(self) -> None:
        """Sign what is new until `close()`, and then once more."""
        while not self._closing:
            try:
                async with asyncio.timeout(self._pace.interval_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self.checkpoint()
        await self.checkpoint()

    def close(self) -> None:
        """Make `run()` end behind a last checkpoint; call it when the ledger has stopped."""
        self._closing = True
        self._wake.set()

    async def checkpoint(self) -> Checkpoint | None:
        """Sign and store a checkpoint, if anything is new.

        A store in passing trouble is tried again at the next turn; StoreBroken is raised, also
        where the last checkpoint is damaged.
        """
        own = self._own
        if own is None or (self._known == self._signed_size and not self._ended):
            return None
        try:
            for _attempt in range(MAX_ATTEMPTS):
                try:
                    return await self._checkpoint(own)
                except Conflict:
                    # Another process's, or our own last one, whose commit was in doubt.
                    self.counts.conflicts += 1
                    await self._follow()
        except (StoreUnavailable, StoreFull, CommitInDoubt):
            pass
        self.counts.failures += 1
        return None

    async def _checkpoint(self, own: Tree) -> Checkpoint:
        if own.merkle.size < self._known:
            self.counts.gaps += 1
            await self._trees.catch_up(own, self._known, self._append)
        number, previous = self._last
        ended, size = list(self._ended), own.merkle.size
        marks = tuple([tree.mark() for tree in (*ended, own)])
        signed = self._key.sign(CheckpointBody(number + 1, self._now_us(), marks, previous))
        await self._audit.add_checkpoint(signed)
        self._last = (signed.number, body_hash(signed.body))
        self._signed_size = size
        self._ended = [tree for tree in self._ended if tree not in ended]
        self.counts.signed += 1
        return signed

    async def _follow(self) -> Checkpoint | None:
        """Read the newest checkpoint, which the next one names. Raises StoreError.

        None may be signed behind one that is no checkpoint at all: that would hide the damage.
        """
        try:
            last = await self._audit.last_checkpoint()
            if last is not None:
                self._last = (last.number, body_hash(last.body))
        except (DataDamaged, TypeError):
            raise StoreBroken("the last checkpoint is damaged: see `audit verify`") from None
        return last

    def _broken_links(self, count: int) -> None:
        self.counts.broken_links += count

    def _append(self, own: Tree, row: AuditRow) -> None:
        """Add a record of our own; a reaper's record ends the chains that it names."""
        own.append(row)
        if self._prepared:
            for head in ended_by(row.record):
                self._ended += self._prepared.pop(head.chain, ())
