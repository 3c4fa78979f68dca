"""The group of all commands."""

import click

from updater.cli.channels import channels
from updater.cli.doctor import doctor
from updater.cli.exceptions import exceptions
from updater.cli.feeds import feeds
from updater.cli.init import init
from updater.cli.run_once import run_once
from updater.cli.serve import check_config, migrate, serve


class _Group(click.Group):
    """Loads the simulator only when it is asked for: no other command needs its code."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name == "simulate":
            from updater.simulator.cli import simulate  # noqa: PLC0415

            return simulate
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), "simulate"])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cardvault-server", message="%(version)s")
def updater() -> None:
    """Keep stored cards current by asking the card networks what became of them."""


for command in (
    *(init, serve, migrate, check_config, doctor, run_once),
    *(feeds, exceptions, channels),
):
    updater.add_command(command)
