"""What must be true when all is well again and everything has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from chassis.events.ports import Event
from tests.doubles.decide_invariants import check_cards, check_fingerprints, check_pointers
from tests.seeds.database import Database
from tests.seeds.installation import Installation
from tests.seeds.judge import Judge
from tests.seeds.life import SWEEP
from tests.seeds.ops import HOUR_US
from tests.seeds.promises import Findings, Promise
from tests.seeds.trace import Trace
from vault.crypto.checkpoints import ChainMark, PublicKeys, body_hash, parse_body
from vault.crypto.merkle import CompactRange, leaf_hash
from vault.domain.audit import GENESIS

SLACK_US: Final = 200_000_000
UNSIGNED: Final = "records are not in any checkpoint"


@dataclass
class Delivered:
    """Hears what the bus delivers: at least once, in order for each card, nothing made up."""

    judge: Judge
    findings: Findings
    trace: Trace
    reached: Counter[str] = field(default_factory=Counter)
    again: int = 0

    def __call__(self, event: Event) -> None:
        token, revision = event.subject, event.revision
        self.trace.note("event", token, revision)
        self.findings.check(
            self.judge.events.get((token, revision)) == event.payload,
            Promise.EVENTS,
            f"revision {revision} of {token} was delivered and never committed",
        )
        reached = self.reached[token]
        self.findings.check(
            revision <= reached + 1,
            Promise.EVENTS,
            f"{token} is at event {reached}, and {revision} was delivered",
        )
        self.again += revision <= reached
        self.reached[token] = max(reached, revision)


@dataclass
class Ending:
    """Tells whether all has come to rest, and judges what is there then."""

    database: Database
    installation: Installation
    judge: Judge
    delivered: Delivered
    findings: Findings

    def unsettled(self) -> str:
        """Return what is still under way; empty where all is at rest."""
        tables = self.database.tables
        if tables.outbox:
            return "events wait"
        living = {life.chain for life in self.installation.living()}
        if len(living) < len(self.installation.slots):
            return "a process does not serve"
        if set(tables.heads) - tables.ended - living:
            return "a dead process's chain is open"
        marks = self._last_marks()
        if any(
            chain not in marks or marks[chain].size < head.sequence
            for chain, head in tables.heads.items()
        ):
            return UNSIGNED
        return ""

    def overdue(self) -> str:
        """Return what should have been swept by now; empty for nothing."""
        # Clocks differ: whose is behind sweeps later.
        now = self.judge.wall.us() - SLACK_US
        model, tables = self.judge.model, self.database.tables
        for card in model.cards.values():
            due = 0 < card.expires <= now or (card.status == "DELETED" and card.purge <= now)
            if due and not (card.legal or card.erased):
                return f"{card.token} is not erased"
            if not card.legal and any(
                kept.purge <= now and not kept.gone for kept in card.versions[:-1]
            ):
                return f"a version of {card.token} is still there"
        if any(
            r.create_time < now - SWEEP.request_age_us - HOUR_US for r in tables.requests.values()
        ):
            return "a request id is still known"
        if any(at < now - SWEEP.answer_age_us - HOUR_US for _told, at in tables.applied.values()):
            return "an answer is still known"
        return ""

    def judged(self) -> None:
        """Check everything that is stored against the model."""
        tables, judge = self.database.tables, self.judge
        try:
            check_cards(tables, judge.model)
            check_fingerprints(tables, judge.model)
            check_pointers(tables, judge.model, judge.wall.us())
        except AssertionError:
            self.findings.broken(Promise.RIGHT, "the tables are not what the model has")
        # What was committed in the very stop waits for the next process.
        waiting = {(row.token, row.revision) for row in tables.outbox.values()}
        for token, card in judge.model.cards.items():
            behind = range(self.delivered.reached[token] + 1, card.revision + 1)
            self.findings.check(
                all((token, revision) in waiting for revision in behind),
                Promise.EVENTS,
                f"an event of {token} was lost",
            )
        self.findings.check(
            tables.heads == judge.heads, Promise.CHAINS, "a head is not its chain's"
        )
        self._checkpoints()

    def _last_marks(self) -> dict[str, ChainMark]:
        marks: dict[str, ChainMark] = {}
        for number in sorted(self.database.tables.checkpoints):
            body = parse_body(self.database.tables.checkpoints[number].body)
            marks |= {mark.chain: mark for mark in body.chains}
        return marks

    def _checkpoints(self) -> None:
        """Grow every chain's tree once more, and compare it with each mark that was signed."""
        tables = self.database.tables
        keys = [key.public for life in self.installation.lives for key in life.public]
        public = PublicKeys(*keys[:1])
        signed = [tables.checkpoints[number] for number in sorted(tables.checkpoints)]
        bodies = [parse_body(each.body) for each in signed]
        check = self.findings.check
        # Each one names the one before, so the last one's signature speaks for all.
        check(not signed or public.signed(signed[-1]), Promise.SIGNED, "the last is not signed")
        check(
            not bodies or bodies[0].previous == GENESIS, Promise.SIGNED, "the first is not linked"
        )
        for (before, _older), (each, body) in pairwise(zip(signed, bodies, strict=True)):
            linked = body.previous == body_hash(before.body) and each.number == before.number + 1
            check(linked, Promise.SIGNED, f"checkpoint {each.number} is not linked")
        trees = {chain: list(_grown(self._records(chain))) for chain in tables.heads}
        ended: dict[str, int] = {}
        for body in bodies:
            for mark in body.chains:
                grown = trees.get(mark.chain, [])
                right = 0 < mark.size <= len(grown) and grown[mark.size - 1] == (
                    mark.head,
                    mark.nodes,
                )
                check(right, Promise.SIGNED, f"checkpoint {body.number} on {mark.chain}")
                # Who was ended while it slept may sign once more what it knows; it knows no more.
                last = ended.get(mark.chain, mark.size)
                check(mark.size <= last, Promise.SIGNED, f"{mark.chain} grew behind its end")
                if mark.ended:
                    ended[mark.chain] = mark.size
                    whole = mark.size == len(grown)
                    check(whole, Promise.SIGNED, f"{mark.chain} ended before its last record")
        # Whoever ended a chain signs its end; who has been ended is open in no checkpoint.
        missing = tables.ended - ended.keys()
        check(not missing, Promise.SIGNED, "an ended chain's end was never signed")

    def _records(self, chain: str) -> list[tuple[bytes, bytes]]:
        tables = self.database.tables
        last = tables.heads[chain].sequence
        rows = [tables.audit[chain, number] for number in range(1, last + 1)]
        return [(row.record, row.hash) for row in rows]


def _grown(records: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    tree = CompactRange()
    for record, digest in records:
        tree.append(leaf_hash(record))
        yield digest, tree.nodes
