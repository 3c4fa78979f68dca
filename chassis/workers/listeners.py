"""What a leaving process does about its sockets, so that no client gets a reset or a lost call.

Calls: a gRPC server that is being stopped tells its clients to go (GOAWAY), and cancels what they
had sent by the time they hear of it: they see CANCELLED, which nobody may take for "not done". A
connection that has reached its age ends without that: told to go, it is served to its last call.
So a leaving process takes no more connections, waits until those it has have aged out, and only
then stops its server.


Connections: closing a listener resets those that the kernel has set up for it and that were not
accepted yet. With SO_REUSEPORT the others on the port go on, but these clients get a reset. So,
before it closes, a filter on the listener drops every first packet of a connection. The client's
kernel repeats it after a second; by then the listener is gone and the packet finds another
process's. (`net.ipv4.tcp_migrate_req=1` does the same for the whole machine; it isn't ours to set.)
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Final

SETTLE_S: Final = 0.2
"""How long handshakes begun before a listener was shut may take; most take a few milliseconds."""
_LOOK_S: Final = 0.1
_SO_ATTACH_FILTER: Final = 26
# Classic BPF over the TCP header: load byte 13 (the flags); SYN set: keep 0 bytes, else all.
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # ldb [13]
    (0x45, 0, 1, 0x02),  # jset #SYN, next, the one behind
    (0x06, 0, 0, 0),  # ret #0
    (0x06, 0, 0, 0xFFFFFFFF),  # ret #-1
)


async def leave(
    ports: Sequence[int], patience: timedelta, age: timedelta, *, shared: bool
) -> timedelta:
    """Take no more connections, wait until those to the first port are over; return what is left.

    `age` is how old a connection may get; gRPC adds up to a tenth. Where `patience` is shorter than
    that there is no use in waiting, and the time is left to the calls. `shared`: others listen
    there, so what was begun with us is let in first. The server is to be stopped then.
    """
    began = time.monotonic()
    worth_it = age * 1.1 < patience
    if shared or (worth_it and open_connections(ports[0])):
        refuse_connections(ports)
        await asyncio.sleep(SETTLE_S)
        if worth_it:
            await connections_gone(ports[0], patience.total_seconds() - SETTLE_S)
    taken = timedelta(seconds=time.monotonic() - began)
    return max(patience - taken, timedelta(seconds=1))


async def connections_gone(port: int, patience_s: float) -> bool:
    """Wait until nobody is connected to our port; False: somebody still is."""
    until = time.monotonic() + patience_s
    while open_connections(port):
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(_LOOK_S)
    return True


def open_connections(port: int) -> int:
    """Count this process's connections that came in on a port."""
    found = 0
    for connection in _sockets():
        with connection, contextlib.suppress(OSError):
            inward = connection.getsockname()[1] == port
            connection.getpeername()  # an error for a listener
            found += inward
    return found


def refuse_connections(ports: Collection[int]) -> int:
    """Have the kernel hand no new connection to our listeners on these ports; return how many.

    Best effort: where the kernel takes no filter, connections may be reset, and clients try again.
    """
    done = 0
    for found in _sockets():
        with found, contextlib.suppress(OSError):
            accepting = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if accepting and found.getsockname()[1] in ports:
                _attach(found)
                done += 1
    return done


def _sockets() -> Iterator[socket.socket]:
    """Yield duplicates of this process's TCP sockets: gRPC doesn't hand its own out."""
    if sys.platform != "linux":
        return
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, and no object for each
        with contextlib.suppress(OSError):
            number = int(name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            found = socket.socket(fileno=os.dup(number))
            if found.family in {socket.AF_INET, socket.AF_INET6}:
                yield found
            else:
                found.close()


def _attach(listener: socket.socket) -> None:
    code = b"".join([struct.pack("HBBI", *line) for line in _DROP_SYN])
    memory = ctypes.create_string_buffer(code)
    program = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(memory))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
