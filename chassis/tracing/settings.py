"""What the settings say of traces. Plain values: nothing here needs a tracing library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chassis.address import split_address
from chassis.events.address import loopback

PATTERN: Final = r"^https?://[^/@?#\s]+$"
_URL: Final = re.compile(r"(https?)://([^/@?#\s]+)")


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Where spans go, and whose: `ratio` of the calls that bring no decision of their caller's."""

    service: str
    endpoint: str
    ratio: float
    most_per_s: int
    """Calls that are traced a second at most, whoever asks for it."""
    ca: Path | None = None

    @property
    def exposed(self) -> bool:
        """Tell whether spans cross a network without TLS."""
        scheme, host = parse_endpoint(self.endpoint)
        return scheme == "http" and not loopback(host)


def parse_endpoint(url: str) -> tuple[str, str]:
    """Return scheme and host of an OTLP receiver. Raises ValueError, whose text is a rule."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("http://host:port or https://host:port, and nothing behind it")
    host, _port = split_address(found[2])
    return found[1], host
