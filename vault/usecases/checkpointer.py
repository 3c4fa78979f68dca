"""Sign where the audit stands: every second or 1,000 records, whichever comes first.

For a store that one process holds: its own chain grows, the others have ended. A dead
predecessor's records behind its last checkpoint are covered by our first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.crypto.checkpoints import (
    BodyInvalid,
    ChainMark,
    CheckpointBody,
    CheckpointKey,
    PublicKeys,
    body_hash,
    parse_body,
)
from vault.crypto.keys import KeyPurpose
from vault.crypto.merkle import CompactRange, leaf_hash
from vault.domain.audit import GENESIS, AuditRow, ChainHead, chained_hash
from vault.domain.queries import Checkpoint
from vault.usecases.chain_start import Started, ended_by
from vault.usecases.key_making import KeyMaker
from vault.usecases.ports import AuditStore, CommitInDoubt, Conflict, StoreFull, StoreUnavailable

PAGE: Final = 1_000


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
    gaps: int = 0  # records read back from the store, because a commit was in doubt
    broken_links: int = 0  # records found not to fit their chain: run `audit verify`
    distrusted: int = 0  # a last checkpoint that none of our keys signed


class Tree:
    """One chain's records, up to `size`."""

    __slots__ = ("chain", "ended", "head", "merkle")

    def __init__(self, chain: str, mark: ChainMark | None = None) -> None:
        self.chain: Final = chain
        self.merkle = CompactRange(mark.size, mark.nodes) if mark else CompactRange()
        self.head = mark.head if mark else GENESIS
        self.ended = False

    def append(self, row: AuditRow) -> None:
        """Add the next record."""
        self.merkle.append(leaf_hash(row.record))
        self.head = row.hash

    def mark(self) -> ChainMark:
        """Return what a checkpoint says of this chain."""
        merkle = self.merkle
        return ChainMark(
            self.chain, merkle.size, self.head, merkle.root(), merkle.nodes, self.ended
        )


async def checkpoint_keys(maker: KeyMaker) -> tuple[CheckpointKey, ...]:
    """Return the service's checkpoint keys, made if missing, the active one first.

    Raises VaultError.
    """
    unwrapped = await maker.unwrapped("", [KeyPurpose.CHECKPOINT])
    return tuple([CheckpointKey(each.secret) for each in unwrapped])


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
        self._public: Final = PublicKeys(*[key.public for key in keys])
        self._now_us: Final = now_us
        self._pace: Final = pace
        self._own: Tree | None = None
        self._ended: list[Tree] = []
        self._known = 0  # the highest sequence of our chain that is known to be durable
        self._signed_size = 0
        self._last: tuple[int, bytes] = (0, GENESIS)  # number and hash
        self._wake = asyncio.Event()
        self._closing = False
        self.counts: Final = CheckpointCounts()

    async def resume(self, started: Started) -> None:
        """Take up where the last process stopped. Raises StoreError."""
        last = await self._audit.last_checkpoint()
        marks = self._trusted_marks(last)
        for head in await self._to_end(started, marks):
            tree = Tree(head.chain, marks.get(head.chain))
            await self._catch_up(tree, head.sequence)
            tree.ended = True
            self._ended.append(tree)
        self._own = Tree(started.row.chain)
        self.committed([started.row])

    def committed(self, rows: Sequence[AuditRow]) -> None:
        """Take in records of our chain that have just become durable."""
        own = self._own
        if own is None:
            return
        for row in rows:
            if row.sequence == own.merkle.size + 1:
                own.append(row)
        self._known = max(self._known, rows[-1].sequence if rows else 0)
        if self._known - self._signed_size >= self._pace.records:
            self._wake.set()

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

        A store in passing trouble is tried again at the next turn; StoreBroken is raised.
        """
        own = self._own
        if own is None or (self._known == self._signed_size and not self._ended):
            return None
        try:
            return await self._checkpoint(own)
        except Conflict:
            await self._follow()  # our own last one, whose commit was in doubt
            self.counts.failures += 1
        except (StoreUnavailable, StoreFull, CommitInDoubt):
            self.counts.failures += 1
        return None

    async def _checkpoint(self, own: Tree) -> Checkpoint:
        if own.merkle.size < self._known:
            self.counts.gaps += 1
            await self._catch_up(own, self._known)
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

    async def _follow(self) -> None:
        last = await self._audit.last_checkpoint()
        if last is not None:
            self._last = (last.number, body_hash(last.body))

    def _trusted_marks(self, last: Checkpoint | None) -> dict[str, ChainMark]:
        """Return what the last checkpoint says of each chain, if it is one of ours."""
        if last is None:
            return {}
        self._last = (last.number, body_hash(last.body))
        try:
            if self._public.signed(last):
                return {mark.chain: mark for mark in parse_body(last.body).chains}
        except BodyInvalid:
            pass
        self.counts.distrusted += 1  # trees are rebuilt from their records then
        return {}

    async def _to_end(self, started: Started, marks: dict[str, ChainMark]) -> list[ChainHead]:
        """Return the ended chains that no checkpoint has seen the end of.

        A process that died before its first checkpoint is named only by its successor's first
        record; so is whom it had ended itself.
        """
        found: dict[str, ChainHead] = {}
        ask = list(started.ended)
        while ask:
            head = ask.pop()
            mark = marks.get(head.chain)
            if head.chain in found or (mark is not None and mark.ended):
                continue
            found[head.chain] = head
            if mark is None:
                for row in await self._audit.chain_records(head.chain, 0, 1):
                    ask += ended_by(row.record)
        return sorted(found.values())

    async def _catch_up(self, tree: Tree, size: int) -> None:
        """Read a chain's records from the store, up to `size` of them."""
        while tree.merkle.size < size:
            page = min(PAGE, size - tree.merkle.size)
            rows = await self._audit.chain_records(tree.chain, tree.merkle.size, page)
            if not rows:
                self.counts.broken_links += 1
                return  # signed as it is: the verifier compares it with the chain's head
            for row in rows:
                fits = row.sequence == tree.merkle.size + 1
                if not fits or chained_hash(tree.head, row.record) != row.hash:
                    self.counts.broken_links += 1
                tree.append(row)
