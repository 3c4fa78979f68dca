"""`init`: a development identity in `.cardvault/`, so that mTLS is on from the first call."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from chassis.clock import SystemClock
from chassis.files import write_public
from chassis.pki import Leaf, ensure_pki
from vault.adapters.kms.address import KmsSettings
from vault.adapters.kms.open import open_kms
from vault.adapters.local_kms import make_local_key
from vault.adapters.sqlite.open import open_sqlite
from vault.usecases.checkpointer import checkpoint_keys, public_pem
from vault.usecases.key_making import KeyMaker

LEAVES: Final = (
    Leaf("server", server=True),
    Leaf("app"),
    Leaf("psp"),
    Leaf("updater", server=True),
    Leaf("operator"),
)

POLICY: Final = """\
# Who may do what. Checked every second; a bad file keeps the last good one.
# Names of permissions and purposes: docs/reference/policy.md
principals:
  - match: {san: "spiffe://demo/app"}
    tenants: [demo]
    roles: [merchant]
  - match: {san: "spiffe://demo/psp"}
    tenants: [demo]
    roles: [psp]
  - match: {san: "spiffe://demo/updater"}
    tenants: [demo]
    roles: [updater]
  - match: {san: "spiffe://demo/operator"}
    tenants: [demo]
    roles: [operator]
roles:
  merchant: {allow: [tokenize, read, update, delete, undelete, security_code], purposes: []}
  psp:
    allow: [reveal, find_by_number, reveal_security_code]
    purposes: [payment, refund, dispute]
    statuses:
      refund: [ACTIVE, NEEDS_CARDHOLDER, CLOSED]
      dispute: [ACTIVE, NEEDS_CARDHOLDER, CLOSED]
  updater:
    allow: [stream_credentials, apply_updates, revert_updates, read, reveal, fingerprint]
    purposes: [updater_inquiry]
  operator: {allow: [keys, audit, tenants, read, status, revert_updates, approve]}
"""


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".cardvault"),
    show_default=True,
)
def init(directory: Path) -> None:
    """Make keys, certificates, policy and database for development; safe to repeat."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = ensure_pki(directory / "pki", LEAVES, trust_domain="demo", now=datetime.now(UTC))
    click.echo(f"pki: {'made ' + ', '.join(written) if written else 'as it was'}")
    key = directory / "local-kms.key"
    if not key.exists():
        make_local_key(key)
        click.echo("key: made a local key file (development only)")
    policy = directory / "policy.yaml"
    if not policy.exists():
        write_public(policy, POLICY.encode())
        click.echo("policy: tenant demo; app, psp, updater, operator")
    asyncio.run(_database(directory))
    click.echo(f"database: {directory / 'vault.db'}")
    # The exchange's keys are the updater's business, and the two meet as processes only.
    command = [sys.executable, "-m", "updater", "init", "--dir", str(directory)]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own module
        raise click.ClickException("the updater's part of init failed")


async def _database(directory: Path) -> None:
    clock = SystemClock()
    settings = KmsSettings(f"local:{directory / 'local-kms.key'}")
    async with open_kms(settings) as kms, open_sqlite(directory / "vault.db") as engine:
        maker = KeyMaker(engine.keys, kms, clock.now_us)
        write_public(directory / "audit-public.pem", public_pem(await checkpoint_keys(maker)))
