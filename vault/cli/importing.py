"""`import`: bring cards from a CSV file into a running vault, in batches, safe to repeat."""

from __future__ import annotations

import asyncio
import csv
import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

import click
import grpc
from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest, BatchTokenizeResult
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub
from google.rpc import error_details_pb2, status_pb2
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from chassis.channel import open_channel, reason_in, status_of
from chassis.files import write_private
from chassis.tls import CertificateInvalid, TlsFiles
from vault.cli.import_rows import FileInvalid, Row, read_rows

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_CALL_TIMEOUT: Final = 60.0
_SHOWN: Final = 50


@dataclass(slots=True)
class Totals:
    """What an import came to."""

    stored: int = 0
    known: int = 0  # the customer had this card already: its token was returned
    failed: int = 0


@click.command("import")
@click.option("--csv", "source", type=_FILE, required=True, help="First line: column names.")
@click.option("--server", default="127.0.0.1:50051", show_default=True, help="The vault.")
@click.option("--identity", default="app", show_default=True, help="A certificate under DIR/pki.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(".cardvault"),
    show_default=True,
)
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where row numbers and tokens go.  [default: CSV with .tokens.csv]",
)
@click.option("--batch", type=click.IntRange(1, 500), default=500, show_default=True)
def import_cards(
    *, source: Path, server: str, identity: str, directory: Path, mapping: Path | None, batch: int
) -> None:
    """Store the cards of a CSV file and write which row became which token.

    Columns: number, expiry_month, expiry_year, cardholder_name, customer, merchant_account,
    agreement, consent_time. Rows that fail are named by their ordinal and a reason. A second run
    replays what was stored (for 24 hours) and sends the rest; the file may not change in between.

    Exit 1: a row failed, or the vault couldn't be reached. Exit 2: the file can't be used.
    """
    pki = directory / "pki"
    files = TlsFiles(pki / "ca.pem", pki / f"{identity}.pem", pki / f"{identity}.key")
    mapping = mapping or source.with_suffix(".tokens.csv")
    import_id = _import_id(mapping)
    try:
        totals = asyncio.run(_import(source, server, files, mapping, import_id, batch))
    except CertificateInvalid as error:
        raise click.UsageError(f"--identity {identity}: {error}") from None
    except FileInvalid as error:
        raise click.UsageError(f"--csv: {error}") from None
    except grpc.aio.AioRpcError as error:
        raise _refused(error) from None
    click.echo(
        f"imported {totals.stored} cards, {totals.known} known before, {totals.failed} failed; "
        f"tokens by row: {mapping}"
    )
    if totals.failed:
        raise click.exceptions.Exit(1)


def _import_id(mapping: Path) -> uuid.UUID:
    """Return this import's random id, made at its first run and kept beside the mapping."""
    path = mapping.with_name(mapping.name + ".import-id")
    try:
        return uuid.UUID(path.read_text().strip())
    except FileNotFoundError:
        made = uuid.uuid4()
        write_private(path, f"{made}\n".encode())
        return made
    except ValueError:
        raise click.UsageError(f"{path} holds no import id") from None


async def _import(
    source: Path, server: str, files: TlsFiles, mapping: Path, import_id: uuid.UUID, batch: int
) -> Totals:
    totals = Totals()
    with source.open("rb") as raw, _mapping(mapping) as out, _progress() as progress:
        task = progress.add_task("importing", total=_size(raw))
        text = io.TextIOWrapper(raw, "utf-8-sig", newline="")  # named: when it goes, so does raw
        rows = read_rows(text, import_id)
        async with open_channel(server, files) as channel:
            stub: VaultServiceAsyncStub = VaultServiceStub(channel)
            while chunk := list(islice(rows, batch)):
                await _send(stub, chunk, out, totals, progress.console)
                progress.update(task, completed=raw.tell())
    return totals


def _size(file: BinaryIO) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


async def _send(
    stub: VaultServiceAsyncStub, rows: list[Row], out: TextIO, totals: Totals, console: Console
) -> None:
    """Send one batch and note every row's outcome. Raises AioRpcError."""
    good = [row.request for row in rows if row.request is not None]
    results: Iterator[BatchTokenizeResult] = iter(())
    if good:
        # A vault that restarts is waited for: the channel retries, and the ids make that safe.
        response = await stub.BatchTokenize(
            BatchTokenizeRequest(requests=good), timeout=_CALL_TIMEOUT, wait_for_ready=True
        )
        results = iter(response.results)
    table = csv.writer(out)
    for row in rows:
        result = next(results) if row.request is not None else None
        if result is None or result.HasField("error"):
            totals.failed += 1
            if totals.failed <= _SHOWN:
                problem = row.problem if result is None else reason_of(result.error)
                console.print(f"row {row.ordinal}: {problem}", markup=False, highlight=False)
            continue
        created = result.response.created
        totals.stored += created
        totals.known += not created
        table.writerow((row.ordinal, result.response.card.token, "yes" if created else "no"))


def reason_of(status: status_pb2.Status) -> str:
    """Return an error's public reason and the fields it is about; the vault quotes no values."""
    reason, fields = reason_in(status) or "UNKNOWN", []
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            fields = [violation.field for violation in bad.field_violations]
    return f"{reason} ({', '.join(fields)})" if fields else reason


@contextmanager
def _mapping(path: Path) -> Iterator[TextIO]:
    """Open the mapping under another name; it gets its own once everything was sent."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(("row", "token", "created"))
        yield file
    part.replace(path)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _refused(error: grpc.aio.AioRpcError) -> click.ClickException:
    """Return what the vault said of the whole call."""
    status = status_of(error)
    reason = reason_of(status) if status.details else error.code().name
    return click.ClickException(f"the vault refused: {reason}; run again to go on")
