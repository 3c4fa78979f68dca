"""`audit public-key`: what a verifier is given, from whichever store and key service hold it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from chassis.clock import SystemClock
from chassis.files import write_public
from vault.adapters.kms.open import KmsInvalid, open_kms
from vault.adapters.local_kms import LocalKeyInvalid
from vault.adapters.sqlite.keys_beside import open_keys_beside
from vault.cli.settings import load_config
from vault.config import VaultConfig
from vault.domain.reasons import VaultError
from vault.usecases.checkpointer import public_pem, stored_checkpoint_keys
from vault.usecases.key_making import KeyMaker
from vault.usecases.ports import KeyStore, StoreError


@click.command("public-key")
@click.option(
    "--out",
    "--output",
    "output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of stdout.",
)
def public_key(output: Path | None) -> None:
    """Write the checkpoints' public keys, PEM: what `verify` is given.

    Takes the vault's own settings (CARDVAULT_DATABASE_URL, CARDVAULT_KMS_KEY): the key service
    unwraps the signing keys, and their public halves are written, older ones too. Makes no key,
    and may run beside a vault. Whoever verifies gets the file from whoever runs the vault.
    """
    try:
        pem = asyncio.run(_public_keys(load_config()))
    except (KmsInvalid, LocalKeyInvalid, StoreError, VaultError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.strerror}: {error.filename}") from None
    if not pem:
        raise click.ClickException("there is no checkpoint key yet: a vault makes it at its start")
    if output is None:
        click.echo(pem.decode(), nl=False)
    else:
        write_public(output, pem)
        click.echo(f"wrote {output}")


async def _public_keys(config: VaultConfig) -> bytes:
    async with open_kms(config.kms) as kms, _keys(config) as keys:
        return public_pem(await stored_checkpoint_keys(KeyMaker(keys, kms, SystemClock().now_us)))


@asynccontextmanager
async def _keys(config: VaultConfig) -> AsyncIterator[KeyStore]:
    """Open the keys alone, or beside a vault that serves them."""
    if config.postgres is not None:
        # A production extra: an embedded vault needs no driver.
        from vault.adapters.postgres.open import open_postgres  # noqa: PLC0415

        async with open_postgres(config.postgres) as engine:
            yield engine.keys
    elif config.sqlite_path is not None:
        with open_keys_beside(config.sqlite_path) as keys:
            yield keys
    else:
        raise click.ClickException("memory: keeps no keys")
