"""`doctor`: every setting that would break a promise."""

from __future__ import annotations

import asyncio

import click

from chassis.doctor.command import told
from vault.cli.settings import load_config
from vault.doctor.service import examine_vault


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="How many vault processes share the database, on all hosts. Default: this one's workers.",
)
@click.option("--hostname", default="", help="What clients call this service.")
@click.option("--strict", is_flag=True, help="Exit 1 for a risk, and for what was not checked.")
@click.option(
    "--deadline", type=click.FloatRange(1, 600), default=20.0, show_default=True, help="Seconds."
)
def doctor(
    *, as_json: bool, processes: int | None, hostname: str, strict: bool, deadline: float
) -> None:
    """Report every setting that would break a promise, as this service's own role sees it.

    A line a finding: severity (broken, risk, note), id, what is, what must be, which promise
    breaks, what to do. What can't be read is a finding, NOT_CHECKED. Exit 1: a promise is broken.
    """
    config = load_config()
    report = asyncio.run(
        examine_vault(
            config, processes=processes or config.workers, hostname=hostname, deadline_s=deadline
        )
    )
    told(report, as_json=as_json, strict=strict)
