"""Free TCP ports that stay free across a restart."""

from __future__ import annotations

import errno
import os
import socket
from itertools import cycle, islice
from typing import Final

# Below Linux's ephemeral range (32768 up): a port from there may be some client's own by the time
# a killed server wants it back.
_FIRST: Final = 20_000
# Each process hands out from a block of its own, each port as rarely as can be: between the look
# and the server's bind there are seconds, in which a neighbouring test run looks, too.
_BLOCK: Final = 100
_BLOCKS: Final = 120


_START: Final = _FIRST + os.getpid() % _BLOCKS * _BLOCK
_CANDIDATES: Final = cycle(range(_START, _START + _BLOCK))


def free_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 that nobody listens on now. Raises OSError if none."""
    found: list[int] = []
    for port in islice(_CANDIDATES, _BLOCK):
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
