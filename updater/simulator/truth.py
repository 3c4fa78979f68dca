"""Tell where cards stand once everything was sent: what a vault should know that took it all in.

It is told by the script alone; faults that are switched on for a run are not known here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from updater.simulator.ledger import Expiry, Outcome
from updater.simulator.numbers import CardNumber
from updater.simulator.plan import lost_days
from updater.simulator.request import Case, Question
from updater.simulator.rows import NEWS, Says
from updater.simulator.rules import Rules
from updater.simulator.screening import asked_expiry
from updater.simulator.story import Kind, Mark, Story
from updater.simulator.teller import Teller


class Status(StrEnum):
    """Say what was told about a card beside its number and expiry."""

    ACTIVE = "active"
    CLOSED = "closed"
    CONTACT = "contact"
    CLOSED_OR_CONTACT = "closed or contact"
    OPTED_OUT = "opted out"


_STATUS: Final = {
    Says.CLOSED: Status.CLOSED,
    Says.CONTACT: Status.CONTACT,
    Says.CLOSED_OR_CONTACT: Status.CLOSED_OR_CONTACT,
    Says.OPTED_OUT: Status.OPTED_OUT,
}


_UNSAID: Final = frozenset({Mark.OMITTED, Mark.CUT, Mark.LOST})


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold where one card stands. `final`, `expiry` and `status` are the issuer's word.

    `determined` tells whether what is sent says so, without a doubt, to whoever reads all of it;
    if not, the updater has to leave the card as it is, or to put what it can't decide before
    somebody.
    """

    asked: CardNumber
    chain: tuple[CardNumber, ...]  # from the number asked about to the final one
    expiry: Expiry | None  # of the final number; None: neither asked nor told
    status: Status
    determined: bool
    news: bool  # the card did change
    outcome: Outcome | None  # the issuer's first; None: it was never asked
    marks: frozenset[Mark]
    rows: Mapping[str, int] = field(default_factory=dict)  # sent about it, by code

    @property
    def final(self) -> CardNumber:
        """Return the number that the card has in the end."""
        return self.chain[-1]


def standings(rules: Rules, case: Case) -> Iterator[tuple[Question, Standing]]:
    """Yield where one request leaves each card it asks about.

    Questions whose number could be no card's at all are left out.
    """
    teller, lost = Teller(rules, case), lost_days(rules, case.identity)
    for question in case.request.questions:
        found = _standing(rules, case, question, teller, lost)
        if found is not None:
            yield question, found


class Truths:
    """Follow some cards from request to request, to their numbers' numbers."""

    def __init__(self, rules: Rules, numbers: Iterable[CardNumber]) -> None:
        self._rules: Final = rules
        # By a number, the cards that may have it by now.
        self._following: Final = {each.reveal(): {each} for each in numbers}
        self._found: Final[dict[CardNumber, Standing]] = {}

    def after(self, cases: Iterable[Case]) -> Mapping[CardNumber, Standing]:
        """Return the cards that were asked about, after `cases`, which come in order."""
        for case in cases:
            teller, lost = Teller(self._rules, case), lost_days(self._rules, case.identity)
            for question in case.request.questions:
                cards = self._following.get(question.number)
                if cards:
                    found = _standing(self._rules, case, question, teller, lost)
                    if found is not None:
                        for card in tuple(cards):
                            self._add(card, found)
        return self._found

    def _add(self, card: CardNumber, told: Standing) -> None:
        before = self._found.get(card)
        after = told if before is None else _joined(before, told)
        self._found[card] = after
        # Whoever could not tell may go on asking about any of them.
        for number in after.chain:
            self._following.setdefault(number.reveal(), set()).add(card)


def _joined(before: Standing, told: Standing) -> Standing:
    """Return where a card stands after a later request about one of its numbers."""
    merged = replace(
        before, marks=before.marks | told.marks, rows=Counter(before.rows) + Counter(told.rows)
    )
    if not told.news or told.asked not in before.chain:
        return merged
    if told.asked != before.final and before.determined and told.final in before.chain:
        return merged  # the old story once more
    if told.marks & _UNSAID and _same(before, told):
        return merged  # what was not said this time was known
    known = before.chain[: before.chain.index(told.asked)]
    return replace(
        merged,
        chain=(*known, *told.chain),
        expiry=told.expiry,
        status=told.status,
        determined=told.determined,
        news=True,
        outcome=told.outcome,
    )


def _same(one: Standing, other: Standing) -> bool:
    return (one.final, one.expiry, one.status) == (other.final, other.expiry, other.status)


def _standing(
    rules: Rules, case: Case, question: Question, teller: Teller, lost: frozenset[int]
) -> Standing | None:
    story = teller.story(question)
    chain, expiry = tuple(story.chain), story.expiry
    if not chain:  # refused: whatever it is, it stays as it is
        asked = _number(question.number)
        if asked is None:
            return None
        chain, expiry = (asked,), asked_expiry(question)
    marks, determined = set(story.marks), story.determined
    if lost and _is_lost(story, lost):
        marks.add(Mark.LOST)
        determined = False
    told = [sent.row for sent in story.sent if sent.kind is not Kind.UNASKED]
    return Standing(
        asked=chain[0],
        chain=chain,
        expiry=expiry,
        status=_STATUS.get(story.says, Status.ACTIVE) if story.says else Status.ACTIVE,
        determined=determined,
        news=story.says in NEWS,
        outcome=story.outcome,
        marks=frozenset(marks),
        rows=Counter(rules.form.code(case.request, row) for row in told),
    )


def _is_lost(story: Story, lost: frozenset[int]) -> bool:
    """Tell whether some news is in no file that can be used."""
    news = [sent for sent in story.sent if sent.row.says in NEWS and sent.kind is not Kind.UNASKED]
    needed = {sent.row.step for sent in news}
    return needed != {sent.row.step for sent in news if sent.day not in lost}


def _number(digits: str) -> CardNumber | None:
    try:
        return CardNumber(digits)
    except ValueError:
        return None
