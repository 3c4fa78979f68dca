"""`audit`: verify and prove from the database, a copy or a dump, and a public key alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import click

from chassis.files import write_public
from vault.adapters.audit_verify.dump import write_dump
from vault.adapters.audit_verify.findings import Report
from vault.adapters.audit_verify.opening import open_trail
from vault.adapters.audit_verify.proofs import (
    ProofInvalid,
    dump_checkpoint,
    dump_proof,
    load_checkpoint,
    load_proof,
    prove,
)
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import verify_audit
from vault.cli.public_key import public_key as public_key_command
from vault.crypto.checkpoints import PublicKeys

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_MAX_FILE: Final = 64 << 20

_database = click.option(
    "--database",
    default=".cardvault/vault.db",
    show_default=True,
    help="An SQLite database or a copy, a dump, or postgresql://role@host/database (the password "
    "in PGPASSWORD or a pass file).",
)
_public_key = click.option(
    "--public-key",
    type=_FILE,
    default=Path(".cardvault/audit-public.pem"),
    show_default=True,
    help="Public keys of the checkpoints, PEM.",
)
_output = click.option("--output", type=_NEW_FILE, help="Write to this file instead of stdout.")


@click.group()
def audit() -> None:
    """Verify the audit without trusting the vault."""


audit.add_command(public_key_command)


@audit.command()
@_database
@_public_key
@click.option("--checkpoint", type=_FILE, help="A checkpoint that was kept elsewhere.")
def verify(database: str, public_key: Path, checkpoint: Path | None) -> None:
    """Check every record against its chain and the signed checkpoints.

    Exit 0: nothing was touched. Exit 1: each act of tampering is named with its records. Exit 2:
    the files can't be used. Without --checkpoint, a database that was cut back to an earlier
    state can't be told from one that was copied then.
    """
    keys = _keys(public_key)
    try:
        given = load_checkpoint(checkpoint.read_bytes()[:_MAX_FILE]) if checkpoint else None
        report = verify_audit(database, keys, given)
    except (NotReadable, ProofInvalid) as error:
        _unusable(error)
    for finding in report.findings:
        click.echo(str(finding))
    if report.more:
        click.echo(f"and {report.more} more")
    click.echo(_summary(report))
    if not report.ok:
        raise click.exceptions.Exit(1)


@audit.command("prove")
@click.argument("chain")
@click.argument("sequence", type=click.IntRange(min=1))
@_database
@_public_key
@_output
def prove_record(
    chain: str, sequence: int, database: str, public_key: Path, output: Path | None
) -> None:
    """Prove that record SEQUENCE of CHAIN is in the audit, as a file that stands alone."""
    keys = _keys(public_key)
    try:
        proof = prove(database, chain, sequence, keys)
    except (NotReadable, ProofInvalid) as error:
        raise click.ClickException(str(error)) from None
    _write(dump_proof(proof), output)


@audit.command("check-proof")
@click.argument("file", type=_FILE)
@_public_key
def check_proof(file: Path, public_key: Path) -> None:
    """Check a proof with the public key alone, and show the record it is about."""
    keys = _keys(public_key)
    try:
        proof = load_proof(file.read_bytes()[:_MAX_FILE])
    except ProofInvalid as error:
        _unusable(error)
    if not proof.holds(keys):
        raise click.ClickException("the proof does not hold")
    number = proof.checkpoint.number
    click.echo(f"holds: record {proof.sequence} of {proof.chain}, by checkpoint {number}")
    click.echo(proof.record.decode(errors="replace"))


@audit.command("export-checkpoint")
@_database
@_output
def export_checkpoint(database: str, output: Path | None) -> None:
    """Write the newest checkpoint, to be kept where nobody who can write the database can."""
    try:
        with open_trail(database) as file:
            newest = next(file.checkpoints(newest_first=True), None)
    except NotReadable as error:
        _unusable(error)
    if newest is None:
        raise click.ClickException("there is no checkpoint yet")
    _write(dump_checkpoint(newest), output)


@audit.command("export")
@_database
@click.option("--output", type=_NEW_FILE, required=True, help="The dump: JSON lines, mode 0600.")
def export(database: str, output: Path) -> None:
    """Write the whole audit as a file that `verify`, `prove` and `export-checkpoint` read.

    One snapshot. It holds who did what to which token, of every tenant, and no card number.
    """
    part = output.with_name(output.name + ".part")
    try:
        with open_trail(database) as file, _new(part) as out:
            counts = write_dump(file, out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(output)
    except NotReadable as error:
        part.unlink(missing_ok=True)
        _unusable(error)
    told = ", ".join(f"{counts[kind]} {kind}s" for kind in ("chain", "record", "checkpoint"))
    click.echo(f"wrote {output}: {told}")


def _new(part: Path) -> BinaryIO:
    """Make a file that only its owner may read; one that is there is another export's."""
    try:
        return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise click.UsageError(f"{part}: {error.strerror}") from None


def _keys(path: Path) -> PublicKeys:
    try:
        return PublicKeys.from_pem(path.read_bytes()[:_MAX_FILE])
    except ValueError:
        raise click.UsageError("the public key's file holds no Ed25519 public key in PEM") from None


def _unusable(error: Exception) -> NoReturn:
    """End with exit 2: what was found says nothing of the audit."""
    raise click.UsageError(str(error)) from None


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        click.echo(content.decode(), nl=False)
    else:
        write_public(output, content)
        click.echo(f"wrote {output}")


def _summary(report: Report) -> str:
    verdict = "intact" if report.ok else f"TAMPERED WITH: {len(report.findings) + report.more}"
    signed = "signed by no checkpoint"
    if report.last_checkpoint:
        time = datetime.fromtimestamp(report.last_time / 1e6, UTC)
        signed = f"signed up to checkpoint {report.last_checkpoint} of {time:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"audit {verdict}: {report.records} records in {report.chains} chains, "
        f"{report.checkpoints} checkpoints, {signed}, {report.behind} records behind it"
    )
