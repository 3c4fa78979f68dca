"""How a service's process ends: what it may say of what stopped it."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from chassis.failures import describe
from chassis.runtime import run

_log = structlog.get_logger("chassis")


def leaves(error: BaseException) -> list[BaseException]:
    """Return the exceptions inside nested groups, or the one that is no group."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error]


async def until_signalled(running: AbstractAsyncContextManager[object]) -> None:
    """Keep a service running until SIGTERM or SIGINT, then leave it: it drains."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running:
        await stop.wait()


def run_service(
    main: Coroutine[Any, Any, None], known: tuple[type[Exception], ...]
) -> list[Exception]:
    """Run a service to its end; return the failures that it may show, none for an orderly stop.

    `known` are errors whose text is safe: they name files, settings and rules. Of any other only
    its type and frames are logged, since its text could hold anything; the process then exits 1.
    """
    try:
        run(main)
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
