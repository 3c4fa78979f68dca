"""Give each test an exchange of its own."""

from pathlib import Path

import pytest

from tests.unit.simulator.exchange_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty exchange with fresh keys."""
    return Site(tmp_path)
