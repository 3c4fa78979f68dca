"""Write RELIABILITY.md from what the proof's last whole runs left; `--check` fails if stale."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from tests.proof.parts import PARTS, Part
from tests.proof.report import MOST_VIOLATIONS, Report, Row, read_report

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "RELIABILITY.md"
RUNS = ROOT / "docs" / "proof"
HEAD = """\
# Reliability

What was done to Cardvault, how often, what had to hold, and what came of it. Made by
`python tools/reliability_page.py` from `docs/proof/*.json`, which `make proof` writes: every number
here was printed by a run, whose seed, commit and machine stand beside it. Nobody edits this page.

    make proof                    # all of it, and this page; fails if a promise was broken
    make proof ARGS="power"       # one part of it
    make proof ARGS="power --volume 500 --seed 7"   # less, with another seed: nothing is kept

The same faults, fewer of each, are in `make test` and `make test-parts`. Each checker is itself
proven: faults are planted, and it has to name them.

Done is what a run counted, not what it was asked for: it ends early on what it finds, and one that
found nothing and did less has that for a violation. Each part speaks for the commit beside it;
`git diff --stat COMMIT -- vault chassis cards updater client` shows what has changed since.

"""


def page() -> str:
    """Return the page."""
    reports = {
        part.name: read_report(path)
        for part in PARTS
        if (path := RUNS / f"{part.name}.json").exists()
    }
    found = (RUNS / "found.md").read_text()
    parts = (_part(part, reports.get(part.name)) for part in PARTS)
    return HEAD + _summary(reports) + "\n" + "\n".join(parts) + "\n" + found


def _summary(reports: dict[str, Report]) -> str:
    lines = ["| part | done | violations | last whole run |", "| --- | --- | ---: | --- |"]
    for part in PARTS:
        report = reports.get(part.name)
        if report is None:
            lines.append(f"| {part.title} | not run whole yet | | |")
            continue
        lines.append(
            f"| {part.title} | {done(report)} | {broken(report)} "
            f"| {report.date}, commit {report.commit} |"
        )
    return "\n".join(lines) + "\n"


def done(report: Report) -> str:
    """Return how often a part's faults were really done: the first count of each row, added up."""
    counts: Counter[str] = Counter()
    for row in report.rows:
        for name, count in list(row.counts.items())[:1]:
            counts[name] += count
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "did not end"


def broken(report: Report) -> str:
    """Return how many violations there were; with a plus where a row has no room for more."""
    full = any(len(row.violations) >= MOST_VIOLATIONS for row in report.rows)
    return f"{len(report.violations)}{'+' if full else ''}"


def _part(part: Part, report: Report | None) -> str:
    if report is None:
        return f"## {part.title}\n\n`make proof ARGS={part.name}` has not been run whole yet.\n"
    lines = [
        f"## {part.title}",
        "",
        f"`make proof ARGS={part.name}`: seed {report.seed}, commit {report.commit},",
        f"{report.date}, {report.seconds / 60:.0f} minutes on {report.machine}.",
        "",
        "| fault | what was done | how often | what must hold | what was found |",
        "| --- | --- | --- | --- | --- |",
        *map(_row, report.rows),
        "",
    ]
    return "\n".join(lines)


def _row(row: Row) -> str:
    counted = ", ".join(f"{count:,} {name}" for name, count in row.counts.items())
    broken = "; ".join(f"**{each}**" for each in row.violations) or "no violation"
    found = f"{broken}; {row.found}" if row.found else broken
    cells = (row.fault, row.done, counted, row.holds, found)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main() -> None:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("RELIABILITY.md is stale: run python tools/reliability_page.py")


if __name__ == "__main__":
    main()
