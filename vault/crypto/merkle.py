"""The Merkle tree of RFC 6962, section 2.1: grown one leaf at a time, proved and checked.

A tree is kept as its compact range: the roots of the perfect subtrees that make it up, largest
first, one for each bit set in its size. Constant memory, one to two hashes a leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(record: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A tree of `size` leaves; `nodes` restores one, as kept in a checkpoint.

    Raises ValueError where the number of nodes isn't that of a tree of this size.
    """

    __slots__ = ("_nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(nodes) != size.bit_count() or any(len(node) != 32 for node in nodes):
            raise ValueError("a tree has one node of 32 bytes for each bit set in its size")
        self.size = size
        self._nodes = list(nodes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf, given as its hash."""
        nodes, size = self._nodes, self.size
        while size & 1:
            leaf = node_hash(nodes.pop(), leaf)
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """Return the perfect subtrees' roots, largest first."""
        return tuple(self._nodes)

    def root(self) -> bytes:
        """Return the tree's root."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root


def sibling_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Return the leaves below each node of an inclusion path, lowest first, as [start, end).

    Together with the leaf itself they cover the tree once, so a path costs one pass over it.
    Raises ValueError for a leaf outside the tree.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    start, end = 0, size
    spans: list[tuple[int, int]] = []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def inclusion_path(leaves: Iterator[bytes], index: int, size: int) -> list[bytes]:
    """Return the audit path of RFC 6962, section 2.1.1, from one pass over the leaves' hashes.

    Raises ValueError where the tree is smaller than `size`.
    """
    spans = sorted([(span, place) for place, span in enumerate(sibling_spans(index, size))])
    path = [b""] * len(spans)
    at = 0
    for (start, end), place in spans:
        while at < start:  # only ever the leaf itself lies between two spans
            next(leaves, None)
            at += 1
        tree = CompactRange()
        while at < end:
            leaf = next(leaves, None)
            if leaf is None:
                raise ValueError("the tree is smaller than that")
            tree.append(leaf)
            at += 1
        path[place] = tree.root()
    return path


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `path` proves that `leaf` is at `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == root
