"""Trees over audit chains: grown record by record, and taken up where a dead process left them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vault.crypto.checkpoints import BodyInvalid, ChainMark, CheckpointBody, PublicKeys, parse_body
from vault.crypto.merkle import CompactRange, leaf_hash
from vault.domain.audit import GENESIS, AuditRow, ChainHead, chained_hash, ended_by
from vault.domain.queries import Checkpoint
from vault.usecases.ports import AuditStore

PAGE: Final = 1_000
SEARCHED: Final = 1_000
"""Checkpoints that are looked through for a dead process's last one; behind them its chain is read
from its beginning. Fifty processes sign as many in the time in which one is known to be dead."""
_LOOKED_AT: Final = 100  # at a time


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


class Trees:
    """Makes trees from what is stored. `broken` is told of records that do not fit their chain."""

    def __init__(
        self, audit: AuditStore, public: PublicKeys, broken: Callable[[int], None]
    ) -> None:
        self._audit: Final = audit
        self._public: Final = public
        self._broken: Final = broken

    def trusted(self, signed: Checkpoint) -> CheckpointBody | None:
        """Return what a checkpoint says, if it is one of ours."""
        try:
            return parse_body(signed.body) if self._public.signed(signed) else None
        except (BodyInvalid, TypeError):  # a column of another type: nobody signed that
            return None

    async def ends_of(self, heads: Sequence[ChainHead]) -> list[Tree]:
        """Return the trees of ended chains that no checkpoint has seen the end of.

        A process that died before its next checkpoint is named only by whoever ended its chain; so
        is whom it had just ended itself, which its own records say.
        """
        found: dict[str, Tree] = {}
        ask = list(heads)
        while ask:
            head = ask.pop()
            if head.chain in found:
                continue
            mark = await self._last_mark(head.chain)
            if mark is not None and mark.ended:
                continue
            tree = found[head.chain] = Tree(head.chain, mark)
            ask += await self.catch_up(tree, head.sequence, Tree.append)
            tree.ended = True
        return [found[chain] for chain in sorted(found)]

    async def _last_mark(self, chain: str) -> ChainMark | None:
        """Return what the newest checkpoint of ours that names a chain says of it."""
        name, before, searched = chain.encode(), 0, 0
        while searched < SEARCHED:
            page = await self._audit.checkpoints(before, _LOOKED_AT)
            for signed in page:
                body = self.trusted(signed) if name in signed.body else None
                for mark in body.chains if body is not None else ():
                    if mark.chain == chain:
                        return mark
            if len(page) < _LOOKED_AT or page[-1].number <= 1:
                return None
            before = page[-1].number
            searched += len(page)
        return None

    async def catch_up(
        self, tree: Tree, size: int, append: Callable[[Tree, AuditRow], None]
    ) -> list[ChainHead]:
        """Read a chain's records from the store, up to `size`; return the chains they ended."""
        ended: list[ChainHead] = []
        while tree.merkle.size < size:
            page = min(PAGE, size - tree.merkle.size)
            rows = await self._audit.chain_records(tree.chain, tree.merkle.size, page)
            if not rows:
                self._broken(1)
                break  # signed as it is: the verifier compares it with the chain's head
            for row in rows:
                fits = row.sequence == tree.merkle.size + 1
                if not fits or chained_hash(tree.head, row.record) != row.hash:
                    self._broken(1)
                append(tree, row)
                ended += ended_by(row.record)
        return ended
