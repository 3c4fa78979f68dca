"""Ports that workers share: nobody else's when they start, and theirs for as long as they run."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from chassis.address import split_address


class PortTaken(OSError):
    """Something else serves an address. Its text names the address."""


@contextmanager
def keeping_ports(addresses: Sequence[str]) -> Iterator[None]:
    """Keep addresses for the workers until the block is left. Raises PortTaken, OSError.

    SO_REUSEPORT lets every process of one user listen beside another, a second installation
    included, which would then get part of the calls. So it is first tried without. The sockets
    kept here are bound and don't listen: the kernel hands them nothing.
    """
    with ExitStack() as stack:
        for address in addresses:
            host, port = split_address(address)
            for family, kind, protocol, _name, where in _resolved(host, port):
                try:
                    with socket.socket(family, kind, protocol) as alone:
                        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        alone.bind(where)
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    taken = PortTaken(error.errno, "in use by another process", address)
                    raise taken from None
                kept = stack.enter_context(socket.socket(family, kind, protocol))
                kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                kept.bind(where)
        yield


def _resolved(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(found))  # type: ignore[arg-type]
