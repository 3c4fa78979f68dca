"""Offer the commands that read: `truth` and `ledger`. JSON lines, last fours only."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import click

from updater.simulator.cli_options import (
    DIRECTORY,
    exchange_options,
    journal_option,
    rule_options,
    said_plainly,
)
from updater.simulator.journal import deliveries
from updater.simulator.ledger import IssuerLedger
from updater.simulator.numbers import CardNumber
from updater.simulator.plan import What
from updater.simulator.setup import JOURNAL, Setup, rules_from
from updater.simulator.truth import Standing

_MAX_TRUTHS: Final = 10_000_000
_USABLE: Final = frozenset({What.ANSWER, What.AGAIN})


@click.command()
@exchange_options(required=False)
@rule_options
@click.option(
    "--numbers-from", type=click.File("r"), default="-", help="One number a line; - is stdin."
)
@click.option("--merchant", default="", help="Count only what is sent to this merchant.")
def truth(*, numbers_from: IO[str], merchant: str, **options: Any) -> None:
    """Tell what became of each number, a JSON line each.

    By the issuers alone; or, with --exchange, --keys and --simulator-keys, after all that is ever
    sent about it there: then no simulator may be at work on the exchange.
    """
    with said_plainly():
        if options["exchange"] is None:
            rules = rules_from(options["form_name"], options["seed"], options["script"])
            for number in _numbers(numbers_from):
                click.echo(json.dumps(_issuers_word(rules.ledger, number)))
            return
        if options["keys"] is None or options["simulator_keys"] is None:
            raise click.UsageError("--exchange goes with --keys and --simulator-keys")
        numbers = list(_numbers(numbers_from))
        with Setup(**options).acquirer() as acquirer:
            found = acquirer.truths(numbers, merchant)
        for number in numbers:
            click.echo(json.dumps(_whole_truth(number, found.get(number))))


@click.command()
@click.option("--exchange", type=DIRECTORY, required=True, help="Holds .simulator/journal.jsonl.")
@journal_option
def ledger(*, exchange: Path, journal: Path | None) -> None:
    """Tell what was sent: a JSON line for each file, then one with totals.

    Totals of records are of files that can be used; others are only counted as files.
    """
    totals: dict[str, Counter[str]] = {name: Counter() for name in ("files", "codes", "kinds")}
    with said_plainly():
        for sent in deliveries(journal or exchange / JOURNAL):
            click.echo(json.dumps(sent))
            totals["files"][sent["what"]] += 1
            totals["files"]["under a second name"] += len(sent["files"]) - 1
            if sent["what"] in _USABLE:
                totals["codes"].update(sent["codes"])
                totals["kinds"].update(sent["kinds"])
    sums: dict[str, Any] = {name: dict(sorted(count.items())) for name, count in totals.items()}
    click.echo(json.dumps({"totals": {**sums, "records": totals["codes"].total()}}))


def _numbers(lines: IO[str]) -> Iterator[CardNumber]:
    for index, line in enumerate(lines, start=1):
        try:
            number = CardNumber(line.strip()) if index <= _MAX_TRUTHS else None
        except ValueError:
            number = None
        if number is None:
            raise click.ClickException(f"line {index} is not a card number, or one too many")
        yield number


def _issuers_word(ledger: IssuerLedger, number: CardNumber) -> dict[str, object]:
    found = ledger.truth(number)
    return {
        "last4": number.last4,
        "outcome": found.outcome.value,
        "new_last4": found.new_pan.last4 if found.new_pan else None,
    }


def _whole_truth(number: CardNumber, found: Standing | None) -> dict[str, object]:
    if found is None:
        return {"last4": number.last4, "asked": False}
    return {
        "last4": number.last4,
        "asked": True,
        "outcome": found.outcome.value if found.outcome else None,
        "status": found.status.value,
        "final_last4": found.final.last4,
        "expiry": f"{found.expiry.year}-{found.expiry.month:02}" if found.expiry else None,
        "chain": [each.last4 for each in found.chain],
        "determined": found.determined,
        "marks": sorted(found.marks),
        "rows": dict(sorted(found.rows.items())),
    }
