"""Settings for a command: errors become one sentence and exit 2."""

from __future__ import annotations

import click

from chassis.config import ConfigInvalid
from vault.config import VaultConfig


def load_config(workers: int | None = None) -> VaultConfig:
    """Read CARDVAULT_* variables; an option given takes the place of its variable.

    A bad one ends the command, named without its value.
    """
    given = {} if workers is None else {"workers": workers}
    try:
        return VaultConfig.load(**given)
    except ConfigInvalid as error:
        raise click.UsageError(str(error)) from None
