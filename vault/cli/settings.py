"""Settings for a command: errors become one sentence and exit 2."""

from __future__ import annotations

import click

from chassis.config import ConfigInvalid
from vault.config import VaultConfig


def load_config(workers: int | None = None, transport: str | None = None) -> VaultConfig:
    """Read CARDVAULT_* variables; an option given takes the place of its variable.

    A bad one ends the command, named without its value.
    """
    options = {"workers": workers, "transport": transport}
    try:
        return VaultConfig.load(
            **{name: each for name, each in options.items() if each is not None}
        )
    except ConfigInvalid as error:
        raise click.UsageError(str(error)) from None
