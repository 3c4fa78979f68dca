"""Rounds become cells, invalid ones don't count, and the page says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.disk import bare_sync, over_budget, rows_per_call
from tests.bench.machine import Machine
from tests.bench.phases import IN_FLIGHT, OPERATIONS, Operation
from tests.bench.proc import Cpu
from tests.bench.processes import Load
from tests.bench.report import BEGIN, END, markdown, rewrite, show
from tests.bench.results import Disk, OpenLoop, Results, bars_of, cell_of, cells_of
from tests.bench.stats import latency_of

ONE_MS = latency_of([0.001])
MACHINE = Machine("cpu", 2, "k", "3", "1", "1", "3", "3", "today", "abc", "make bench", 0.1)


def load(cpu_us: float, *, share: float = 0.5, failed: int = 0, writer_us: float = 0.0) -> Load:
    calls = 1_000
    cpu = Cpu(cpu_us * calls / 1e6, {"loop": 0.0, "writer": writer_us * calls / 1e6})
    return Load(calls, 1.0, cpu, 50, 1_000, [share, 0.1], failed, [0.002] * calls, [])


def results(busy: Operation | None = None) -> Results:
    measured = {}
    for operation in OPERATIONS:
        for many in IN_FLIGHT:
            measured[operation, True, many] = load(200)
            share = 0.95 if operation == busy else 0.5
            measured[operation, False, many] = load(270, share=share, writer_us=40)
    open_loop = OpenLoop(1000, 60, 0.7, 60_000, ONE_MS, ONE_MS, 300, 0.3, "")
    disk = Disk(100, 1_700, {"cards": 600}, {"Detokenize": {"audit": 1}}, [], ONE_MS)
    return Results("full", MACHINE, cells_of([measured], IN_FLIGHT), open_loop, disk)


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
    cell = found.cell("Detokenize", empty=False, in_flight=64)
    assert "95%" in cell.invalid
    assert any("Detokenize at 64" in problem for problem in found.problems)
    assert "does not count" in markdown(found)


def test_a_good_run_has_no_problems_and_its_bars_are_compared() -> None:
    found = results()
    assert found.problems == []
    assert "does not count" not in markdown(found)
    assert [bar.held for bar in bars_of(found)] == [True] * 7
    slow = replace(found, open_loop=replace(found.open_loop, latency=latency_of([0.011])))
    assert [bar.name for bar in bars_of(slow) if not bar.held] == ["Open loop, p99"]
    assert "MISSED" in markdown(slow)


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
