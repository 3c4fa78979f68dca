"""What a proof came to: in lines for whoever runs it, and as the page that is committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.bench.machine import Machine
from tests.oracle.outcome import Proven
from tests.oracle.record import Sent

_ROWS: Final[Mapping[str, str]] = {
    "APPLIED": "applied",
    "NO_CHANGE": "no change",
    "DUPLICATE": "duplicate",
    "STALE": "stale",
    "PARKED": "parked",
    "CONFLICT": "conflict, with an exception",
    "EXCEPTION": "not brought to the vault, or refused there, with an exception",
    "NOT_FOUND": "about a number that no enrolled card has or had",
    "QUARANTINED": "in files that were quarantined whole",
}


def report(proven: Proven) -> str:
    """Return what a proof came to, in lines; no number of a card is in it."""
    verdict, plan, scanned = proven.verdict, proven.plan, proven.scan
    ledgers = verdict.ledgers
    lines = [
        (
            f"seed {plan.seed}: {ledgers.sent.total():,} answers, {ledgers.sent[Sent.GOOD]:,} "
            f"of them in good files ({plan.answers:,} were asked for)"
        ),
        *(f"  {count:>9,} {_ROWS[name]}" for name, count in ledgers.rows.most_common()),
        "rows in good files: " + _counted(proven.kinds),
        "files: " + _counted(verdict.files),
        "exceptions: " + _counted(verdict.exceptions),
        "cards: " + _counted(verdict.cards),
        "marks: " + _counted(verdict.marks),
        f"kills: {_counted(proven.kills)}; files approved: {proven.approved}",
        "seconds: " + ", ".join(f"{name} {s:.1f}" for name, s in proven.seconds.items()),
        f"{proven.rate:,.0f} answers/s over the whole {sum(proven.seconds.values()):.0f} s",
        f"audit: {proven.audit or 'intact'}",
        (
            f"numbers on disk: {scanned.found} of {scanned.numbers:,} looked for in "
            f"{scanned.scanned:,} of {scanned.there:,} bytes"
        ),
        *(f"BREACH {count} times: {name}" for name, count in verdict.breaches.most_common()),
        *(f"  {each}" for each in verdict.findings[:20]),
    ]
    return "\n".join(lines)


def write_page(path: Path, proven: Proven, machine: Machine) -> None:
    """Write the page about a proof in which all was right."""
    verdict, plan, scanned = proven.verdict, proven.plan, proven.scan
    ledgers = verdict.ledgers
    good = ledgers.sent[Sent.GOOD]
    repeated = proven.kinds["duplicate"] / (good - proven.kinds["duplicate"])
    silent = verdict.marks["untold"] + verdict.marks["omitted"]
    moved = verdict.marks["moved"] / (sum(verdict.cards[each] for each in _ASKED) - silent)
    text = f"""# The updater against the oracle

Written by `make proof`; what is judged, and how, is in `tests/oracle`.

{machine.date}, commit {machine.commit}, `{machine.command}`, seed {plan.seed}; {machine.cores}
cores of {machine.cpu}, Linux {machine.kernel}, Python {machine.python}.

- **{good:,} answers in good files**, {ledgers.sent.total():,} with copies of files and files that
  can't be used; {repeated:.0%} of the rows come a second time, {moved:.0%} of the cards' rows in
  another place. Three channels, one for each format; six simulated days.
- **{sum(proven.kills.values())} kills** (SIGKILL, started again at once): {_counted(proven.kills)}.
  {proven.approved} held files were approved.
- **{verdict.cards["determined"]:,} cards whose truth the answers determine: the vault equals the
  simulator's ledger** in number, expiry, status, holds, and in how many versions led there.
- {verdict.cards["undetermined"]:,} cards that nobody can decide are as they were, or as a row said,
  and are parked or an exception; {verdict.cards["nobody asked"]:,} bystanders that hold the same
  numbers, some of another tenant, are as they were.
- Audit intact; {scanned.numbers:,} numbers looked for in {scanned.scanned:,} bytes of the
  {scanned.there:,} that were left on disk: {scanned.found} found.
- {sum(proven.seconds.values()) / 60:.0f} minutes in all, {proven.rate:,.0f} answers a second.

Every answer is accounted for, once, and the totals balance:

{_table(("rows", "became"), ((f"{n:,}", _ROWS[name]) for name, n in ledgers.rows.most_common()))}
{_row(f"**{ledgers.rows.total():,}**", "**in all: as many as were sent**")}

What the simulator did to them:

{_table(("cards", "mark"), ((f"{n:,}", name) for name, n in verdict.marks.most_common()))}

{_table(("files", "state"), ((f"{n:,}", name) for name, n in verdict.files.most_common()))}

{_table(("exceptions", "kind"), ((f"{n:,}", name) for name, n in verdict.exceptions.most_common()))}
"""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


_ASKED: Final = ("determined", "undetermined")


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [_row(*head), "| ---: | --- |", *(_row(*each) for each in rows)]
    return "\n".join(lines)


def _row(one: str, other: str) -> str:
    return f"| {one} | {other} |"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
