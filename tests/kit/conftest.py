"""One vault for all tests of the kit: `cardvault serve`, as anybody would start it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tools.running.site import Site


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the vault is served by."""
    parser.addoption(
        "--transport", choices=("grpcio", "envoy"), default=None, help="default: the vault's"
    )


@pytest.fixture(scope="session")
def vault(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Run a vault on SQLite over mTLS, with the identities that `cardvault init` makes."""
    transport = request.config.getoption("--transport")
    settings = {"CARDVAULT_TRANSPORT": str(transport)} if transport else {}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            site = runner.run(stack.enter_async_context(Site.temporary(settings=settings)))
            runner.run(site.start_vault())
            yield site
            assert runner.run(site.vault.stop()) == 0
        finally:
            runner.run(stack.aclose())
