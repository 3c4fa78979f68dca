"""Free TCP ports that stay free across a restart."""

from __future__ import annotations

import errno
import random
import socket
from typing import Final

# Below Linux's ephemeral range (32768 up): a port from there may be some client's own by the time
# a killed server wants it back.
_FIRST: Final = 20_000
_LAST: Final = 32_000
_TRIES: Final = 200


def free_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 that nobody listens on now. Raises OSError if none."""
    found: list[int] = []
    for port in random.sample(range(_FIRST, _LAST), _TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OSError(errno.EADDRINUSE, "no free port")
