"""`policy check`: read a policy file as the server would."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from chassis.policy import PolicyInvalid, parse_policy
from vault.rpc.routes import VOCABULARY


@click.group()
def policy() -> None:
    """Look at policy files."""


@policy.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def check(file: Path) -> None:
    """Show what a policy file grants; exit 1 names what is wrong with it."""
    try:
        loaded = parse_policy(file.read_bytes(), VOCABULARY)
    except PolicyInvalid as error:
        raise click.ClickException(str(error)) from None
    table = Table("principal", "tenants", "may", "purposes")
    for identity in loaded.identities:
        table.add_row(
            identity.principal,
            " ".join(identity.tenants),
            " ".join(sorted(identity.permissions)),
            " ".join(sorted(identity.purposes)),
        )
    Console().print(table)
