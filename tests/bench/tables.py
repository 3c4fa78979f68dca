"""Results as tables: a title, heads and rows of text; the terminal and the page show the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from tests.bench.machine import Machine
from tests.bench.phases import cards_in
from tests.bench.results import Bar, Cell, Disk, OpenLoop, Results, all_bars
from tests.bench.workers import Workers

Rows = list[tuple[str, ...]]


class Section(NamedTuple):
    """One table."""

    title: str
    heads: tuple[str, ...]
    rows: Rows


_CELLS: Final = (
    "call", "in flight", "CPU µs a call", "of it loop", "of it writer", "database's own",
    "CPU µs a card", "to empty", "calls/s", "p50 ms", "p95 ms", "p99 ms", "entries a flush",
    "generator",
)  # fmt: skip


_WORKERS: Final = (
    "call, 64 in flight a process", "CPU µs a call, one", "of two", "two to one", "calls/s, one",
    "both of two",
)  # fmt: skip


def sections(results: Results) -> list[Section]:
    """Return every table."""
    names = tuple(store.store for store in results.stores)
    open_loops = [_open_loop(store.open_loop) for store in results.stores]
    disks = [_disk(store.disk) for store in results.stores]
    return [
        Section("Against the bars", ("bar", "limit", *names), _bars(results)),
        *(
            Section(f"Calls on {store.store}", _CELLS, [_cell(cell) for cell in store.cells])
            for store in results.stores
        ),
        *(
            Section(f"Processes on one {store.store}", _WORKERS, _workers(store.workers))
            for store in results.stores
            if store.workers
        ),
        Section("Open loop", ("what", *names), _side_by_side(open_loops)),
        Section("Disk", ("what", *names), _side_by_side(disks)),
        Section("Machine", ("what", "which"), _machine(results)),
    ]


def _side_by_side(found: Sequence[dict[str, str]]) -> Rows:
    return [(what, *(each.get(what, "") for each in found)) for what in found[0]]


def _bars(results: Results) -> Rows:
    found = [{bar.name: bar for bar in all_bars(results, store)} for store in results.stores]
    names = dict.fromkeys(name for bars in found for name in bars)
    rows: Rows = []
    for name in names:
        bars = [each.get(name) for each in found]
        asked = [bar for bar in bars if bar is not None]
        limits = dict.fromkeys(f"{'≥' if bar.least else '≤'} {bar.limit:g}" for bar in asked)
        judged = [_judged(bar) if bar is not None else "not asked" for bar in bars]
        rows.append((name, f"{' or '.join(limits)} {asked[0].unit}", *judged))
    return rows


def _judged(bar: Bar) -> str:
    return f"{bar.measured:.2f} {bar.unit}" + ("" if bar.held else " MISSED")


def _cell(cell: Cell) -> tuple[str, ...]:
    name = cell.operation + (
        f"({cards_in(cell.operation)})" if cards_in(cell.operation) > 1 else ""
    )
    return (
        f"empty, as {name}" if cell.empty else name,
        str(cell.in_flight),
        f"{cell.cpu_us:,.0f}",
        f"{cell.loop_us:,.0f}",
        f"{cell.writer_us:,.0f}",
        f"{cell.database_us:,.0f}",
        "" if cell.empty else f"{cell.cpu_us_per_card:.1f}",
        "" if cell.empty else f"{cell.ratio:.2f}",
        f"{cell.calls_per_s:,.0f}",
        f"{cell.latency.p50:.2f}",
        f"{cell.latency.p95:.2f}",
        f"{cell.latency.p99:.2f}",
        "" if cell.empty else f"{cell.entries_per_flush:.1f}",
        f"{cell.generator_share:.0%}" + (" INVALID" if cell.invalid else ""),
    )


def _workers(found: Sequence[Workers]) -> Rows:
    return [
        (
            each.operation,
            f"{each.one_us:,.0f}",
            f"{each.two_us:,.0f}",
            f"{each.ratio:.2f}",
            f"{each.one_calls_per_s:,.0f}",
            f"{each.two_calls_per_s:,.0f}",
        )
        for each in found
    ]


def _open_loop(loop: OpenLoop) -> dict[str, str]:
    latency, late = loop.latency, loop.lateness
    load = f"{loop.rate:,.0f} calls/s for {loop.seconds:g} s: {loop.calls:,} calls"
    told = f"p50 {latency.p50:.2f} · p95 {latency.p95:.2f} · p99 {latency.p99:.2f}"
    share = f"{loop.generator_share:.0%} of a core"
    return {
        "load": f"{load}, {loop.reveal_share:.0%} Detokenize, the rest Tokenize",
        "latency from the intended time, ms": f"{told} · most {latency.most:.2f}",
        "of it the generator's own delay, ms": f"p50 {late.p50:.2f} · p99 {late.p99:.2f}",
        "server CPU a call, µs": f"{loop.cpu_us:,.0f}",
        "database's own CPU a call, µs": f"{loop.database_us:,.0f}",
        "generator": f"{share} {loop.invalid and 'INVALID'}".strip(),
    }


def _disk(disk: Disk) -> dict[str, str]:
    tables = [f"{name} {size:,.0f}" for name, size in disk.bytes_by_table.items() if size >= 1]
    rows = {
        "bytes a card": f"{disk.bytes_per_card:,.0f} ({disk.cards:,} cards)",
        "of them by table, with indexes": ", ".join(tables) or "not told by this store",
    }
    for operation, counts in disk.rows_per_call.items():
        told = ", ".join(f"{name} {count:g}" for name, count in sorted(counts.items()))
        kept = not any(text.startswith(f"{operation}:") for text in disk.over_budget)
        rows[f"rows a {operation}"] = f"{told} ({'in budget' if kept else 'NOT the budget'})"
    sync = disk.sync
    told = f"p50 {sync.p50:.3f} · p99 {sync.p99:.3f} ({sync.samples} syncs)"
    rows["a bare fsync, ms"] = told
    return rows


def _machine(results: Results) -> Rows:
    m: Machine = results.machine
    rows: Rows = [
        ("CPU", f"{m.cpu}, {m.cores} cores: server, generators and database together"),
        ("kernel", m.kernel),
        ("Python", f"{m.python}, grpcio {m.grpcio}, uvloop {m.uvloop}"),
        *(("store", store.version) for store in results.stores),
        ("when", f"{m.date}, load average before: {m.load_before:.2f}"),
        ("commit", m.commit),
        ("command", f"`{m.command}`"),
    ]
    return rows
