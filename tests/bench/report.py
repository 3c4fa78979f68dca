"""Show results: tables in the terminal, and the same numbers in PERFORMANCE.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from tests.bench.results import JUDGED_IN_FLIGHT, Results
from tests.bench.tables import Rows, sections

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"


def show(results: Results, console: Console) -> None:
    """Print all tables, then what is wrong with the run."""
    for title, heads, rows in sections(results):
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for at, head in enumerate(heads):
            table.add_column(head, justify="left" if at == 0 or len(heads) < 5 else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    if results.cache:
        console.print(Markdown(results.cache))
    if results.traces:
        console.print(Markdown(results.traces))
    if results.codecs:
        console.print(Markdown(results.codecs))
    if results.growth:
        console.print(Markdown(results.growth))
    if results.client:
        console.print(Markdown(results.client))
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
    if results.cache:
        parts.append(f"### Masked reads, with and without the cache\n\n{results.cache}")
    if results.traces:
        parts.append(f"### A call, with and without traces\n\n{results.traces}")
    if results.codecs:
        parts.append(f"### Answer files read\n\n{results.codecs}")
    if results.growth:
        parts.append(f"### As the vault grows\n\n{results.growth}")
    if results.client:
        parts.append(f"### The batching client\n\n{results.client}")
    parts.append(
        f"Ratios and bars are judged at {JUDGED_IN_FLIGHT} calls in flight. CPU is the vault's"
        " user and system time over all its threads, until it is quiet again: “of it loop” is the"
        " event loop's thread, “of it writer” the thread that runs SQLite's transactions, the"
        " rest gRPC's own threads and the event file's. What PostgreSQL's processes use is in"
        " “database's own”, in no ratio, and not called Python."
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
