"""A thread of its own for a blocking driver: calls in order, results on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, TypeVar

T = TypeVar("T")


class DriverThread:
    """Runs one call at a time. A daemon: a driver that hangs never keeps a process from ending."""

    def __init__(self, name: str) -> None:
        self._loop: Final = asyncio.get_running_loop()
        self._jobs: Final[SimpleQueue[Callable[[], None] | None]] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; a caller that gives up leaves it to run its course."""
        answer: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - raised where the call was made
                self._tell(answer, error, None)
            else:
                self._tell(answer, None, lambda: answer.set_result(result))

        self._jobs.put(job)
        return await answer

    def close(self, last: Callable[[], None]) -> None:
        """Have the thread make a last call, and end; waits for neither."""
        self._jobs.put(last)
        self._jobs.put(None)

    def _tell(
        self,
        answer: asyncio.Future[T],
        error: Exception | None,
        done: Callable[[], None] | None,
    ) -> None:
        def told() -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            elif done is not None:
                done()

        try:
            self._loop.call_soon_threadsafe(told)
        except RuntimeError:
            return  # the loop has ended, and with it whoever waited

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
