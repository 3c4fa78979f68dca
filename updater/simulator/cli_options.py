"""Name the command line's options and their types."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import click

from updater.simulator.errors import SimulatorError
from updater.simulator.formats import DEFAULT_FORMAT, FORMATS

Command = TypeVar("Command", bound=Callable[..., object])

DIRECTORY: Final = click.Path(exists=True, file_okay=False, path_type=Path)
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_SPAN: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?)([dhms])")
_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}

_FAULTS: Final = (
    ("--truncate", "End the text inside its last record."),
    ("--cut-ciphertext", "End the OpenPGP message early."),
    ("--wrong-count", "Count one record too many in the trailer."),
    ("--wrong-direction", "Send the request back under the response's name."),
    ("--wrong-key", "Encrypt to a key that nobody has."),
    ("--wrong-signer", "Sign with a key that isn't the acquirer's."),
    ("--reorder", "Answer in another order (legal)."),
    ("--many-to-one", "Give every renumbered card the same new number."),
    ("--duplicate-file", "Deliver the same bytes again under a second name (.dup)."),
    ("--conflicting-file", "Deliver other answers for the batch under a second name (.other)."),
)


def moment(value: str) -> datetime:
    """Read an ISO 8601 time; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("a time is written as 2026-11-21T12:00:00Z") from None
    return found.replace(tzinfo=found.tzinfo or UTC)


def span(value: str) -> timedelta:
    """Read a span of time: a number and d, h, m or s."""
    found = _SPAN.fullmatch(value)
    if found is None:
        raise click.BadParameter("a span is a number and d, h, m or s, as in 1d")
    return float(found[1]) * _UNITS[found[2]]


def rule_options(command: Command) -> Command:
    """Add what decides the answers: format, seed, script."""
    for option in (
        click.option("--rates", "script", type=FILE, help="The script, YAML; see README.md."),
        click.option("--seed", type=int, required=True, help="Decides what became of every card."),
        click.option(
            "--format",
            "form_name",
            type=click.Choice(sorted(FORMATS)),
            default=DEFAULT_FORMAT,
            show_default=True,
        ),
    ):
        command = option(command)
    return command


def exchange_options(*, required: bool) -> Callable[[Command], Command]:
    """Add what an exchange is reached with."""

    def add(command: Command) -> Command:
        for option in (
            journal_option,
            click.option(
                "--simulator-keys", type=DIRECTORY, required=required, help="acquirer.tsk."
            ),
            click.option(
                "--keys", type=DIRECTORY, required=required, help="updater.cert and acquirer.cert."
            ),
            click.option(
                "--exchange", type=DIRECTORY, required=required, help="Holds outbox/ and inbox/."
            ),
        ):
            command = option(command)
        return command

    return add


def journal_option(command: Command) -> Command:
    """Add where the journal is."""
    return click.option(
        "--journal",
        type=click.Path(dir_okay=False, path_type=Path),
        help="What was answered; default <exchange>/.simulator/journal.jsonl.",
    )(command)


def fault_options(command: Command) -> Command:
    """Add a switch for each fault."""
    command = click.option(
        "--slow-write",
        type=click.FloatRange(0, 600),
        is_flag=False,
        flag_value=2.0,
        default=0.0,
        metavar="[SECONDS]",
        help="Fault: let the file grow under its real name for so long (2 s).",
    )(command)
    for name, text in reversed(_FAULTS):
        command = click.option(name, is_flag=True, help=f"Fault: {text}")(command)
    return command


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what a run refuses, and a disk's errors, into one sentence and exit status 1."""
    try:
        yield
    except SimulatorError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"the exchange failed: {error.strerror}") from None
