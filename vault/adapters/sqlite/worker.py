"""A thread of its own that runs jobs one after another and answers on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


def _nothing() -> None:
    """Do nothing."""


class Worker:
    """One hop there, one hop back: nothing else of a job touches the event loop.

    A job that was handed over runs even when nobody waits for it any more.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[
            tuple[asyncio.Future[Any], Callable[[], Any], Callable[[], None]] | None
        ] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[], T], afterwards: Callable[[], None] = _nothing) -> T:
        """Run `job` on the thread and return what it returns or raise what it raises.

        `afterwards` runs there too, once the answer is on its way; it must not raise.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((future, job, afterwards))
        return await future

    async def close(self) -> None:
        """Finish what was handed over and end the thread."""
        await self.run(_nothing)
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job, afterwards = item
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - raised where the job is awaited
                self._tell(_fail, future, error)
            else:
                self._tell(_answer, future, result)
            afterwards()
            del item, future, job, afterwards

    def _tell(self, how: Callable[[asyncio.Future[Any], Any], None], *args: Any) -> None:
        self._loop.call_soon_threadsafe(how, *args)


def _answer(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
