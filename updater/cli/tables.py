"""Reports as tables and as data. They hold counts and file names, never card data."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from cardvault.updater.v1 import updater_service_pb2 as pb
from rich.console import Console, RenderableType
from rich.table import Table

from updater.domain.feed import Incident
from updater.usecases.report import CycleReport


def report_tables(report: CycleReport) -> Iterator[Table]:
    """Yield a cycle's report: what was done, then answers by outcome and disposition."""
    done = table_of("Updater cycle", ("step", "count"), numbers=("count",))
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
        add(done, name, str(count))
    yield done
    answers = table_of("Answers", ("outcome", "disposition", "shadow", "count"), numbers=("count",))
    for outcome, disposition, shadow, count in _counts(report):
        add(answers, outcome, disposition, would(shadow=shadow), str(count))
    yield answers


def report_as_data(report: CycleReport) -> dict[str, Any]:
    """Return a cycle's report for other programs."""
    return {
        "enrolled": report.enrolled,
        "inquiries": report.inquiries,
        "records_asked": report.records_asked,
        "files": {taken.value: count for taken, count in report.taken.items()},
        "answers": [
            {"outcome": outcome, "disposition": disposition, "shadow": shadow, "count": count}
            for outcome, disposition, shadow, count in _counts(report)
        ],
        "feed_files": list(report.feed_ids),
        "unanswered": report.unanswered,
        "awaiting": report.awaiting,
        "trouble": list(report.trouble),
    }


def exceptions_table(incidents: Sequence[Incident]) -> Table:
    """Return what an operator has to look at."""
    table = table_of(
        "Exceptions",
        ("id", "opened", "kind", "reason", "channel", "file", "record", "token"),
        ("state", "resolution"),
        numbers=("record",),
    )
    for each in incidents:
        add(
            table,
            str(each.exception_id),
            when(each.opened_at),
            each.kind.value,
            each.reason,
            each.channel,
            each.feed_id,
            str(each.ordinal or ""),
            each.token,
            each.state.value,
            each.resolution,
        )
    return table


def channels_table(channels: Iterable[pb.Channel]) -> Table:
    """Return channels as a tenant has them."""
    table = table_of("Channels", ("channel", "format", "brands", "shadow", "rests", "since", "by"))
    for each in channels:
        pause = each.pause
        add(
            table,
            each.channel,
            each.format,
            ", ".join(each.brands),
            would(shadow=each.shadow),
            pause.reason,
            when(pause.pause_time.ToMicroseconds()),
            pause.paused_by,
        )
    return table


def table_of(title: str, *columns: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    """Return an empty table whose long texts go on in the next line; `numbers` stand right."""
    table = Table(title=title)
    for name in (each for part in columns for each in part):
        table.add_column(name, overflow="fold", justify="right" if name in numbers else "left")
    return table


def add(table: Table, *cells: str) -> None:
    """Add a row. Names of files are others' words: nothing in them may move a terminal's cursor."""
    table.add_row(*("".join(c if c.isprintable() else "?" for c in cell) for cell in cells))


def would(*, shadow: bool) -> str:
    """Return the mark of answers that changed nothing: what is beside it would have been done."""
    return "would" if shadow else ""


def printed(shown: RenderableType | Sequence[RenderableType], data: Any, *, as_json: bool) -> None:
    """Print tables for people, or data for programs."""
    if as_json:
        click.echo(json.dumps(data))
        return
    parts = (shown,) if isinstance(shown, str) or not isinstance(shown, Sequence) else shown
    console = Console(markup=False, emoji=False, highlight=False)
    for part in parts:
        console.print(part)


def when(at: int | None) -> str:
    """Return µs since the epoch as a readable time, UTC; nothing for never."""
    if not at:
        return ""
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _counts(report: CycleReport) -> list[tuple[str, str, bool, int]]:
    return sorted(
        (counted.outcome.value, counted.disposition.value, counted.shadow, count)
        for counted, count in report.counts.items()
    )
