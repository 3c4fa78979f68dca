"""Judge cards: where the answers determine it, the vault is the simulator's ledger.

Every other card is as it was, or as something says that was sent about it, and somebody is told:

- OMITTED (its news was never sent): as it was; its inquiry is an INQUIRY_UNANSWERED exception.
- CONTRADICTED (two rows of one file disagree): as it was; each row is an exception of the card's.
- CUT (the first step of its chain was never sent): as it was; the other steps wait, parked.
- CYCLE (given its first number back, in one file or without file times): one of the chain's
  numbers, and an exception of the card's; or as it was.
- LOST (its row is in a file that can't be used and never came again): as OMITTED.
- UNKNOWN CODE is determined (there was no news), and is an exception all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.oracle.record import Breach, Finding, Seen, Stored, Traces, Truth

ACTIVE: Final = "ACTIVE"
STATUSES: Final[Mapping[str, str]] = {
    "active": ACTIVE,
    "closed": "CLOSED",
    "contact": "NEEDS_CARDHOLDER",
    "closed or contact": "NEEDS_CARDHOLDER",  # the tenant's policy is the default one
    "opted out": ACTIVE,
}
"""The simulator's words for the vault's (api.md, "Lifecycle")."""

HOLDS: Final[Mapping[str, str]] = {
    "closed or contact": "RECURRING_STOPPED",
    "opted out": "UPDATER_OPTED_OUT",
}
OMITTED: Final = "omitted"
LOST: Final = "lost"
CONTRADICTED: Final = "contradicted"
CUT: Final = "cut"
CYCLE: Final = "cycle"
CORRECTED: Final = "corrected"
UNKNOWN_CODE: Final = "unknown code"


@dataclass(frozen=True, slots=True)
class Inquiries:
    """What is known of inquiries: which had no full answer in time, and which have parked rows."""

    unanswered: Collection[str]
    parked: Collection[str]


def steps_of(card: Stored, truth: Truth) -> int:
    """Return how often a card's number or expiry has to have changed."""
    if not truth.news:
        return 0
    if CORRECTED in truth.marks:  # wrong at first, then right
        return 2
    if len(truth.chain) > 1:
        return len(truth.chain) - 1
    return int(truth.final.expiry != card.contents.expiry)


def judge_card(
    card: Stored, truth: Truth | None, seen: Seen | None, traces: Traces, inquiries: Inquiries
) -> Iterator[Finding]:
    """Yield what is wrong with one card. `truth` is None for a card that nobody asked about."""
    if seen is None or seen.contents is None:
        yield Finding(Breach.CARD_MISSING, card.token)
        return
    if traces.applied > seen.version - 1:
        yield Finding(Breach.TWICE, card.token, f"{traces.applied} over {seen.version} versions")
    if truth is None:
        if not _untouched(card, seen):
            foreign = card.tenant != HOME
            yield Finding(Breach.OTHER_TENANT if foreign else Breach.TOUCHED, card.token)
        return
    if truth.determined:
        yield from _determined(card, truth, seen)
        if UNKNOWN_CODE in truth.marks and not traces.exceptions:
            yield Finding(Breach.NO_TRACE, card.token, UNKNOWN_CODE)
        return
    yield from _undetermined(card, truth, seen, traces, inquiries)


HOME: Final = "demo"
"""The tenant whose cards the updater asks about."""


def _determined(card: Stored, truth: Truth, seen: Seen) -> Iterator[Finding]:
    marks = ", ".join(sorted(truth.marks))
    if seen.contents != truth.final:
        yield Finding(Breach.CONTENTS, card.token, marks)
    if seen.status != STATUSES[truth.status]:
        yield Finding(Breach.STATUS, card.token, f"{seen.status}, {truth.status}: {marks}")
    hold = HOLDS.get(truth.status)
    if seen.holds != ({f"{hold}/{card.account}"} if hold else set()):
        yield Finding(Breach.HOLDS, card.token, f"{truth.status}: {marks}")
    if seen.version != 1 + steps_of(card, truth):
        said = f"{seen.version} after {steps_of(card, truth)} steps: {marks}"
        yield Finding(Breach.VERSIONS, card.token, said)


def _undetermined(
    card: Stored, truth: Truth, seen: Seen, traces: Traces, inquiries: Inquiries
) -> Iterator[Finding]:
    marks, untouched = truth.marks, _untouched(card, seen)
    if marks & {OMITTED, LOST}:
        rule, stands, told = OMITTED, untouched, truth.inquiry in inquiries.unanswered
    elif CONTRADICTED in marks:
        rule, stands, told = CONTRADICTED, untouched, traces.exceptions > 0
    elif CYCLE in marks:
        assert seen.contents is not None
        rule, told = CYCLE, traces.exceptions > 0
        stands = seen.contents.number in truth.chain and seen.status == ACTIVE
        stands = stands and seen.version <= len(truth.chain)
    elif CUT in marks:
        rule, stands, told = CUT, untouched, truth.inquiry in inquiries.parked
    else:
        yield Finding(Breach.UNRULED, card.token, ", ".join(sorted(marks)))
        return
    if not stands:
        yield Finding(Breach.GUESSED, card.token, rule)
    if not told:
        yield Finding(Breach.NO_TRACE, card.token, rule)


def _untouched(card: Stored, seen: Seen) -> bool:
    same = seen.contents == card.contents and seen.status == ACTIVE
    return same and not seen.holds and seen.version == 1
