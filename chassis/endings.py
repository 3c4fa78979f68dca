"""How a service's process ends: what it may say of what stopped it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import structlog

from chassis.failures import describe
from chassis.runtime import run

RETIRE: Final = signal.SIGUSR2
"""Tells a worker to leave at once: another has taken its place, and the port stays open."""
_log = structlog.get_logger("chassis")


def leaves(error: BaseException) -> list[BaseException]:
    """Return the exceptions inside nested groups, or the one that is no group."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error]


def said(error: BaseException) -> str:
    """Return an error's text; of the system's errors only what happened, to which file.

    Its type where it has no text. For errors whose text is known to be safe: see `run_inside`.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__qualname__


class OnSignal(Protocol):
    """Have a function called on the event loop whenever this process gets a signal."""

    def __call__(self, number: int, handler: Callable[[], None], /) -> object:
        """Take the signal over."""


async def until_signalled(
    running: AbstractAsyncContextManager[object],
    retire: Callable[[], None] | None = None,
    on_signal: OnSignal | None = None,
) -> None:
    """Keep a service running until SIGTERM or SIGINT, then leave it: it drains.

    A worker is told by its supervisor alone: by SIGTERM, or, where another takes its place, by
    `RETIRE`, on which `retire` is called first. A SIGINT from the terminal is not for it.
    `on_signal` is the event loop's own, unless signals reach this process in another way.
    """
    stop = asyncio.Event()
    on_signal = on_signal or asyncio.get_running_loop().add_signal_handler
    on_signal(signal.SIGTERM, stop.set)
    if retire is None:
        on_signal(signal.SIGINT, stop.set)
    else:

        def retired() -> None:
            retire()
            stop.set()

        on_signal(signal.SIGINT, lambda: None)
        on_signal(RETIRE, retired)
    async with running:
        await stop.wait()


def run_service(
    main: Coroutine[Any, Any, None], known: tuple[type[Exception], ...]
) -> list[Exception]:
    """Run a service to its end in an event loop of its own; see `run_inside`."""
    return run(run_inside(main, known))


async def run_inside(
    main: Coroutine[Any, Any, None], known: tuple[type[Exception], ...]
) -> list[Exception]:
    """Run a service to its end; return the failures that it may show, none for an orderly stop.

    `known` are errors whose text is safe: they name files, settings and rules. Of any other only
    its type and frames are logged, since its text could hold anything; the process then exits 1.
    """
    try:
        await main
    except Exception as error:  # noqa: BLE001 - the last place where one can be told
        found = leaves(error)
    else:
        return []
    told = [leaf for leaf in found if isinstance(leaf, known)]
    if not told:
        for leaf in found:
            _log.critical("stopped by an unexpected error", **describe(leaf))
        raise SystemExit(1) from None
    return told
