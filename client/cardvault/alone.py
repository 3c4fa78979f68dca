"""Make the calls that a batch can't hold: each goes at once, as the single call that it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import grpc

from cardvault.batching import Item, Limits
from cardvault.failures import broken, closed, failure_of_call, overloaded
from cardvault.methods import Metadata

R = TypeVar("R")


class Alone(Generic[R]):
    """The single calls of one method, on one event loop: not for threads.

    None of them waits here. What is under way is bounded as what waits for a batch is:
    `waiting_calls` of them, of `waiting_bytes` bytes together.
    """

    def __init__(self, single: Callable[..., Any], metadata: Metadata, limits: Limits) -> None:
        self._single: Final = single
        self._metadata: Final = metadata
        self._limits: Final = limits
        # What is done when a call is over, and gRPC's call, which can be cancelled.
        self._under_way: Final[dict[asyncio.Future[None], Any]] = {}
        self._bytes = 0
        self._closed = False

    async def call(self, item: Item, timeout: float | None) -> R:  # noqa: ASYNC109 - gRPC's word
        """Make one call; `timeout` is in seconds, None is no deadline.

        Raises CallFailed: the vault's answer, RESOURCE_EXHAUSTED when too much is under way (it is
        not sent then), CANCELLED when the client is closed.
        """
        if self._closed:
            raise closed()
        limits, size = self._limits, len(item)
        if (
            len(self._under_way) >= limits.waiting_calls
            or self._bytes + size > limits.waiting_bytes
        ):
            raise overloaded()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            call = self._single(item.content, timeout=timeout, metadata=self._metadata)
            self._under_way[over] = call
            self._bytes += size
            answer: R = await call
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise closed() from None  # by `close`, or by the channel's end
        except grpc.aio.AioRpcError as error:
            raise failure_of_call(error) from None
        except grpc.aio.UsageError as error:  # the channel was closed before
            raise broken(error) from None
        finally:
            if self._under_way.pop(over, None) is not None:
                self._bytes -= size
            over.set_result(None)
        return answer

    async def close(self, *, drain: bool) -> None:
        """Take no more calls, and return when none is left. Safe to repeat.

        With `drain` they are waited for, each until its deadline. Without it, or when the wait is
        cancelled, they fail with CANCELLED.
        """
        self._closed = True
        try:
            if not drain:
                self._cut_off()
            if self._under_way:
                await asyncio.wait(list(self._under_way))
        except asyncio.CancelledError:
            self._cut_off()
            raise

    def _cut_off(self) -> None:
        for call in self._under_way.values():
            call.cancel()
