"""One vault behind Envoy for all tests that leave it as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.parts.envoy.running import envoy_site, left_behind, stored
from tools.running.site import Site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serve; at the end it must stop in order, whatever the tests did to it."""
    with envoy_site() as found:
        asyncio.run(found.start_vault(within=60))
        yield found
        assert asyncio.run(found.vault.stop()) == 0
        assert left_behind(found) == []


@pytest.fixture
async def token(site: Site) -> str:
    """Store a card as `app`."""
    async with site.channel("app") as channel:
        return await stored(channel, 7)
