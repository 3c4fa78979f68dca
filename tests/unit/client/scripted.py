"""What the batching client stands on, in the hands of a test: the transport, and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cardvault.batching import Answers, Item
from cardvault.failures import CallFailed

T = TypeVar("T")
PASSES = 12
"""Passes of the loop after which whatever could happen without time or transport has happened."""


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.complaints: list[str] = []
        self.set_exception_handler(
            lambda _loop, context: self.complaints.append(str(context["message"]))
        )

    def time(self) -> float:
        """Return the test's time."""
        return self.now

    def settle(self) -> None:
        """Let everything run that can."""
        self.run_until_complete(passes())

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything run that can."""
        self.now += seconds
        self.settle()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one coroutine to its end."""
        return self.run_until_complete(work)


async def passes() -> None:
    """Give way often enough for everything that needs neither time nor transport."""
    for _ in range(PASSES):
        await asyncio.sleep(0)


@dataclass(eq=False)
class Sent:
    """A batch that has left, and is answered when the test says so."""

    key: bytes
    items: list[bytes]
    timeout: float | None
    reply: asyncio.Future[Answers[bytes]]
    cancelled: bool = False

    def answer(self, *each: bytes | CallFailed, truncated: bool = False) -> None:
        """Answer; with nothing said, each call with itself."""
        self.reply.set_result(Answers(each or self.items, truncated))

    def fail(self, error: Exception) -> None:
        """Fail the whole batch."""
        self.reply.set_exception(error)


@dataclass
class Transport:
    """Takes batches, and keeps them until they are answered."""

    sent: list[Sent] = field(default_factory=list)

    async def send(
        self,
        key: bytes,
        items: Sequence[Item],
        timeout: float | None,  # noqa: ASYNC109 - the seam's
    ) -> Answers[bytes]:
        """Keep a batch until the test answers it."""
        sent = Sent(
            key,
            [each.content for each in items],
            timeout,
            asyncio.get_running_loop().create_future(),
        )
        self.sent.append(sent)
        try:
            return await sent.reply
        except asyncio.CancelledError:
            sent.cancelled = True
            raise

    @property
    def under_way(self) -> list[Sent]:
        """Return the batches that are not answered."""
        return [each for each in self.sent if not each.reply.done()]
