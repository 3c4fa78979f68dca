"""Who does the work where several processes share a database: one of them, the others stand by."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from updater.domain.errors import DatabaseInUse
from updater.usecases.ports import Duty

OnDuty = Callable[[bool], None]


class Alone:
    """`Duty` of a process that has its database to itself."""

    async def taken(self) -> None:
        """Return: it always works."""

    async def lost(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def wanted(self) -> None:
        """Wait for ever: nobody else is there."""
        await asyncio.Event().wait()

    async def hand_over(self) -> bool:
        """Keep it: nobody else is there."""
        return False

    async def confirm(self) -> None:
        """Return: nobody else could have taken over."""


async def work_while_on_duty(
    duty: Duty, work: Callable[[], Coroutine[Any, Any, None]], on_duty: OnDuty, busy: asyncio.Lock
) -> None:
    """Run `work` while this process is the one that works; `on_duty` hears of each change.

    `work` is cancelled when another process takes over; what it had begun, the other goes on with.
    Where another one only wants its share it is left between two turns; `busy` is held in each.
    """
    while True:
        await duty.taken()
        on_duty(True)  # noqa: FBT003 - the change itself
        async with asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(_leave_when_wanted(duty, busy))
            both = [tasks.create_task(work()), tasks.create_task(duty.lost())]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in (*both, leaving):
                task.cancel()
        on_duty(False)  # noqa: FBT003


async def _leave_when_wanted(duty: Duty, busy: asyncio.Lock) -> None:
    while True:
        await duty.wanted()
        async with busy:
            if await duty.hand_over():
                await asyncio.Event().wait()  # no turn is begun until the work is cancelled


async def take_duty(duty: Duty, within: timedelta) -> None:
    """Wait for the work to be this process's. Raises DatabaseInUse."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            await duty.taken()
    except TimeoutError:
        raise DatabaseInUse("another updater process does the work on this database") from None
