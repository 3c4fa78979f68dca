"""Reports as tables and as data. They hold counts and file names, never card data."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from updater.domain.feed import FeedReport, Incident
from updater.usecases.cycle import CycleReport


def report_tables(report: CycleReport) -> Iterator[Table]:
    """Yield a cycle's report: what was done, then answers by outcome and disposition."""
    done = Table(title="Updater cycle")
    done.add_column("step")
    done.add_column("count", justify="right")
    rows = [
        ("enrolments new or changed", report.enrolled),
        ("inquiries sent", report.inquiries),
        ("records asked", report.records_asked),
        *((f"files {taken.value.lower()}", count) for taken, count in report.taken.items()),
        ("questions unanswered", report.unanswered),
        ("inquiries still awaiting answers", report.awaiting),
        *((f"put off: {reason}", 1) for reason in report.trouble),
    ]
    for name, count in rows:
        done.add_row(name, str(count))
    yield done
    answers = Table(title="Answers")
    answers.add_column("outcome")
    answers.add_column("disposition")
    answers.add_column("count", justify="right")
    for outcome, disposition, count in _counts(report):
        answers.add_row(outcome, disposition, str(count))
    yield answers


def report_as_data(report: CycleReport) -> dict[str, Any]:
    """Return a cycle's report for other programs."""
    return {
        "enrolled": report.enrolled,
        "inquiries": report.inquiries,
        "records_asked": report.records_asked,
        "files": {taken.value: count for taken, count in report.taken.items()},
        "answers": [
            {"outcome": outcome, "disposition": disposition, "count": count}
            for outcome, disposition, count in _counts(report)
        ],
        "feed_files": list(report.feed_ids),
        "unanswered": report.unanswered,
        "awaiting": report.awaiting,
        "trouble": list(report.trouble),
    }


def feeds_table(reports: Sequence[FeedReport]) -> Table:
    """Return the files that came in, newest first."""
    table = Table(title="Feed files")
    for name in ("received", "id", "name", "state", "records", "reason", "offset", "answers"):
        table.add_column(name, overflow="fold")
    for report in reports:
        file = report.file
        answers = ", ".join(
            f"{outcome.value}/{disposition.value if disposition else '-'}: {count}"
            for (outcome, disposition), count in report.counts.items()
        )
        placed = str(file.offset) if file.reason else ""
        state, records = file.state.value, str(file.records)
        row = (when(file.received_at), file.feed_id, file.name, state, records)
        table.add_row(*row, file.reason, placed, answers)
    return table


def exceptions_table(incidents: Sequence[Incident]) -> Table:
    """Return what an operator has to look at."""
    table = Table(title="Exceptions")
    for name in ("id", "opened", "kind", "subject", "reason", "offset", "resolution"):
        table.add_column(name, overflow="fold")
    for each in incidents:
        row = (str(each.exception_id), when(each.opened_at), each.kind.value, each.subject)
        table.add_row(*row, each.reason, str(each.offset or ""), each.resolution)
    return table


def when(at: int) -> str:
    """Return µs since the epoch as a readable time, UTC."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _counts(report: CycleReport) -> list[tuple[str, str, int]]:
    return sorted(
        (outcome.value, disposition.value if disposition else "", count)
        for (outcome, disposition), count in report.counts.items()
    )
