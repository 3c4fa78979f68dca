"""An operator's terminal beside an updater of this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner, Result

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.logged import logged
from tests.doubles.updater_site import Site, updater_site
from updater.cli.commands import updater
from updater.rpc.calls import LOGGED

NUMBER: Final = number_for_test(Brand.VISA, 1)
"""The number of a site's first card: no command prints it, and no line of the log."""


class Terminal:
    """Gives commands to the updater of a site, as an operator would."""

    def __init__(self, site: Site) -> None:
        config = site.config
        names = {
            "DATABASE_URL": config.database_url,
            "TLS_CA": config.tls_ca,
            "EXCHANGE_DIRECTORY": config.exchange_directory,
            "EXCHANGE_KEYS": config.exchange_keys,
            "CHANNELS": config.channels,
            "LISTEN": site.address,
            "POLICY": config.policy,
            "TLS_CERTIFICATE": config.tls_certificate,
            "TLS_KEY": config.tls_key,
            "CLIENT_CERTIFICATE": config.client_certificate,
            "CLIENT_KEY": config.client_key,
        }
        self._env = {
            f"CARDVAULT_UPDATER_{name}": str(value)
            for name, value in names.items()
            if value is not None
        } | {"COLUMNS": "220"}

    async def __call__(self, *arguments: str, code: int = 0, **env: str) -> str:
        """Give one command; it must exit with `code`."""

        def run() -> Result:
            return CliRunner(env={**self._env, **env}).invoke(updater, arguments)

        result = await asyncio.to_thread(run)
        shown = NUMBER in result.output
        assert not shown
        assert result.exit_code == code, result.output
        return result.output

    async def data(self, *arguments: str) -> Any:
        """Give one command with --json; return what it prints."""
        return json.loads(await self(*arguments, "--json"))


@asynccontextmanager
async def at_work(root: Path, **settings: Any) -> AsyncIterator[tuple[Site, Terminal]]:
    """Serve an updater until the block is left, and yield a terminal beside it."""
    # What the service logs isn't what a command prints, though both are one process here.
    with logged("updater", fields=LOGGED) as log:
        async with updater_site(root, **settings) as site:
            yield site, Terminal(site)
    shown = NUMBER in log.getvalue()
    assert not shown
