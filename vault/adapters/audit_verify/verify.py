"""Verify a whole audit: checkpoints in order, and each chain alongside them, in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from vault.adapters.audit_verify.chain_walk import ChainWalk
from vault.adapters.audit_verify.findings import Kind, Report
from vault.adapters.audit_verify.opening import open_trail
from vault.adapters.audit_verify.trail import StoredChain, Trail
from vault.crypto.checkpoints import (
    BodyInvalid,
    CheckpointBody,
    PublicKeys,
    body_hash,
    parse_body,
)
from vault.crypto.merkle import CompactRange
from vault.domain.audit import GENESIS, ChainHead
from vault.domain.queries import Checkpoint


class _End(NamedTuple):
    """How a chain's walk ended."""

    at: int
    head: bytes
    touched: bool


def verify_audit(source: Path | str, keys: PublicKeys, given: Checkpoint | None = None) -> Report:
    """Verify a database, a copy or a dump with public keys alone; `given` comes from elsewhere.

    What is behind the newest checkpoint, stored or given, is checked for its links only: whoever
    writes to the file can still cut it off. Without a given one, that includes cutting back the
    whole database to an earlier state. Raises NotReadable.
    """
    with open_trail(source) as file:
        return _Verification(file, keys).run(given)


class _Verification:
    def __init__(self, file: Trail, keys: PublicKeys) -> None:
        self._file: Final = file
        self._keys: Final = keys
        self._report: Final = Report()
        self._stored: Final = {stored.chain: stored for stored in file.chains()}
        self._walks: dict[str, ChainWalk] = {}
        self._ends: dict[str, _End] = {}
        self._claims: dict[str, list[ChainHead]] = {}

    def run(self, given: Checkpoint | None) -> Report:
        """Check everything, once."""
        if given is not None and not self._genuine(given):
            given = None
        self._checkpoints(given)
        names = sorted({*self._stored, *self._file.recorded_chains(), *self._walks})
        for chain in names:
            if chain not in self._ends:
                walk = self._walk(chain)
                self._end(walk)
                self._report.behind += max(0, walk.at - walk.signed)
        self._report.chains = len(self._ends)
        self._check_ends()
        self._check_open()
        return self._report

    def _checkpoints(self, given: Checkpoint | None) -> None:
        previous, number, trusted = GENESIS, 0, True
        for checkpoint in self._file.checkpoints():
            if checkpoint.number != number + 1:
                self._add(
                    Kind.CHECKPOINT_MISSING, number + 1, checkpoint.number - 1, "it is not there"
                )
                trusted = False
            if given is not None and _contradict(given, checkpoint):
                self._add(Kind.CHECKPOINT_FORGED, given.number, given.number, "not the one given")
                checkpoint = given  # noqa: PLW2901 - known from outside, so it is the one
            body = self._genuine(checkpoint)
            if body is not None and trusted and body.previous != previous:
                self._add(
                    Kind.CHECKPOINT_UNLINKED,
                    checkpoint.number,
                    checkpoint.number,
                    "it does not name the one before",
                )
            if body is not None:
                self._follow(body)
            number, previous = checkpoint.number, body_hash(checkpoint.body)
            trusted = body is not None
            self._report.checkpoints += 1
        if given is not None and given.number > number:
            self._add(
                Kind.ROLLED_BACK, number + 1, given.number, "the given checkpoint is newer than all"
            )
            self._follow(parse_body(given.body))

    def _genuine(self, checkpoint: Checkpoint) -> CheckpointBody | None:
        """Return a checkpoint's body if it is signed and agrees with itself."""
        number = checkpoint.number
        if not self._keys.signed(checkpoint):
            self._add(Kind.CHECKPOINT_FORGED, number, number, "not signed by a key given")
            return None
        try:
            body = parse_body(checkpoint.body)
        except BodyInvalid:
            self._add(Kind.CHECKPOINT_FORGED, number, number, "signed, but not readable")
            return None
        agrees = (body.number, body.time) == (number, checkpoint.time) and all(
            CompactRange(mark.size, mark.nodes).root() == mark.root for mark in body.chains
        )
        if not agrees:
            self._add(Kind.CHECKPOINT_FORGED, number, number, "its columns deny its body")
            return None
        return body

    def _follow(self, body: CheckpointBody) -> None:
        for mark in body.chains:
            end = self._ends.get(mark.chain)
            if end is not None:
                continue  # ended in an earlier one; a start record's claim is checked anyway
            walk = self._walk(mark.chain)
            walk.follow(mark)
            if mark.ended:
                self._end(walk)
                if walk.at > mark.size:
                    walk.found(Kind.ADDED, mark.size + 1, walk.at, "behind the chain's end")
        self._report.last_checkpoint = max(self._report.last_checkpoint, body.number)
        self._report.last_time = max(self._report.last_time, body.time)

    def _walk(self, chain: str) -> ChainWalk:
        walk = self._walks.get(chain)
        if walk is None:
            walk = self._walks[chain] = ChainWalk(self._file, chain, self._report)
        return walk

    def _end(self, walk: ChainWalk) -> None:
        """Finish a chain, and keep no more of it than its end."""
        walk.finish(self._stored.get(walk.chain))
        for claim in walk.ended:
            self._claims.setdefault(claim.chain, []).append(claim)
        self._ends[walk.chain] = _End(walk.at, walk.head, walk.touched)
        self._walks.pop(walk.chain, None)

    def _check_ends(self) -> None:
        """Compare where chains ended with what their successors' first records say."""
        for chain, claims in sorted(self._claims.items()):
            at, head, touched = self._ends.get(chain, _End(0, GENESIS, touched=False))
            claim = claims[0]
            if len(claims) > 1:
                self._found(Kind.FORK, chain, claim.sequence, "two chains say they ended it")
            if at > claim.sequence:
                self._report.add(
                    Kind.FORK, chain, claim.sequence + 1, at, "the chain had been ended before"
                )
            elif at < claim.sequence:
                if not touched:
                    self._report.add(
                        Kind.TRUNCATED, chain, at + 1, claim.sequence, "its successor knew of it"
                    )
            elif head != claim.hash and not touched:
                self._found(Kind.EDITED, chain, at, "it is not what its successor saw")

    def _check_open(self) -> None:
        """Report forks: chains that are open although a successor ended them, or should have.

        Where a store is one process's, a successor has ended all chains but one. Where several
        share it, many are open, and what died last is ended by whoever starts next.
        """
        still_open = sorted(chain for chain, stored in self._stored.items() if not stored.ended)
        if self._file.shared:
            forks = [chain for chain in still_open if chain in self._claims]
        else:
            forks = still_open[:-1]
        for chain in forks:
            self._found(Kind.FORK, chain, self._ends[chain].at, "no successor has ended it")
        for chain, stored in sorted(self._stored.items()):
            if stored.ended and chain not in self._claims and not self._lost_successor(stored):
                self._found(Kind.FORK, chain, stored.sequence, "it was ended by no known chain")

    def _lost_successor(self, stored: StoredChain) -> bool:
        """Tell whether some chain's first record was touched: its claims are not known then."""
        return any(end.touched for chain, end in self._ends.items() if chain != stored.chain)

    def _found(self, kind: Kind, chain: str, number: int, why: str) -> None:
        self._report.add(kind, chain, number, number, why)

    def _add(self, kind: Kind, first: int, last: int, why: str) -> None:
        self._report.add(kind, "", first, last, why)


def _contradict(given: Checkpoint, stored: Checkpoint) -> bool:
    """Tell whether there were two histories: one number, two bodies."""
    return given.number == stored.number and given.body != stored.body
