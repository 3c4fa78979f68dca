"""`scan`: look for card numbers where none may be. It prints places, never a number."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import IO, Final

import click

from vault.pan_scan.scanning import FileHit, Tally, scan_paths
from vault.pan_scan.wanted import AnyCardNumber, GivenNumbers, NumbersInvalid, Wanted

_LONG_RUN: Final = re.compile(r"[0-9](?:[ -]?[0-9]){11,}")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--numbers-from",
    type=click.File("r"),
    help="Look for these numbers only, one a line; - is stdin.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON, an object a line; the last: totals.")
@click.option("--max-hits", type=click.IntRange(min=1), default=1_000, show_default=True)
def scan(
    *, paths: tuple[Path, ...], numbers_from: IO[str] | None, as_json: bool, max_hits: int
) -> None:
    """Scan every byte (and file name) under PATHS for card numbers.

    With --numbers-from: for those, in ASCII, UTF-16, BCD and base64 at every alignment. Without:
    for any run of digits that is Luhn-valid, of a known brand and its length (not in BCD, nor
    inside UUIDs, tokens and hex digests, where such runs come up by chance).

    Exit 0: nothing found. Exit 1: found, or a file could not be read, so that nothing is claimed.
    """
    wanted = _wanted(numbers_from)
    tally, found = Tally(), 0
    for file_hit in scan_paths(paths, wanted, tally):
        found += 1
        if found <= max_hits:
            click.echo(json.dumps(_fields(file_hit)) if as_json else _line(file_hit))
    totals = {
        "files": tally.files,
        "bytes": tally.size,
        "found": found,
        "unreadable": len(tally.unreadable),
        "skipped": tally.skipped,
    }
    for path in tally.unreadable:
        click.echo(f"{click.format_filename(path)}: can't be read", err=True)
    if as_json:
        click.echo(json.dumps(totals))
    else:
        words = f"scanned {tally.files} files, {tally.size:,} bytes: {found} card numbers found"
        click.echo(words + (f" ({max_hits} shown)" if found > max_hits else ""))
    if found or tally.unreadable:
        raise click.exceptions.Exit(1)


def _wanted(numbers_from: IO[str] | None) -> Wanted:
    if numbers_from is None:
        return AnyCardNumber()
    try:
        return GivenNumbers([line.strip() for line in numbers_from])
    except NumbersInvalid as error:
        raise click.UsageError(f"--numbers-from: {error}") from None
    except ValueError:
        raise click.UsageError("--numbers-from: this is not text") from None


def _fields(file_hit: FileHit) -> dict[str, object]:
    hit = file_hit.hit
    return {
        # A name that holds a number must not be printed either.
        "file": _shown(file_hit),
        "in_name": file_hit.in_name,
        "offset": hit.offset,
        "encoding": hit.encoding.value,
        "line": None if hit.number is None else hit.number + 1,
        "last4": hit.last4,
    }


def _line(file_hit: FileHit) -> str:
    hit = file_hit.hit
    which = "a card number" if hit.number is None else f"the number of line {hit.number + 1}"
    place = "in the name" if file_hit.in_name else "offset"
    return (
        f"{_shown(file_hit)}: {place} {hit.offset}: "
        f"{hit.encoding.value}: {which}, ending {hit.last4}"
    )


def _shown(file_hit: FileHit) -> str:
    """Return the path, with all but the last four digits of a long run of them hidden."""
    name = click.format_filename(file_hit.path)
    return _LONG_RUN.sub(lambda run: f"{'*' * (len(run[0]) - 4)}{run[0][-4:]}", name)
