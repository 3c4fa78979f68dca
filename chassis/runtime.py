"""Prepare the process, before anything that could leak starts: environment, core dumps, loop."""

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

UNSAFE_VARIABLES: Final = ("GRPC_TRACE", "GRPC_VERBOSITY")
"""gRPC's own tracing prints message bytes to stderr: card numbers among them."""

_PR_SET_DUMPABLE: Final = 4


def prepare_environment() -> None:
    """Drop the variables that make gRPC print what it carries; call before grpc is imported.

    Raises RuntimeError if one was set and grpc is loaded: it may have read it already.
    """
    found = False
    for name in UNSAFE_VARIABLES:
        # The one place that writes the environment: grpc reads these itself, from C, so no
        # settings class can keep them from it.
        found |= os.environ.pop(name, None) is not None  # noqa: TID251
    if found and "grpc" in sys.modules:
        raise RuntimeError("prepare_environment() must run before grpc is imported")


def forbid_core_dumps() -> bool:
    """Make this process leave no core file and refuse debuggers; say whether both took hold.

    A core holds every key and number in memory. Best effort: the second part is Linux only.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the hard limit too: it can't be raised again
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    return False


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a service's main coroutine on the process's one event loop: uvloop where there is one.

    grpc.aio works with exactly one loop a process; nothing else may start another.
    """
    settle()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def settle() -> None:
    """Set the interpreter up for serving; call it when all is imported."""
    # A database thread gives the GIL up at every call and waits for it again, by default up to
    # 5 ms each time while the loop is busy: that was most of the latency at 1,000 calls a second.
    sys.setswitchinterval(0.0005)
    _calm_collector()


def path_flags() -> tuple[str, ...]:
    """Return the options with which another Python of ours looks for modules where this one does.

    `python -m` would add the current directory: where we don't look there, it mustn't either.
    """
    here = {str(Path.cwd()), ""}
    return () if here & set(sys.path) else ("-P",)


def _calm_collector() -> None:
    """Have the cyclic collector leave what the imports made alone, and look less often.

    Calls make hardly any cycles, yet by default every 700 new containers start a look, and each
    full one walks all modules and message descriptors: about a tenth of a busy vault's CPU time.
    A full flush makes tens of thousands, which go with it: a look at them finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional: not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
