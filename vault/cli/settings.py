"""Settings for a command: errors become one sentence and exit 2."""

from __future__ import annotations

import click

from chassis.config import ConfigInvalid
from vault.config import VaultConfig


def load_config() -> VaultConfig:
    """Read CARDVAULT_* variables. A bad one ends the command, named without its value."""
    try:
        return VaultConfig.load()
    except ConfigInvalid as error:
        raise click.UsageError(str(error)) from None
