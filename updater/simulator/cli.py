"""Offer the command line: `simulate` (the default), `truth`, `ledger`. No number is printed."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import click

from updater.simulator.acquirer import Acquirer, Answer
from updater.simulator.cli_options import (
    exchange_options,
    fault_options,
    moment,
    rule_options,
    said_plainly,
    span,
)
from updater.simulator.cli_reports import ledger, truth
from updater.simulator.clock import SimulatedClock
from updater.simulator.faults import Faults
from updater.simulator.plan import What
from updater.simulator.setup import Setup


@click.command()
@exchange_options(required=True)
@rule_options
@click.option("--once", is_flag=True, help="Deliver what is due, then exit.")
@click.option("--poll-interval", type=click.FloatRange(0.01, 3600), default=1.0, show_default=True)
@click.option("--now", type=moment, help="Stop the clock at this time; else it is real.")
@click.option("--advance", type=span, default="0d", help="Put the clock forward: 1d, 6h.")
@click.option(
    "--days-per-poll",
    type=click.FloatRange(0, 1000),
    default=0.0,
    help="Put the clock forward by so many days after each look at the outbox.",
)
@fault_options
def simulate(
    *,
    once: bool,
    poll_interval: float,
    now: datetime | None,
    advance: timedelta,
    days_per_poll: float,
    **options: Any,
) -> None:
    """Play the acquirer and the card networks behind an exchange directory.

    Exit status 0 after --once (whatever was there) and on SIGTERM or SIGINT; 1 if it can't start.
    """
    clock = SimulatedClock(now, advance)
    setup = Setup(**{each.name: options.pop(each.name) for each in fields(Setup)})
    with (
        said_plainly(),
        _stopped_by_signal() as stop,
        setup.acquirer(faults=Faults(**options), wait=stop.wait, clock=clock) as acquirer,
    ):
        totals = Counter(recovered=acquirer.recover(), answered=0, rejected=0, records=0)
        while not stop.is_set():
            _look_once(acquirer, stop, totals)
            clock.advance(timedelta(days=days_per_poll))
            if once or stop.wait(poll_interval):
                break
        click.echo("simulator: " + " ".join(f"{name}={count}" for name, count in totals.items()))


class _DefaultsToSimulate(click.Group):
    """Read `python -m updater.simulator --exchange …` as `… simulate --exchange …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["simulate", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultsToSimulate)
def main() -> None:
    """Play the acquirer and the card networks, or tell the truth they answer from."""


for _command in (simulate, truth, ledger):
    main.add_command(_command)


def _look_once(acquirer: Acquirer, stop: threading.Event, totals: Counter[str]) -> None:
    for answer in acquirer.answer_pending():
        click.echo(_line(answer))
        totals["answered" if answer.rejected is None else "rejected"] += 1
        totals["records"] += sum(answer.codes.values())
        if stop.is_set():
            break


def _line(answer: Answer) -> str:
    if answer.rejected is not None:
        return f"rejected {answer.name}: {answer.rejected} line={answer.line}"
    codes = " ".join(f"{code}={count}" for code, count in sorted(answer.codes.items()))
    if answer.what is not What.ANSWER:  # not an answer of its own, or none that can be used
        return f"sent {answer.name}, file {answer.number}, {answer.what}: {codes}"
    which = f", file {answer.number}" if answer.number > 1 else ""
    return f"answered {answer.name}{which}: {codes}"


@contextmanager
def _stopped_by_signal() -> Iterator[threading.Event]:
    """Turn SIGTERM and SIGINT into an event, so that a file under way is finished first."""
    stop = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in signals]
    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
