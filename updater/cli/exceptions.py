"""`exceptions`: what an operator has to look at, and what was done about it."""

import asyncio
from collections.abc import Sequence

import click
from rich.console import Console

from chassis.clock import SystemClock
from updater.cli.settings import load_config, told
from updater.cli.tables import exceptions_table
from updater.config import UpdaterConfig
from updater.domain.feed import ExceptionKind, Incident
from updater.stores import open_beside


@click.command()
@click.option("--kind", type=click.Choice([kind.value for kind in ExceptionKind]), multiple=True)
@click.option("--all", "everything", is_flag=True, help="Resolved ones, too.")
@click.option("--after", type=int, default=0, help="Only those with a higher id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--resolve", type=int, metavar="ID", help="Note that this one is dealt with.")
@click.option("--note", default="resolved", show_default=True, help="What was done.")
def exceptions(
    *,
    kind: tuple[str, ...],
    everything: bool,
    after: int,
    limit: int,
    resolve: int | None,
    note: str,
) -> None:
    """List exceptions, or resolve one. Works beside a running service."""
    config = load_config()
    kinds = [ExceptionKind(each) for each in kind]
    with told():
        if resolve is not None:
            found: Sequence[Incident] = [asyncio.run(_resolve(config, resolve, note))]
        else:
            page = _page(config, kinds, unresolved_only=not everything, after=after, limit=limit)
            found = asyncio.run(page)
    Console().print(exceptions_table(found))


async def _page(
    config: UpdaterConfig,
    kinds: Sequence[ExceptionKind],
    *,
    unresolved_only: bool,
    after: int,
    limit: int,
) -> Sequence[Incident]:
    async with open_beside(config) as engine:
        return await engine.incidents.page(
            unresolved_only=unresolved_only, kinds=kinds, after=after, limit=limit
        )


async def _resolve(config: UpdaterConfig, exception_id: int, note: str) -> Incident:
    async with open_beside(config, writable=True) as engine:
        now = SystemClock().now_us()
        return await engine.incidents.resolve(exception_id, note, now)
