"""Open one sealed message in a process of its own, as far as a bound: `unsealing_process.py`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from updater.adapters import unsealing_process as process

_PROGRAM: Final = Path(process.__file__)
_FROM_OUTSIDE: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM})


class TooMuch(Exception):
    """A message with more plain text than was asked for."""


def unseal(sealed: bytes, keys: bytes, *, mode: str, limit: int) -> tuple[int, bytes]:
    """Return how it ended, and at most `limit` bytes of plain text: good only if OPENED.

    Nothing touches a disk: the message, and the keys, are handed over in memory. Blocks for as
    long as it takes; the process limits its own time. Raises TooMuch, and OSError for what is no
    fault of the message: no process could be started, or somebody ended it.
    """
    with _in_memory("sealed", sealed) as message, _in_memory("keys", keys) as secret:
        command = [sys.executable, "-I", "-B", str(_PROGRAM), str(secret), mode]
        with subprocess.Popen(  # noqa: S603 - our own file
            command,
            env={},
            stdin=message,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # an error's text may quote what it is about
            pass_fds=[secret],
            start_new_session=True,  # a terminal's Ctrl-C is for the updater, which ends in order
        ) as running:
            assert running.stdout is not None  # noqa: S101 - a pipe was asked for
            plain = running.stdout.read(limit + 1)
            if len(plain) > limit:
                running.kill()
                raise TooMuch
    if running.returncode in _FROM_OUTSIDE:
        raise ChildProcessError("the process that opens messages was ended from outside")
    return running.returncode, plain


@contextmanager
def _in_memory(name: str, content: bytes) -> Iterator[int]:
    """Give content a descriptor that a process can be handed, and no name in any directory."""
    descriptor = os.memfd_create(name)
    with os.fdopen(descriptor, "w+b") as file:
        file.write(content)
        file.seek(0)
        yield descriptor
