"""A small outcome of a proof, written by hand: every rule once, and all of it right.

Numbers are made of letters: nothing here looks into them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.judge import Judge, Verdict
from tests.oracle.record import (
    Contents,
    Seen,
    Sent,
    SentFile,
    Stored,
    ToldAnswer,
    ToldException,
    ToldFile,
    Truth,
    VaultCounts,
)

OLD = (2027, 1)
LATER = (2029, 5)
SHOP = "shop"
FIRST, SECOND = "inquiry-1", "inquiry-2"
PROMISED = 15
FREE: frozenset[str] = frozenset()


@dataclass(slots=True)
class Outcome:
    """All that a judge is given. Falsifications change it in place."""

    cards: dict[str, tuple[Stored, Truth | None]]
    seen: dict[str, Seen]
    sent: list[SentFile]
    told: list[ToldFile]
    answers: dict[str, list[ToldAnswer]]
    exceptions: list[ToldException]
    vault: VaultCounts


def judged(outcome: Outcome) -> Verdict:
    """Judge an outcome whole, in the order in which a proof does."""
    judge = Judge()
    for sent, told in judge.listing(outcome.sent, outcome.told, outcome.exceptions):
        judge.file(sent, told, outcome.answers.get(told.feed_id, []))
    for token, (card, truth) in outcome.cards.items():
        judge.card(card, truth, outcome.seen.get(token))
    return judge.totals(PROMISED, outcome.vault, 0)


def truth(
    chain: str,
    expiry: tuple[int, int] = OLD,
    status: str = "active",
    *marks: str,
    determined: bool = True,
    news: bool = True,
    inquiry: str = FIRST,
) -> Truth:
    """Return a word of the ledger: numbers are the letters of `chain`."""
    final = Contents(chain[-1], expiry)
    return Truth(inquiry, final, tuple(chain), status, determined, news, frozenset(marks))


def seen(
    number: str,
    expiry: tuple[int, int] = OLD,
    version: int = 1,
    status: str = "ACTIVE",
    holds: frozenset[str] = FREE,
) -> Seen:
    """Return what the vault shows."""
    return Seen(Contents(number, expiry), status, holds, version)


def stored(token: str, tenant: str = "demo", account: str = SHOP) -> Stored:
    """Return a card whose number is its token's first letter."""
    return Stored(token, tenant, account, Contents(token[0], OLD))


_CARDS: dict[str, tuple[Truth, Seen]] = {
    "a-current": (truth("a", news=False), seen("a")),
    "b-renumbered": (truth("bB", LATER), seen("B", LATER, 2)),
    "c-expiry": (truth("c", LATER), seen("c", LATER, 2)),
    "d-closed": (truth("d", OLD, "closed"), seen("d", status="CLOSED")),
    "e-contact": (truth("e", OLD, "contact"), seen("e", status="NEEDS_CARDHOLDER")),
    "f-either": (
        truth("f", OLD, "closed or contact"),
        seen("f", status="NEEDS_CARDHOLDER", holds=frozenset({f"RECURRING_STOPPED/{SHOP}"})),
    ),
    "g-opted-out": (
        truth("g", OLD, "opted out"),
        seen("g", holds=frozenset({f"UPDATER_OPTED_OUT/{SHOP}"})),
    ),
    "h-unknown": (truth("h", OLD, "active", "unknown code", news=False), seen("h")),
    "i-omitted": (truth("iI", LATER, "active", "omitted", determined=False), seen("i")),
    "j-contradicted": (truth("jJ", LATER, "active", "contradicted", determined=False), seen("j")),
    "k-cycle": (truth("kKk", LATER, "active", "cycle", determined=False), seen("K", LATER, 2)),
    "l-chain": (truth("lmL", LATER, "active", "chain", inquiry=SECOND), seen("L", LATER, 3)),
    "n-cut": (
        truth("noN", LATER, "active", "chain", "cut", determined=False, inquiry=SECOND),
        seen("n"),
    ),
    "p-corrected": (
        truth("pP", LATER, "active", "corrected", inquiry=SECOND),
        seen("P", LATER, 3),
    ),
}


def _answer(
    ordinal: int, token: str, outcome: str, disposition: str = "APPLIED", *, own: bool = False
) -> ToldAnswer:
    return ToldAnswer(ordinal, token, outcome, disposition, own)


def _told(
    name: str, state: str, answers: list[ToldAnswer], inquiry: str = "", **more: str
) -> ToldFile:
    counts: dict[str, int] = {}
    for each in answers:
        counts[each.disposition] = counts.get(each.disposition, 0) + 1
    return ToldFile(f"feed-{name}", "ch", name, state, inquiry, len(answers), counts, **more)


def recorded() -> Outcome:
    """Return the outcome; anew each time, so that it can be falsified."""
    cards: dict[str, tuple[Stored, Truth | None]] = {
        token: (stored(token), word) for token, (word, _) in _CARDS.items()
    }
    views = {token: view for token, (_, view) in _CARDS.items()}
    for bystander in (stored("b-beside", account=""), stored("b-abroad", "other")):
        cards[bystander.token] = (bystander, None)
        views[bystander.token] = seen("b")
    one = [
        _answer(1, "a-current", "VALID_NO_CHANGE", "NO_CHANGE"),
        _answer(2, "b-renumbered", "PAN_UPDATED"),
        _answer(3, "b-renumbered", "PAN_UPDATED", "DUPLICATE", own=True),
        _answer(4, "c-expiry", "EXPIRY_UPDATED"),
        _answer(5, "d-closed", "CLOSED"),
        _answer(6, "e-contact", "CONTACT_CARDHOLDER"),
        _answer(7, "f-either", "CLOSED_OR_CONTACT"),
        _answer(8, "g-opted-out", "OPTED_OUT"),
        _answer(9, "h-unknown", "UNKNOWN", ""),
        _answer(10, "j-contradicted", "PAN_UPDATED", "CONFLICT", own=True),
        _answer(11, "j-contradicted", "PAN_UPDATED", "CONFLICT", own=True),
        _answer(12, "k-cycle", "PAN_UPDATED"),
        _answer(13, "k-cycle", "PAN_UPDATED", "CONFLICT"),
    ]
    two = [
        _answer(1, "", "PAN_UPDATED", "PARKED"),  # of the chain: its second step came first
        _answer(2, "l-chain", "PAN_UPDATED"),
        _answer(3, "", "PAN_UPDATED", "PARKED"),  # of the chain without a beginning
        _answer(4, "p-corrected", "PAN_UPDATED"),
        _answer(5, "p-corrected", "CORRECTED"),
        _answer(6, "", "CLOSED", "NOT_FOUND"),
    ]
    return Outcome(
        cards=cards,
        seen=views,
        sent=[
            SentFile("ch", "one", Sent.GOOD, len(one), ("one.dup",)),
            SentFile("ch", "two", Sent.GOOD, len(two)),
            SentFile("ch", "torn", Sent.UNUSABLE, 9),
        ],
        told=[
            _told("one", "APPLIED", one, FIRST),
            _told("one.dup", "DUPLICATE", [], duplicate_of="feed-one"),
            _told("two", "APPLIED", two, SECOND, decided_by="operator"),
            _told("torn", "QUARANTINED", []),
        ],
        answers={"feed-one": one, "feed-two": two},
        exceptions=[
            ToldException("ANSWER_NOT_APPLIED", "feed-one", 9, "h-unknown", ""),
            ToldException("ANSWER_NOT_APPLIED", "feed-one", 10, "j-contradicted", ""),
            ToldException("ANSWER_NOT_APPLIED", "feed-one", 11, "j-contradicted", ""),
            ToldException("ANSWER_NOT_APPLIED", "feed-one", 13, "k-cycle", ""),
            ToldException("FILE_HELD", "feed-two", 0, "", ""),
            ToldException("FILE_QUARANTINED", "feed-torn", 0, "", ""),
            ToldException("INQUIRY_UNANSWERED", "", 0, "", FIRST),
        ],
        # Told of cards: nine of the first file, three of the second; and the parked step.
        vault=VaultCounts(decided=13, waiting=1),
    )
