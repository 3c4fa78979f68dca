"""Judge files: everything that was sent is accounted for, once, and the totals balance.

A row of a good file has one disposition for each card that it is about; every row of a copy is a
duplicate, and every row of a file that can't be used is quarantined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tests.oracle.record import (
    Breach,
    Finding,
    Ledgers,
    Sent,
    SentFile,
    ToldAnswer,
    ToldException,
    ToldFile,
    VaultCounts,
)

EXCEPTION: Final = "EXCEPTION"
"""Where a row ends that wasn't brought to the vault, or that it refused: with an operator."""
QUARANTINED: Final = "QUARANTINED"
DUPLICATE: Final = "DUPLICATE"
PARKED: Final = "PARKED"
ANSWER: Final = "ANSWER_NOT_APPLIED"
FILE: Final = "FILE_QUARANTINED"
_STATES: Final = {
    Sent.GOOD: "APPLIED",
    Sent.COPY: DUPLICATE,
    Sent.UNUSABLE: QUARANTINED,
}
# What each row comes to: the words, and the two that it leaves out.
_BECOMES: Final = {"": EXCEPTION, "REJECTED": EXCEPTION}
FOR_AN_OPERATOR: Final = frozenset({"", "CONFLICT", "REJECTED"})
BRINGS_CONTENTS: Final = frozenset({"PAN_UPDATED", "EXPIRY_UPDATED", "BRAND_CHANGED", "CORRECTED"})


def each_name(sent: SentFile, states: Mapping[tuple[str, str], str]) -> Iterator[SentFile]:
    """Yield a file and its copies; `states` tell by channel and name which of them came first."""
    names = (sent.name, *sent.again)
    first = next(
        (name for name in names if states.get((sent.channel, name)) != DUPLICATE), sent.name
    )
    for name in names:
        what = sent.what if name == first else Sent.COPY
        yield replace(sent, name=name, what=what, again=())


def judge_listing(sent: Sequence[SentFile], told: Sequence[ToldFile]) -> Iterator[Finding]:
    """Compare which files were sent with which are known, by channel and name."""
    ours = Counter((each.channel, each.name) for each in told)
    theirs = Counter((each.channel, each.name) for each in sent)
    for place, name in sorted((theirs - ours).keys()):
        yield Finding(Breach.FILE_LOST, f"{place}: {name}")
    for place, name in sorted((ours - theirs).keys()):
        yield Finding(Breach.FILE_UNSENT, f"{place}: {name}")


def judge_file(
    sent: SentFile,
    told: ToldFile,
    answers: Sequence[ToldAnswer],
    exceptions: Collection[tuple[int, str]],
    *,
    set_aside: bool,
    ledgers: Ledgers,
) -> Iterator[Finding]:
    """Judge one file, and count its rows.

    `exceptions` are those of its answers, by (ordinal, token); `set_aside`: there is one about the
    whole file.
    """
    name = sent.name
    ledgers.sent[sent.what] += sent.records
    if told.state != _STATES[sent.what]:
        yield Finding(Breach.FILE_STATE, name, f"{told.state}, sent as {sent.what}")
    if (sent.what is Sent.COPY) != bool(told.duplicate_of):
        yield Finding(Breach.FILE_STATE, name, "a copy names its original, and nothing else does")
    if (told.state == QUARANTINED) != set_aside:
        yield Finding(Breach.EXCEPTION_LOST, name, "a quarantined file has an exception")
    counted = Counter(answer.disposition for answer in answers)
    if counted != Counter({each: count for each, count in told.counts.items() if count}):
        yield Finding(Breach.COUNTS, name)
    expected = sent.records if sent.what is Sent.GOOD else 0
    yield from _rows(name, expected, answers)
    if told.records != (sent.records if told.state == "APPLIED" else 0):
        yield Finding(Breach.COUNTS, name, "its records")
    yield from _exceptions(name, answers, exceptions)
    _count(sent, answers, ledgers)


def _rows(name: str, expected: int, answers: Sequence[ToldAnswer]) -> Iterator[Finding]:
    ordinals = {answer.ordinal for answer in answers}
    lost = expected - len(ordinals & set(range(1, expected + 1)))
    if lost:
        yield Finding(Breach.ROW_LOST, name, f"{lost} of {expected}")
    extra = len(ordinals) - (expected - lost)
    if extra or len({(a.ordinal, a.token) for a in answers}) != len(answers):
        yield Finding(Breach.ROW_UNSENT, name, f"{extra} more than {expected}")


def _exceptions(
    name: str, answers: Sequence[ToldAnswer], exceptions: Collection[tuple[int, str]]
) -> Iterator[Finding]:
    due = {(a.ordinal, a.token) for a in answers if a.disposition in FOR_AN_OPERATOR}
    # What says nothing of the card is an exception each time it is said, to the letter or not.
    may = due | {(a.ordinal, a.token) for a in answers if a.outcome == "UNKNOWN"}
    there = set(exceptions)
    if due - there:
        yield Finding(Breach.EXCEPTION_LOST, name, f"{len(due - there)} of {len(due)}")
    if there - may:
        yield Finding(Breach.EXCEPTION_UNFOUNDED, name, f"{len(there - may)}")


def _count(sent: SentFile, answers: Sequence[ToldAnswer], ledgers: Ledgers) -> None:
    """Count each row once: by the first disposition, where it is about several cards."""
    brought = [answer for answer in answers if answer.disposition and not answer.own]
    ledgers.told += sum(bool(answer.token) for answer in brought)
    ledgers.parked += sum(answer.disposition == PARKED for answer in brought)
    if sent.what is Sent.COPY:
        ledgers.rows[DUPLICATE] += sent.records
    elif sent.what is Sent.UNUSABLE:
        ledgers.rows[QUARANTINED] += sent.records
    else:
        first = {answer.ordinal: answer.disposition for answer in reversed(answers)}
        for disposition, count in Counter(first.values()).items():
            ledgers.rows[_BECOMES.get(disposition, disposition)] += count


def judge_totals(ledgers: Ledgers, asked_for: int) -> Iterator[Finding]:
    """Balance what was sent against what is accounted for, and against what was promised."""
    sent, found = ledgers.sent.total(), ledgers.rows.total()
    if sent != found:
        yield Finding(Breach.TOTALS, "rows", f"{sent:,} sent, {found:,} accounted for")
    good = ledgers.sent[Sent.GOOD]
    if good < asked_for:
        yield Finding(Breach.TOTALS, "rows", f"{good:,} in good files, {asked_for:,} promised")


def judge_vault(ledgers: Ledgers, vault: VaultCounts, twins: int) -> Iterator[Finding]:
    """Balance the updater's answers with the vault's own tables.

    What the vault decided is what it was told of cards, and what it had parked and took up again:
    each of these for every card that has the number, so for one more where there are `twins`.
    """
    released = ledgers.parked - vault.waiting
    beyond = vault.decided - ledgers.told
    if released < 0 or not released <= beyond <= released + twins:
        said = (
            f"{vault.decided:,} decided, {ledgers.told:,} told; "
            f"{ledgers.parked:,} parked, {vault.waiting:,} waiting"
        )
        yield Finding(Breach.VAULT_TOTALS, "answers", said)


def by_answer(exceptions: Sequence[ToldException]) -> Mapping[str, set[tuple[int, str]]]:
    """Return the exceptions about answers, by file, as (ordinal, token)."""
    found: dict[str, set[tuple[int, str]]] = {}
    for each in exceptions:
        if each.kind == ANSWER:
            found.setdefault(each.feed_id, set()).add((each.ordinal, each.token))
    return found
