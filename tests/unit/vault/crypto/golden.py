"""The frozen vectors of tests/golden/, and the objects they are about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

GOLDEN: Final = Path(__file__).parents[3] / "golden"


def load(name: str) -> dict[str, Any]:
    """Read a golden file; never write one: a new format gets a new file."""
    vectors: dict[str, Any] = json.loads((GOLDEN / name).read_bytes())
    return vectors


def scripted(*parts: bytes) -> Callable[[int], bytes]:
    """Return a source of randomness that gives these bytes, each once."""
    left = list(parts)

    def random(size: int) -> bytes:
        part = left.pop(0)
        assert len(part) == size
        return part

    return random
