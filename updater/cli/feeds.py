"""`feeds`: the files that came in, what became of them, and what an operator decides about them."""

import asyncio
from collections.abc import Sequence

import click

from updater.cli.feed_decisions import approve, reject, replay, revert
from updater.cli.feed_tables import answers_table, counts_table, feeds_table, file_lines
from updater.cli.options import AS_JSON
from updater.cli.settings import load_config, told
from updater.cli.tables import printed
from updater.cli.told_as_data import answer_data, report_data
from updater.config import UpdaterConfig
from updater.domain.errors import FeedFileNotFound
from updater.domain.feed import Answer, FeedReport, FeedState
from updater.stores import open_beside


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice([state.value for state in FeedState]), multiple=True)
@click.option("--channel", default="", help="Only files of this channel.")
@click.option("--tenant", default="", help="Only files that answer this tenant's inquiries.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@AS_JSON
@click.pass_context
def feeds(
    ctx: click.Context,
    *,
    state: tuple[str, ...],
    channel: str,
    tenant: str,
    limit: int,
    as_json: bool,
) -> None:
    """List feed files, newest first; or decide about one. Listing works beside a service."""
    if ctx.invoked_subcommand is not None:
        return
    states = [FeedState(each) for each in state]
    with told():
        reports = asyncio.run(_reports(load_config(), tenant, channel, states, limit))
    printed(feeds_table(reports), [report_data(each) for each in reports], as_json=as_json)


@feeds.command()
@click.argument("file")
@click.option("--after", type=click.IntRange(0), default=0, help="Answers of later records only.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@AS_JSON
def show(*, file: str, after: int, limit: int, as_json: bool) -> None:
    """Show a file: counts, and what its records said and did. Works beside a service."""
    with told():
        report, answers = asyncio.run(_shown(load_config(), file, after, limit))
    data = {**report_data(report), "answers": [answer_data(each) for each in answers]}
    printed(
        (file_lines(report.file), counts_table(report.counts), answers_table(answers)),
        data,
        as_json=as_json,
    )


for decision in (approve, reject, replay, revert):
    feeds.add_command(decision)


async def _reports(
    config: UpdaterConfig, tenant: str, channel: str, states: Sequence[FeedState], limit: int
) -> Sequence[FeedReport]:
    async with open_beside(config) as engine:
        files = await engine.feeds.page(
            tenant=tenant, channel=channel, states=states, before=(0, ""), limit=limit
        )
        return [await engine.feeds.report(file.feed_id) for file in files]


async def _shown(
    config: UpdaterConfig, feed_id: str, after: int, limit: int
) -> tuple[FeedReport, Sequence[Answer]]:
    async with open_beside(config) as engine:
        if await engine.feeds.find(feed_id) is None:
            raise FeedFileNotFound("there is no such feed file")
        report = await engine.feeds.report(feed_id)
        # After every answer of that record: a token is never as high as this.
        place = (after, "\U0010ffff")
        return report, await engine.feeds.answers(feed_id, after=place, limit=limit)
