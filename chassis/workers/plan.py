"""What a supervisor is to do: handed over on its command line, checked by whoever made it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Plan:
    """How many workers of which command, and what they share. Nothing in it is secret.

    Each worker is started as `command`, `--control`, a file descriptor, `--number`, its place.
    """

    service: str
    command: tuple[str, ...]
    workers: int
    addresses: tuple[str, ...]  # host:port, all that the workers listen on together
    ops_listen: str
    leave_s: float  # how long a worker may take from SIGTERM on before it is killed
    log_level: str = "INFO"

    def to_json(self) -> str:
        """Return it as one argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` made."""
        fields = json.loads(text)
        for name in ("command", "addresses"):
            fields[name] = tuple(fields[name])
        return cls(**fields)
