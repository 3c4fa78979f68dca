"""`feeds`: the files that came in, and what became of them."""

import asyncio

import click
from rich.console import Console

from updater.cli.settings import load_config, told
from updater.cli.tables import feeds_table
from updater.config import UpdaterConfig
from updater.domain.feed import FeedReport, FeedState
from updater.stores import open_beside


@click.command()
@click.option("--state", type=click.Choice([state.value for state in FeedState]), multiple=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def feeds(state: tuple[str, ...], limit: int) -> None:
    """List feed files, newest first. Works beside a running service."""
    config = load_config()
    with told():
        reports = asyncio.run(_reports(config, [FeedState(each) for each in state], limit))
    Console().print(feeds_table(reports))


async def _reports(config: UpdaterConfig, states: list[FeedState], limit: int) -> list[FeedReport]:
    async with open_beside(config) as engine:
        store = engine.feeds
        files = await store.page(tenant="", states=states, before=(0, ""), limit=limit)
        return [await store.report(file.feed_id) for file in files]
