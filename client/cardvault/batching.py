"""Put concurrent calls of one method together: a batch gathers while the one before is under way.

No timer holds a call back, so nothing is slower when idle, and batches grow by themselves under
load. The same idea as the vault's own group commit, on the other side of the wire.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from cardvault.deadlines import Deadlines
from cardvault.failures import CallFailed, broken, closed, expired, misunderstood, overloaded

T = TypeVar("T")

ITEM_BYTES: Final = 300
"""Bytes that the vault reckons for each item of a batch write on top of the request's own."""
_WORTH: Final = 4
"""A batch goes beside others if it has at least a fourth of the calls that they have.

What the vault does once a batch costs it as much as tens of calls: a few that come by while many
are under way had better go with those, next time. Few beside few go at once.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one method of one client has at once, at most. Raises ValueError.

    A batch has up to `batch_calls` calls and `batch_bytes` bytes; `batches` are under way at a
    time. 64 calls fit into the vault's reply however large their cards are, and into one of its
    commits. Further calls wait: `waiting_calls` of them, of `waiting_bytes` bytes together.

    Calls that go alone never wait, nor do `batches` count them; `waiting_calls` and `waiting_bytes`
    bound how many of them are under way, beside those that wait for a batch.
    """

    batch_calls: int = 64
    batch_bytes: int = 4 << 20
    batches: int = 2
    waiting_calls: int = 10_000
    waiting_bytes: int = 32 << 20

    def __post_init__(self) -> None:
        least = min(self.batches, self.batch_calls, self.waiting_calls, self.waiting_bytes)
        if least < 1 or self.batch_calls > 1_000 or not 1_024 <= self.batch_bytes <= 4 << 20:
            raise ValueError("a batch has 1 to 1,000 calls and 1 KiB to 4 MiB; the rest is from 1")


class Item:
    """One call as its batch takes it: its own bytes, and those that the batch has but once.

    An object, so that no traceback shows what may be a card number.
    """

    __slots__ = ("content", "key")

    def __init__(self, content: bytes, key: bytes = b"") -> None:
        self.content: Final = content
        self.key: Final = key

    def __len__(self) -> int:
        return len(self.content)


class Answers(Generic[T]):
    """What a batch was answered: one per call, in order; the first ones only if `truncated`.

    Without a telling `repr`, as `Item`: revealed cards are in it.
    """

    __slots__ = ("each", "truncated")

    def __init__(self, each: Sequence[T | CallFailed], truncated: bool = False) -> None:  # noqa: FBT001, FBT002
        self.each: Final = each
        self.truncated: Final = truncated


Send = Callable[[bytes, Sequence[Item], float | None], Coroutine[Any, Any, Answers[T]]]
"""Send a batch: what all its calls have in common, the calls, seconds until the last deadline.

Raises CallFailed for all of them.
"""


class _Waiting(Generic[T]):
    """One caller's call."""

    __slots__ = ("answer", "batch", "ends", "item")

    def __init__(self, item: Item, ends: float, answer: asyncio.Future[T]) -> None:
        self.item: Final = item
        self.ends = ends
        self.answer: Final = answer
        self.batch: _Batch[T] | None = None  # once it has left


class _Batch(Generic[T]):
    """Calls that left together."""

    __slots__ = ("calls", "task", "wanted")

    def __init__(self, calls: list[_Waiting[T]]) -> None:
        self.calls: Final = calls
        self.wanted = len(calls)  # by callers who are still there
        self.task: asyncio.Task[Answers[T]] | None = None


class Batcher(Generic[T]):
    """Batches the calls of one method, on one event loop: not for threads.

    Calls with different keys (what a batch has once for all its calls) never share a batch; keys
    take turns, and the calls of one go first come, first served. `abandon` says what becomes of a
    batch when its last caller has gone: a read is cancelled. A change is not: it may be made by
    then, the vault commits it anyway, and an answer costs nobody anything.
    """

    def __init__(self, send: Send[T], limits: Limits, *, abandon: bool) -> None:
        self._send: Final = send
        self._limits: Final = limits
        self._abandon: Final = abandon
        self._loop: Final = asyncio.get_running_loop()
        # A batch belongs to none of its callers: it does not run in the context of one.
        self._context: Final = contextvars.copy_context()
        self._deadlines: Final = Deadlines[_Waiting[T]](self._loop, self._expire)
        self._lanes: Final[OrderedDict[bytes, OrderedDict[_Waiting[T], None]]] = OrderedDict()
        self._under_way: Final[set[_Batch[T]]] = set()
        self._calls_waiting = self._bytes_waiting = self._calls_under_way = 0
        self._pump_due = self._closed = self._cut = False

    @property
    def waiting(self) -> int:
        """Return how many calls wait for their batch."""
        return self._calls_waiting

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits, is under way, or is watched."""
        return not (self._calls_waiting or self._lanes or self._under_way or self._deadlines)

    async def call(self, item: Item, timeout: float | None) -> T:  # noqa: ASYNC109 - gRPC's word, and its own timer
        """Return the answer to one call; `timeout` is in seconds, None is no deadline.

        Raises CallFailed: the vault's answer, DEADLINE_EXCEEDED when the time is over,
        RESOURCE_EXHAUSTED when too much waits here, CANCELLED when the client is closed.
        """
        call = self._enter(item, timeout)
        try:
            return await call.answer
        except asyncio.CancelledError:
            if call.answer.cancelled():  # else its answer came at the same moment
                self._deadlines.forget(call)
                self._leave(call)
            raise

    async def close(self, *, drain: bool = True) -> None:
        """Take no more calls, and return when none is left. Safe to repeat.

        With `drain`, calls that wait are still sent, and all are answered, or their time runs out.
        Without it, or when the wait is cancelled, they fail with CANCELLED.
        """
        self._closed = True
        try:
            if not drain:
                self._cut_off()
            while self._lanes or self._under_way:
                self._pump()
                if tasks := [each.task for each in self._under_way if each.task is not None]:
                    await asyncio.wait(tasks)
        except asyncio.CancelledError:
            self._cut_off()
            raise
        finally:
            self._deadlines.stop()

    def _enter(self, item: Item, timeout: float | None) -> _Waiting[T]:
        if self._closed:
            raise closed()
        if timeout is not None and timeout <= 0:
            raise expired()
        limits, size = self._limits, len(item)
        if (
            self._calls_waiting >= limits.waiting_calls
            or self._bytes_waiting + size > limits.waiting_bytes
        ):
            raise overloaded()
        ends = math.inf if timeout is None else self._loop.time() + timeout
        call = _Waiting(item, ends, self._loop.create_future())
        lane = self._lanes.get(item.key)
        if lane is None:
            lane = self._lanes[item.key] = OrderedDict()
        lane[call] = None
        self._calls_waiting += 1
        self._bytes_waiting += size
        if timeout is not None:
            self._deadlines.watch(call)
        self._wake()
        return call

    def _leave(self, call: _Waiting[T]) -> None:
        """Let go of a call that nobody waits for any more."""
        batch = call.batch
        if batch is None:
            lane = self._lanes.get(call.item.key)
            if lane is None or call not in lane:
                return  # taken out of the line, or cut off, before its caller woke up
            del lane[call]
            self._forget_waiting(call)
            if not lane:
                del self._lanes[call.item.key]
            return
        batch.wanted -= 1
        if not batch.wanted and self._abandon and batch.task is not None:
            batch.task.cancel()

    def _expire(self, call: _Waiting[T]) -> None:
        if not call.answer.done():
            call.answer.set_exception(expired())
            self._leave(call)

    def _forget_waiting(self, call: _Waiting[T]) -> None:
        self._calls_waiting -= 1
        self._bytes_waiting -= len(call.item)

    def _wake(self) -> None:
        """Look for a batch to send, when all that is ready to run now has run.

        So callers who were answered together and come back at once leave together, too.
        """
        if not self._pump_due and self._ready():
            self._pump_due = True
            self._loop.call_soon(self._pump)

    def _ready(self) -> bool:
        """Tell whether a batch may go now, beside those that are under way."""
        if not self._lanes or len(self._under_way) >= self._limits.batches:
            return False
        return self._calls_waiting * _WORTH >= self._calls_under_way

    def _pump(self) -> None:
        self._pump_due = False
        while self._ready():
            key, calls = self._next()
            if calls:
                self._start(key, calls)

    def _next(self) -> tuple[bytes, list[_Waiting[T]]]:
        """Take the calls of the next batch out of the line: the next key's, in their order."""
        key, lane = next(iter(self._lanes.items()))
        most, room = self._limits.batch_calls, self._limits.batch_bytes - len(key)
        now = self._loop.time()
        taken: list[_Waiting[T]] = []
        while lane and len(taken) < most:
            call, _ = lane.popitem(last=False)
            given_up = call.answer.done()  # cancelled, and its caller has not woken up yet
            if given_up or call.ends <= now:  # or its timer is late
                self._forget_waiting(call)
                self._deadlines.forget(call)
                if not given_up:
                    call.answer.set_exception(expired())
                continue
            room -= len(call.item) + ITEM_BYTES
            if room < 0 and taken:
                lane[call] = None
                lane.move_to_end(call, last=False)
                break
            self._forget_waiting(call)
            taken.append(call)
        if lane:
            self._lanes.move_to_end(key)
        else:
            del self._lanes[key]
        return key, taken

    def _start(self, key: bytes, calls: list[_Waiting[T]]) -> None:
        batch = _Batch(calls)
        last = 0.0
        for call in calls:
            call.batch = batch
            last = max(last, call.ends)
        timeout = None if last == math.inf else last - self._loop.time()
        sending = self._send(key, [call.item for call in calls], timeout)
        # Kept in `_under_way` until it is done, waited for by `close`, and looked at by `_landed`.
        batch.task = self._loop.create_task(sending, context=self._context)
        self._under_way.add(batch)
        self._calls_under_way += len(calls)
        batch.task.add_done_callback(partial(self._landed, key, batch))

    def _landed(self, key: bytes, batch: _Batch[T], task: asyncio.Task[Answers[T]]) -> None:
        """Give every caller of a batch what is theirs, and send the next one."""
        self._under_way.discard(batch)
        self._calls_under_way -= len(batch.calls)
        if task.cancelled():
            self._fail(batch.calls, closed())
        elif (error := task.exception()) is not None:
            self._fail(batch.calls, error if isinstance(error, CallFailed) else broken(error))
        else:
            self._deliver(key, batch.calls, task.result())
        self._wake()

    def _deliver(self, key: bytes, calls: list[_Waiting[T]], answers: Answers[T]) -> None:
        each, forget = answers.each, self._deadlines.forget
        answered = len(each)
        if answered != len(calls) and not (answers.truncated and 0 < answered < len(calls)):
            self._fail(calls, misunderstood())
            return
        for call, answer in zip(calls, each, strict=False):
            if call.answer.done():
                continue  # gone, or too late
            forget(call)
            if isinstance(answer, CallFailed):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)
        if answered == len(calls):
            return
        if self._cut:
            self._fail(calls[answered:], closed())
        else:
            self._put_back(key, calls[answered:])

    def _put_back(self, key: bytes, calls: list[_Waiting[T]]) -> None:
        """Have calls for which the reply had no room sent again, before all others of their key.

        They were not done; and they get fewer each time.
        """
        lane = self._lanes.setdefault(key, OrderedDict())
        for call in reversed(calls):
            if not call.answer.done():
                call.batch = None
                lane[call] = None
                lane.move_to_end(call, last=False)
                self._calls_waiting += 1
                self._bytes_waiting += len(call.item)
        if not lane:
            del self._lanes[key]

    def _fail(self, calls: list[_Waiting[T]], failure: CallFailed) -> None:
        for call in calls:
            if not call.answer.done():
                self._deadlines.forget(call)
                call.answer.set_exception(failure.again())

    def _cut_off(self) -> None:
        """Fail what waits, and cancel what is under way."""
        self._cut = True
        for lane in self._lanes.values():
            self._fail(list(lane), closed())
        self._lanes.clear()
        self._calls_waiting = self._bytes_waiting = 0
        for batch in self._under_way:
            if batch.task is not None:
                batch.task.cancel()
