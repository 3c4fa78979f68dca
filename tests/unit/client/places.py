"""A batcher whose transport and clock are a test's."""

from __future__ import annotations

import asyncio

from cardvault.batching import Batcher, Item, Limits
from cardvault.failures import CallFailed

from tests.unit.client.scripted import SteppedLoop, Transport

Task = asyncio.Task[bytes]


class Bench:
    """A batcher on a loop that stands still."""

    def __init__(self, loop: SteppedLoop) -> None:
        self.loop = loop
        self.transport = Transport()
        self.batcher = self.made()

    def made(self, abandon: bool = True, /, **limits: int) -> Batcher[bytes]:
        """Start anew, with limits."""

        async def make() -> Batcher[bytes]:
            return Batcher(self.transport.send, Limits(**limits), abandon=abandon)

        self.batcher = self.loop.do(make())
        return self.batcher

    def arrive(self, *items: bytes, key: bytes = b"", timeout: float | None = None) -> list[Task]:
        """Make calls, all at the same moment."""
        calls = [
            self.loop.create_task(self.batcher.call(Item(item, key), timeout)) for item in items
        ]
        self.loop.settle()
        return calls

    def answer(self, index: int, *each: bytes | CallFailed, truncated: bool = False) -> None:
        """Answer a batch."""
        self.transport.sent[index].answer(*each, truncated=truncated)
        self.loop.settle()

    @property
    def batches(self) -> list[list[bytes]]:
        """Return what was sent."""
        return [each.items for each in self.transport.sent]


def failure(call: Task) -> CallFailed:
    """Return how a call failed."""
    assert call.done()
    error = call.exception()
    assert isinstance(error, CallFailed)
    return error
