"""Offer the command line: `simulate` (the default) and `truth`. No card number is ever printed."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

import click

from updater.simulator.acquirer import Acquirer, Answer
from updater.simulator.errors import SimulatorError
from updater.simulator.exchange import Exchange
from updater.simulator.faults import Faults
from updater.simulator.journal import Journal
from updater.simulator.ledger import IssuerLedger
from updater.simulator.numbers import CardNumber
from updater.simulator.pgp import load_keys
from updater.simulator.script import Script, read_script

Command = TypeVar("Command", bound=Callable[..., object])

JOURNAL: Final = Path(".simulator") / "journal.jsonl"
_DIRECTORY: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_MAX_TRUTHS: Final = 10_000_000

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


def _fault_options(command: Command) -> Command:
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


@click.command()
@click.option("--exchange", type=_DIRECTORY, required=True, help="Holds outbox/ and inbox/.")
@click.option("--keys", type=_DIRECTORY, required=True, help="updater.cert and acquirer.cert.")
@click.option("--simulator-keys", type=_DIRECTORY, required=True, help="acquirer.tsk.")
@click.option("--seed", type=int, required=True, help="Decides what became of every card.")
@click.option("--once", is_flag=True, help="Answer what is there, then exit.")
@click.option("--poll-interval", type=click.FloatRange(0.01, 3600), default=1.0, show_default=True)
@click.option("--rates", "script", type=_FILE, help="YAML: rates, supported_brands, overrides.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What was answered; default <exchange>/.simulator/journal.jsonl.",
)
@_fault_options
def simulate(
    *,
    exchange: Path,
    keys: Path,
    simulator_keys: Path,
    seed: int,
    once: bool,
    poll_interval: float,
    script: Path | None,
    journal: Path | None,
    **faults: bool | float,
) -> None:
    """Play the acquirer and the card networks behind an exchange directory.

    Exit status 0 after --once (whatever was there) and on SIGTERM or SIGINT; 1 if it can't start.
    """
    try:
        with Journal(journal or exchange / JOURNAL) as book, _stopped_by_signal() as stop:
            acquirer = Acquirer(
                exchange=Exchange(exchange),
                journal=book,
                keys=load_keys(keys, simulator_keys),
                seed=seed,
                script=read_script(script) if script else Script(),
                faults=Faults(**faults),  # type: ignore[arg-type]  # click checked the types
                wait=stop.wait,
            )
            _run(acquirer, stop, once=once, poll_interval=poll_interval)
    except SimulatorError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"the exchange failed: {error.strerror}") from None


@click.command()
@click.option("--seed", type=int, required=True, help="As given to simulate.")
@click.option("--rates", "script", type=_FILE, help="YAML; only its rates count here.")
@click.option(
    "--numbers-from", type=click.File("r"), default="-", help="One number a line; - is stdin."
)
def truth(*, seed: int, script: Path | None, numbers_from: IO[str]) -> None:
    """Tell what became of each number: a JSON line with last four, outcome, new last four."""
    try:
        ledger = IssuerLedger(seed, (read_script(script) if script else Script()).rates)
    except SimulatorError as error:
        raise click.ClickException(str(error)) from None
    for index, line in enumerate(numbers_from, start=1):
        number = _number(line.strip()) if index <= _MAX_TRUTHS else None
        if number is None:
            raise click.ClickException(f"line {index} is not a card number, or one too many")
        found = ledger.truth(number)
        click.echo(
            json.dumps(
                {
                    "last4": number.last4,
                    "outcome": found.outcome.value,
                    "new_last4": found.new_pan.last4 if found.new_pan else None,
                }
            )
        )


class _DefaultsToSimulate(click.Group):
    """Read `python -m updater.simulator --exchange …` as `… simulate --exchange …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["simulate", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultsToSimulate)
def main() -> None:
    """Play the acquirer and the card networks, or tell the truth they answer from."""


main.add_command(simulate)
main.add_command(truth)


def _run(acquirer: Acquirer, stop: threading.Event, *, once: bool, poll_interval: float) -> None:
    totals = Counter(recovered=acquirer.recover(), answered=0, rejected=0, records=0)
    while not stop.is_set():
        for answer in acquirer.answer_pending():
            click.echo(_line(answer))
            totals["answered" if answer.rejected is None else "rejected"] += 1
            totals["records"] += sum(answer.codes.values())
            if stop.is_set():
                break
        if once or stop.wait(poll_interval):
            break
    click.echo("simulator: " + " ".join(f"{name}={count}" for name, count in totals.items()))


def _line(answer: Answer) -> str:
    if answer.rejected is not None:
        return f"rejected {answer.name}: {answer.rejected} line={answer.line}"
    codes = " ".join(f"{code}={count}" for code, count in sorted(answer.codes.items()))
    return f"answered {answer.name}: {codes}"


def _number(text: str) -> CardNumber | None:
    try:
        return CardNumber(text)
    except ValueError:
        return None


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
