"""`init`: the updater's part of a development directory."""

import asyncio
from pathlib import Path

import click

from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.marks import make_marks_key
from updater.adapters.openpgp import make_exchange_keys
from updater.adapters.sqlite.database import open_database
from updater.cli.settings import told


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".cardvault"),
    show_default=True,
)
def init(directory: Path) -> None:
    """Make exchange keys, exchange directory and database; safe to repeat, replaces no key."""
    with told():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = directory / "exchange-keys"
        made = make_exchange_keys(keys, directory / "simulator-keys")
        made = make_marks_key(keys) or made
        click.echo(f"exchange keys: {'made' if made else 'as they were'}")
        ExchangeDirectory(directory / "exchange")
        asyncio.run(_database(directory / "updater.db"))
        click.echo(f"updater database: {directory / 'updater.db'}")


async def _database(path: Path) -> None:
    async with open_database(path):
        return
