"""Rounds become cells, invalid ones don't count, and the page says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import growth_bench, tracing_bench
from tests.bench.disk import bare_sync, over_budget, rows_per_call
from tests.bench.machine import Machine
from tests.bench.phases import IN_FLIGHT, OPERATIONS, Operation
from tests.bench.proc import Cpu
from tests.bench.processes import Load
from tests.bench.report import BEGIN, END, markdown, rewrite, show
from tests.bench.results import (
    Disk,
    OpenLoop,
    Results,
    StoreResults,
    all_bars,
    bars_of,
    cell_of,
    cells_of,
)
from tests.bench.stats import latency_of
from tests.bench.tracing_bench import Traced
from tests.bench.workers import Workers

ONE_MS = latency_of([0.001])
MACHINE = Machine("cpu", 2, "k", "3", "1", "1", "today", "abc", "make bench", 0.1)


def load(cpu_us: float, *, share: float = 0.5, failed: int = 0, writer_us: float = 0.0) -> Load:
    calls = 1_000
    cpu = Cpu(cpu_us * calls / 1e6, {"loop": 0.0, "writer": writer_us * calls / 1e6})
    failures = +Counter({"UNAVAILABLE": failed})
    return Load(
        *(calls, 1.0, cpu, calls * 1e-4, 50, 1_000, [share, 0.1]),
        *(failures, [0.002] * calls, []),
    )


def on(store: str, busy: Operation | None = None, transport: str = "grpcio") -> StoreResults:
    measured = {}
    for operation in OPERATIONS:
        for many in IN_FLIGHT:
            measured[operation, True, many] = load(200)
            share = 0.95 if operation == busy else 0.5
            measured[operation, False, many] = load(270, share=share, writer_us=40)
    open_loop = OpenLoop(1000, 60, 0.7, 60_000, ONE_MS, ONE_MS, 300, 50, 0.3, "")
    disk = Disk(100, 1_700, {"cards": 600}, {"Detokenize": {"audit": 1}}, [], ONE_MS)
    cells = cells_of([measured], IN_FLIGHT)
    shared = store != "SQLite"
    return StoreResults(store, f"{store} 1", transport, cells, open_loop, disk, shared=shared)


def results(busy: Operation | None = None) -> Results:
    return Results("full", MACHINE, [on("SQLite"), on("PostgreSQL", busy)])


def test_a_cell_is_the_median_round_and_its_ratio_is_within_the_round() -> None:
    loads = [load(300), load(600), load(330, writer_us=110)]
    empties = [load(200), load(400), load(220)]
    cell = cell_of("Tokenize", 64, loads, empties)
    assert cell.cpu_us == pytest.approx(330)
    assert cell.ratio == pytest.approx(1.5)  # of every round, whatever the machine did meanwhile
    assert cell.python_ratio == pytest.approx(1.5)
    assert (cell.rejected, cell.invalid) == (0, "")
    assert cell.entries_per_flush == 20
    assert cell.calls_per_s == 1_000


def test_what_sqlite_used_is_left_out_of_the_second_ratio() -> None:
    cell = cell_of("BatchTokenize", 64, [load(300, writer_us=100)], [load(200)])
    assert cell.ratio == pytest.approx(1.5)
    assert cell.python_ratio == pytest.approx(1.0)
    assert cell.cpu_us_per_card == pytest.approx(3.0)
    assert cell.python_us_per_card == pytest.approx(2.0)


def test_a_round_with_a_busy_generator_or_a_failure_does_not_count() -> None:
    loads = [load(300), load(900, share=0.91), load(900, failed=1)]
    cell = cell_of("Tokenize", 64, loads, [load(200), load(200), load(200)])
    assert cell.cpu_us == pytest.approx(300)
    assert (cell.rejected, cell.invalid) == (2, "")


def test_a_round_does_not_count_when_its_empty_twin_does_not() -> None:
    cell = cell_of("Tokenize", 64, [load(300), load(400)], [load(200, share=0.95), load(200)])
    assert cell.ratio == pytest.approx(2.0)
    assert cell.rejected == 1


def test_a_cell_without_a_round_says_why_and_the_run_does_not_count() -> None:
    found = results(busy="Detokenize")
    cell = found.stores[1].cell("Detokenize", empty=False, in_flight=64)
    assert "95%" in cell.invalid
    assert any("PostgreSQL: Detokenize at 64" in problem for problem in found.problems)
    assert "does not count" in markdown(found)


def test_a_good_run_has_no_problems_and_its_bars_are_compared() -> None:
    found = results()
    assert found.problems == []
    assert "does not count" not in markdown(found)
    (one, other) = found.stores
    assert [bar.held for bar in bars_of(one)] == [True] * 6
    slow = replace(other, open_loop=replace(other.open_loop, latency=latency_of([0.011])))
    assert [bar.name for bar in bars_of(slow) if not bar.held] == ["Open loop, p99"]
    assert "| 1.00 ms | 11.00 ms MISSED |" in markdown(replace(found, stores=[one, slow]))


def test_the_databases_own_time_is_shown_and_in_no_ratio() -> None:
    cell = cell_of("Tokenize", 64, [load(300)], [load(200)])
    assert cell.database_us == pytest.approx(100)
    assert cell.ratio == pytest.approx(1.5)
    assert cell.python_us_per_card == pytest.approx(300)


def test_a_bar_of_what_was_not_measured_is_left_out() -> None:
    whole = on("PostgreSQL")
    part = replace(whole, cells=[cell for cell in whole.cells if cell.operation == "Detokenize"])
    assert {bar.name.split()[0].strip(",") for bar in bars_of(part)} == {"Detokenize", "Open", "A"}


def test_the_embedded_store_is_held_to_bars_of_its_own() -> None:
    embedded = {bar.name: bar.limit for bar in bars_of(on("SQLite"))}
    served = {bar.name: bar.limit for bar in bars_of(on("PostgreSQL"))}
    assert embedded.keys() == served.keys()
    differs = {name: (limit, served[name]) for name, limit in embedded.items()}
    assert {name: pair for name, pair in differs.items() if pair[0] != pair[1]} == {
        "Tokenize, to the empty call": (1.8, 1.5),
        "BatchTokenize(100), Python a card": (90, 60),
        "BatchDetokenize(100), Python a card": (35, 25),
    }
    assert "| ≤ 1.8 or ≤ 1.5 x |" in markdown(results())
    slow_disk = replace(on("SQLite").disk, sync=latency_of([0.003]))
    missed = bars_of(replace(on("SQLite"), disk=slow_disk))
    assert [bar.name for bar in missed if not bar.held] == ["A bare fsync meanwhile, p99"]


def test_how_a_vault_grows_is_on_the_page(tmp_path: Path) -> None:
    grown = growth_bench.measure((200, 400), tmp_path)
    assert [each.cards for each in grown] == [200, 400]
    assert all(each.tokenize_us > each.reveal_us > 0 for each in grown)
    assert grown[1].database > grown[0].database > 200 * 500
    page = markdown(replace(results(), growth=growth_bench.table(grown)))
    assert "### As the vault grows" in page
    assert "| 400 |" in page


def test_a_quick_run_says_that_it_proves_nothing() -> None:
    assert "not how fast" in markdown(replace(results(), plan="quick"))


def test_the_terminal_shows_every_table() -> None:
    console = Console(width=200, record=True, quiet=True)
    console.quiet = False
    with console.capture() as capture:
        show(results(), console)
    for head in ("Against the bars", "Calls", "Open loop", "Disk", "Machine"):
        assert head in capture.get()


def test_rows_are_held_to_the_budget_in_both_directions() -> None:
    before = {"cards": 5, "audit": 5, "checkpoints": 1, "requests": 5}
    after = {"cards": 5, "audit": 15, "checkpoints": 9, "requests": 5}
    rows = rows_per_call(before, after, 10)
    assert rows == {"audit": 1}
    assert over_budget("Detokenize", rows) == []
    assert any("audit" in text for text in over_budget("Detokenize", {"audit": 2}))
    assert any(
        "requests" in text for text in over_budget("Detokenize", {"audit": 1, "requests": 1})
    )
    missing = over_budget("Tokenize", rows)  # five tables were not written that should have been
    assert len(missing) == 5


def test_the_page_keeps_what_is_written_by_hand(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rewrite(page, "new")
    rewrite(page, "newer")
    assert page.read_text() == f"before\n{BEGIN}\nnewer\n{END}\nafter\n"


def test_a_page_without_its_markers_is_refused_and_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    for text in ("nothing", BEGIN, f"{END} {BEGIN}"):
        page.write_text(text)
        with pytest.raises(ValueError, match="markers"):
            rewrite(page, "new")
        assert page.read_text() == text


def test_a_bare_sync_leaves_nothing_behind(tmp_path: Path) -> None:
    assert bare_sync(tmp_path, 5).samples == 5
    assert list(tmp_path.iterdir()) == []


def test_the_caches_table_is_on_the_page() -> None:
    table = "| way | vault |\n|---|---|\n| cache | 9.0 |"
    assert table in markdown(replace(results(), cache=table))
    assert "cache" not in markdown(results())


def test_what_traces_cost_is_on_the_page_against_its_bar() -> None:
    held = Traced("Tokenize", off_us=400.0, on_us=410.0, added=0.025, spans=9.0)
    missed = Traced("Detokenize", off_us=400.0, on_us=444.0, added=0.11, spans=9.0)
    table = tracing_bench.table([held, missed])
    assert "| Tokenize | 400 | 410 | +2.5% | 9 | held |" in table
    assert "| Detokenize | 400 | 444 | +11.0% | 9 | NOT HELD |" in table
    assert table in markdown(replace(results(), traces=table))
    assert "traces" not in markdown(results())


def test_the_second_transport_is_held_to_bars_of_its_own_and_to_the_first() -> None:
    envoy = on("PostgreSQL, Envoy", transport="envoy")
    quick = replace(
        envoy, cells=[replace(cell, calls_per_s=cell.calls_per_s * 2.1) for cell in envoy.cells]
    )
    found = replace(results(), stores=[on("SQLite"), on("PostgreSQL"), quick])
    bars = {bar.name: bar for bar in all_bars(found, quick)}
    both = bars["Tokenize, CPU of vault and database a call"]
    assert both.measured == pytest.approx(270 + 100)
    assert not both.held
    faster = bars["Detokenize, calls/s to grpcio's"]
    assert faster.measured == pytest.approx(2.1)
    assert not faster.held
    assert not any("empty call" in name for name in bars)
    assert "| ≥ 2.2 x | not asked | not asked | 2.10 x MISSED |" in markdown(found)
    assert all_bars(found, found.stores[1]) == bars_of(found.stores[1])


def test_two_processes_are_compared_where_a_store_lets_them() -> None:
    found = results()
    two = Workers("Tokenize", 400, 480, 1.2, 900, 1_500)
    found.stores[1].workers.append(two)
    page = markdown(found)
    assert (
        "| Tokenize, a call of two processes to one | ≤ 1.1 x | not asked | 1.20 x MISSED |" in page
    )
    assert "Processes on one PostgreSQL" in page
    assert "Processes on one SQLite" not in page
