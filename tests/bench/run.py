"""`make bench`: run the plan on each store, show and keep what it found. Loopback only.

Exit 0: the run counts and the row budgets hold. The bars are shown and judged by whoever reads
them: on a busy machine they say little. The page is renewed by a run of both stores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.bench import cache_bench, client_bench, codec_bench, growth_bench, tracing_bench
from tests.bench.machine import this_machine
from tests.bench.measuring import Bench
from tests.bench.phases import FULL, IN_FLIGHT, OPERATIONS, QUICK, Plan
from tests.bench.processes import BenchFailed
from tests.bench.report import markdown, rewrite, show
from tests.bench.results import Results, StoreResults, all_bars
from tests.bench.stores import STORES
from tests.bench.workers import measured_workers


def measured(plan: Plan, name: str, directory: Path, progress: Progress) -> StoreResults:
    """Run the plan on one store. Raises BenchFailed; the server's log is then kept."""
    work = Path(tempfile.mkdtemp(prefix=f"run-{name}-", dir=directory))
    with STORES[name](work) as store:
        results = Bench(plan, work, store, progress).run()
        if store.shared and store.transport == "grpcio" and plan.whole:
            results.workers.extend(measured_workers(plan, work, store))
    shutil.rmtree(work)
    return results


def _cache(plan: Plan) -> str:
    """Measure masked reads with and without Redis, for a run of everything."""
    return cache_bench.table(cache_bench.measure(plan.read_seconds)) if plan.whole else ""


def _codecs(plan: Plan) -> str:
    """Measure reading answer files, for a run of everything."""
    if not plan.whole:
        return ""
    quick = plan.name == QUICK.name
    size = codec_bench.QUICK_MEGABYTES if quick else codec_bench.FULL_MEGABYTES
    return codec_bench.table(codec_bench.measure(size))


def _growth(plan: Plan, directory: Path) -> str:
    """Measure a vault of up to a million cards, for a run of everything."""
    if not plan.whole:
        return ""
    quick = plan.name == QUICK.name
    sizes = growth_bench.QUICK_SIZES if quick else growth_bench.SIZES
    return growth_bench.table(growth_bench.measure(sizes, directory))


def _client(plan: Plan, directory: Path) -> str:
    """Measure the batching client, for a run of everything. Raises BenchFailed."""
    if not plan.whole:
        return ""
    work = Path(tempfile.mkdtemp(prefix="run-client-", dir=directory))
    with STORES["sqlite"](work) as store:
        found = client_bench.table(client_bench.measured_client(plan, work, store))
    shutil.rmtree(work)
    return found


def _traces(plan: Plan, names: Sequence[str], directory: Path) -> str:
    """Measure calls with and without traces, for a run of everything. Raises BenchFailed."""
    if not plan.whole or "postgres" not in names:
        return ""
    work = Path(tempfile.mkdtemp(prefix="run-traces-", dir=directory))
    with STORES["postgres"](work) as store:
        found = tracing_bench.table(tracing_bench.measured_traces(plan, work, store))
    shutil.rmtree(work)
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute: does it work?")
    parser.add_argument("--store", choices=sorted(STORES), action="append", help="only this one")
    parser.add_argument("--operation", choices=OPERATIONS, action="append", help="only this one")
    parser.add_argument("--in-flight", type=int, choices=IN_FLIGHT, action="append")
    parser.add_argument("--dir", type=Path, required=True, help="on the disk to be measured")
    parser.add_argument("--page", type=Path, help="the page whose generated part is renewed")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, report, and return the exit code."""
    options = _options(arguments)
    options.dir.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 180)
    command = "make bench QUICK=1" if options.quick else "make bench"
    names = options.store or list(STORES)
    plan = replace(
        QUICK if options.quick else FULL,
        operations=tuple(options.operation or OPERATIONS),
        in_flight=tuple(options.in_flight or IN_FLIGHT),
    )
    machine = this_machine(command)
    try:
        with Progress(console=console, transient=True) as progress:
            stores = [measured(plan, name, options.dir, progress) for name in names]
            traces = _traces(plan, names, options.dir)
            client = _client(plan, options.dir)
    except BenchFailed as error:
        console.print(f"bench: {error}", style="bold red")
        return 2
    # What needs no server of the plan's, one after another: each is a table of its own.
    results = Results(
        plan.name,
        machine,
        stores,
        cache=_cache(plan),
        traces=traces,
        codecs=_codecs(plan),
        growth=_growth(plan, options.dir),
        client=client,
    )
    show(results, console)
    _keep(results, options.dir / "results.json")
    console.print(f"kept in {options.dir / 'results.json'}")
    if options.page is not None:
        if len(stores) < len(STORES) or not plan.whole:
            console.print("a part of the bench renews no page", style="bold red")
            return 2
        rewrite(options.page, markdown(results))
        console.print(f"renewed {options.page}")
    return 1 if results.problems else 0


def _keep(results: Results, path: Path) -> None:
    bars = {
        store.store: [{**asdict(bar), "held": bar.held} for bar in all_bars(results, store)]
        for store in results.stores
    }
    told = {**asdict(results), "bars": bars, "problems": results.problems}
    path.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
