"""Tell whether a process lets others of its user look into it: the flag that also allows cores.

`RLIMIT_CORE` does not hold where the kernel hands cores to a program (`core_pattern` with a pipe,
core(5)); there `PR_SET_DUMPABLE` alone keeps them in. It can't be read from outside, but is what
the kernel asks when another process without privileges wants one of its descriptors.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Final

_SYS_PTRACE: Final = 1 << 19
_VERSION_3: Final = 0x20080522
_PIDFD_GETFD: Final = 438
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def can_be_looked_into(pid: int) -> bool:
    """Try to, from a thread that has given up the capability to look into anything."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(_looked(pid)))
    thread.start()
    thread.join()
    return found[0]


def _looked(pid: int) -> bool:
    _give_up_looking()
    handle = os.pidfd_open(pid)
    try:
        descriptor = int(_LIBC.syscall(_PIDFD_GETFD, handle, 0, 0))
    finally:
        os.close(handle)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


def _give_up_looking() -> None:
    """Drop CAP_SYS_PTRACE of this thread alone; a user who isn't root never had it."""
    header, data = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _LIBC.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    data[0] &= ~_SYS_PTRACE
    if _LIBC.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
