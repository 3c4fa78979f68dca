"""The group of all commands."""

from __future__ import annotations

import click

from vault.cli.audit import audit
from vault.cli.doctor import doctor
from vault.cli.importing import import_cards
from vault.cli.init import init
from vault.cli.policy import policy
from vault.cli.scan import scan
from vault.cli.serve import check_config, migrate, serve, serve_worker


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cardvault-server", message="%(version)s")
def cardvault() -> None:
    """Keep payment cards on file so that other services do not have to."""


for command in (
    init,
    serve,
    serve_worker,
    migrate,
    check_config,
    doctor,
    audit,
    policy,
    scan,
    import_cards,
):
    cardvault.add_command(command)
