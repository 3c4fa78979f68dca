"""Each language's program, made once for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kit.clients.programs import LANGUAGES, Program


@pytest.fixture(scope="session", params=LANGUAGES)
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    """Make a language's program by its README."""
    language: str = request.param
    # Not pytest's own directory: what npm and pip unpack is too much to be kept for three runs.
    with TemporaryDirectory(prefix=f"cardvault-{language}-") as tree:
        made = Program(language, Path(tree))
        made.make()
        yield made
