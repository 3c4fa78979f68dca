"""`run-once`: one whole cycle, and a report of what came of it."""

import asyncio
import time
from dataclasses import replace

import click

from chassis.logs import configure_logs
from chassis.runtime import forbid_core_dumps, run
from updater.cli.settings import load_config, told
from updater.cli.tables import printed, report_as_data, report_tables
from updater.config import UpdaterConfig
from updater.opening import open_updater
from updater.rpc.calls import LOGGED
from updater.stores import TURN_WITHIN
from updater.usecases.duty import take_duty
from updater.usecases.report import CycleReport
from updater.usecases.take_in import Taken


@click.command("run-once")
@click.option(
    "--wait",
    type=click.FloatRange(0, 864_000),
    default=0.0,
    show_default=True,
    help="Seconds to wait for the answers to what was sent.",
)
@click.option("--poll", type=click.FloatRange(0.01, 3600), default=0.5, show_default=True)
@click.option("--ask/--no-ask", default=True, show_default=True, help="Or only look for answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def run_once(*, wait: float, poll: float, ask: bool, as_json: bool) -> None:
    """Enrol, choose, write, send, poll, apply: once, then report.

    Exit 1 if a step could not be done; what was begun goes on with the next run. Not while
    `serve` runs on the same database.
    """
    config = load_config()
    forbid_core_dumps()
    configure_logs(service="updater", level=config.log_level, fields=LOGGED)
    with told():
        report = run(_run(config, wait=wait, poll=poll, ask=ask))
    printed(list(report_tables(report)), report_as_data(report), as_json=as_json)
    if report.trouble:
        raise click.exceptions.Exit(1)


async def _run(config: UpdaterConfig, *, wait: float, poll: float, ask: bool) -> CycleReport:
    async with open_updater(config, sharing=False) as updater:
        for duty in updater.duties:
            await take_duty(duty, TURN_WITHIN)
        asked = await updater.ask() if ask else CycleReport()
        report = asked
        until = time.monotonic() + wait
        looks = 0
        while True:
            look = await updater.listen()
            # What an earlier look could not do, and this one could, is no trouble any more.
            report = replace(report.plus(look), trouble=(*asked.trouble, *look.trouble))
            looks += 1
            waits = report.awaiting or report.taken.get(Taken.WAITING)
            # Two looks at least: a file counts only once two of them agree.
            if looks >= 2 and (not waits or time.monotonic() >= until):
                return report
            await asyncio.sleep(poll)
