"""Show results: tables in the terminal, and the same numbers in PERFORMANCE.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.phases import cards_in
from tests.bench.results import JUDGED_IN_FLIGHT, Bar, Cell, Results, bars_of

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"

Rows = list[tuple[str, ...]]
_CELLS: Final = (
    "call", "in flight", "CPU µs a call", "of it writer", "CPU µs a card", "to empty", "calls/s",
    "p50 ms", "p95 ms", "p99 ms", "entries a flush", "generator",
)  # fmt: skip
_BARS: Final = ("bar", "limit", "measured", "")


def sections(results: Results) -> list[tuple[str, tuple[str, ...], Rows]]:
    """Return every table as a title, its heads and its rows."""
    return [
        ("Against the bars", _BARS, _bars(bars_of(results))),
        ("Calls", _CELLS, [_cell(cell) for cell in results.cells]),
        ("Open loop", ("what", "measured"), _open_loop(results)),
        ("Disk", ("what", "measured"), _disk(results)),
        ("Machine", ("what", "which"), _machine(results)),
    ]


def _bars(bars: Iterable[Bar]) -> Rows:
    return [
        (
            bar.name,
            f"≤ {bar.limit:g} {bar.unit}",
            f"{bar.measured:.2f} {bar.unit}",
            "held" if bar.held else "MISSED",
        )
        for bar in bars
    ]


def _cell(cell: Cell) -> tuple[str, ...]:
    name = cell.operation + (
        f"({cards_in(cell.operation)})" if cards_in(cell.operation) > 1 else ""
    )
    return (
        f"empty, as {name}" if cell.empty else name,
        str(cell.in_flight),
        f"{cell.cpu_us:,.0f}",
        f"{cell.writer_us:,.0f}",
        "" if cell.empty else f"{cell.cpu_us_per_card:.1f}",
        "" if cell.empty else f"{cell.ratio:.2f}",
        f"{cell.calls_per_s:,.0f}",
        f"{cell.latency.p50:.2f}",
        f"{cell.latency.p95:.2f}",
        f"{cell.latency.p99:.2f}",
        "" if cell.empty else f"{cell.entries_per_flush:.1f}",
        f"{cell.generator_share:.0%}" + (" INVALID" if cell.invalid else ""),
    )


def _open_loop(results: Results) -> Rows:
    loop = results.open_loop
    latency, late = loop.latency, loop.lateness
    load = f"{loop.rate:,.0f} calls/s for {loop.seconds:g} s: {loop.calls:,} calls"
    told = f"p50 {latency.p50:.2f} · p95 {latency.p95:.2f} · p99 {latency.p99:.2f}"
    return [
        ("load", f"{load}, {loop.reveal_share:.0%} Detokenize, the rest Tokenize"),
        ("latency from the intended time, ms", f"{told} · most {latency.most:.2f}"),
        ("of it the generator's own delay, ms", f"p50 {late.p50:.2f} · p99 {late.p99:.2f}"),
        ("server CPU a call, µs", f"{loop.cpu_us:,.0f}"),
        ("generator", f"{loop.generator_share:.0%} of a core {loop.invalid and 'INVALID'}".strip()),
    ]


def _disk(results: Results) -> Rows:
    disk = results.disk
    tables = [f"{name} {size:,.0f}" for name, size in disk.bytes_by_table.items() if size >= 1]
    rows: Rows = [
        ("bytes a card, log emptied", f"{disk.bytes_per_card:,.0f} ({disk.cards:,} cards)"),
        ("of them by table, with indexes", ", ".join(tables) or "not told by this SQLite"),
    ]
    for operation, counts in disk.rows_per_call.items():
        told = ", ".join(f"{name} {count:g}" for name, count in sorted(counts.items()))
        kept = not any(text.startswith(f"{operation}:") for text in disk.over_budget)
        rows.append(
            (f"rows a {operation}", f"{told} ({'in budget' if kept else 'NOT the budget'})")
        )
    sync = disk.sync
    rows.append(
        ("a bare fsync, ms", f"p50 {sync.p50:.3f} · p99 {sync.p99:.3f} ({sync.samples} syncs)")
    )
    return rows


def _machine(results: Results) -> Rows:
    m = results.machine
    return [
        ("CPU", f"{m.cpu}, {m.cores} cores, server and generators together"),
        ("kernel", m.kernel),
        ("Python", f"{m.python}, grpcio {m.grpcio}, uvloop {m.uvloop}"),
        ("SQLite", f"{m.sqlite}, apsw {m.apsw}"),
        ("when", f"{m.date}, load average before: {m.load_before:.2f}"),
        ("commit", m.commit),
        ("command", f"`{m.command}`"),
    ]


def show(results: Results, console: Console) -> None:
    """Print all tables, then what is wrong with the run."""
    for title, heads, rows in sections(results):
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for at, head in enumerate(heads):
            table.add_column(head, justify="left" if at == 0 or len(heads) == 2 else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for problem in results.problems:
        console.print(f"this run does not count: {problem}", style="bold red")


def markdown(results: Results) -> str:
    """Return all tables as Markdown."""
    parts = []
    if results.plan != "full":
        parts.append(f"A *{results.plan}* run: it shows that the bench works, not how fast it is.")
    if results.problems:
        told = "\n".join(f"- {problem}" for problem in results.problems)
        parts.append(f"**This run does not count:**\n\n{told}")
    for title, heads, rows in sections(results):
        parts.append(f"### {title}\n\n{_grid(heads, rows)}")
    parts.append(
        f"Ratios and bars are judged at {JUDGED_IN_FLIGHT} calls in flight. CPU is the server's"
        " user and system time over all its threads, until it is quiet again; “of it writer” is"
        " the thread that runs SQLite's transactions, the rest is called Python."
    )
    return "\n\n".join(parts)


def _grid(heads: Sequence[str], rows: Rows) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rewrite(path: Path, generated: str) -> None:
    """Replace what stands between the markers of a page. Raises ValueError without both."""
    page = path.read_text()
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has lost its markers")
    path.write_text(f"{before}{BEGIN}\n{generated}\n{END}{after}")
