"""What both services' `doctor` commands do with a report."""

from __future__ import annotations

import click

from chassis.doctor.finding import Severity
from chassis.doctor.report import Report


def told(report: Report, *, as_json: bool, strict: bool) -> None:
    """Print a report; exit 1 where a promise is broken, or with `strict` at risk."""
    if as_json:
        click.echo(report.json())
    else:
        for line in report.lines():
            click.echo(line)
    if report.broken or (strict and report.count(Severity.RISK)):
        raise click.exceptions.Exit(1)
