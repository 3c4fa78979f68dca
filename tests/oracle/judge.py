"""Judge a whole proof, part by part: files and their answers first, then cards, then totals.

It reads nothing: whoever has the parts, from services that run or from a record, gives them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.oracle.judge_cards import Inquiries, judge_card
from tests.oracle.judge_files import (
    BRINGS_CONTENTS,
    FILE,
    PARKED,
    by_answer,
    each_name,
    judge_file,
    judge_listing,
    judge_totals,
    judge_vault,
)
from tests.oracle.record import (
    Finding,
    Ledgers,
    Seen,
    SentFile,
    Stored,
    ToldAnswer,
    ToldException,
    ToldFile,
    Traces,
    Truth,
    VaultCounts,
)

_MOST_FINDINGS: Final = 1_000


@dataclass(slots=True)
class Verdict:
    """What a judgement came to."""

    findings: list[Finding] = field(default_factory=list)
    breaches: Counter[str] = field(default_factory=Counter)
    ledgers: Ledgers = field(default_factory=Ledgers)
    cards: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    exceptions: Counter[str] = field(default_factory=Counter)

    def add(self, findings: Iterator[Finding]) -> None:
        """Take in findings; after a thousand only how many of which kind."""
        for each in findings:
            self.breaches[each.breach.value] += 1
            if len(self.findings) < _MOST_FINDINGS:
                self.findings.append(each)

    @property
    def right(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.breaches


class Judge:
    """Judges one proof. Nothing is kept of a part but counts, and what later parts need."""

    def __init__(self) -> None:
        self.verdict: Final = Verdict()
        self._traces: Final[dict[str, Traces]] = defaultdict(Traces)
        self._parked: Final[set[str]] = set()
        self._inquiries = Inquiries(frozenset(), self._parked)
        self._about: Mapping[str, set[tuple[int, str]]] = {}
        self._aside: frozenset[str] = frozenset()

    def listing(
        self,
        sent: Sequence[SentFile],
        told: Sequence[ToldFile],
        exceptions: Sequence[ToldException],
    ) -> Sequence[tuple[SentFile, ToldFile]]:
        """Judge which files there are; return those that are to be judged one by one."""
        known = {(each.channel, each.name): each for each in told}
        states = {place: each.state for place, each in known.items()}
        names = [name for each in sent for name in each_name(each, states)]
        self.verdict.add(judge_listing(names, told))
        for one in exceptions:
            self.verdict.exceptions[one.kind] += 1
            if one.token:
                self._traces[one.token].exceptions += 1
        self._about = by_answer(exceptions)
        self._aside = frozenset(each.feed_id for each in exceptions if each.kind == FILE)
        unanswered = frozenset(each.inquiry for each in exceptions if each.inquiry)
        self._inquiries = Inquiries(unanswered, self._parked)
        places = ((each, known.get((each.channel, each.name))) for each in names)
        return [(each, file) for each, file in places if file is not None]

    def file(self, sent: SentFile, told: ToldFile, answers: Sequence[ToldAnswer]) -> None:
        """Judge one file by its answers."""
        verdict, feed_id = self.verdict, told.feed_id
        verdict.files[told.state + (", after approval" if told.decided_by else "")] += 1
        verdict.add(
            judge_file(
                sent,
                told,
                answers,
                self._about.get(feed_id, set()),
                set_aside=feed_id in self._aside,
                ledgers=verdict.ledgers,
            )
        )
        for each in answers:
            if each.disposition == PARKED:
                self._parked.add(told.inquiry)
            if each.disposition == "APPLIED" and each.outcome in BRINGS_CONTENTS:
                self._traces[each.token].applied += 1

    def card(self, card: Stored, truth: Truth | None, seen: Seen | None) -> None:
        """Judge one card; after all files."""
        traces = self._traces.get(card.token) or Traces()
        self.verdict.add(judge_card(card, truth, seen, traces, self._inquiries))
        if truth is None:
            self.verdict.cards["nobody asked"] += 1
            return
        self.verdict.cards["determined" if truth.determined else "undetermined"] += 1
        self.verdict.marks.update(truth.marks or ("plain",))

    def totals(self, asked_for: int, vault: VaultCounts, twins: int) -> Verdict:
        """Judge the totals; at the end."""
        self.verdict.add(judge_totals(self.verdict.ledgers, asked_for))
        self.verdict.add(judge_vault(self.verdict.ledgers, vault, twins))
        return self.verdict
