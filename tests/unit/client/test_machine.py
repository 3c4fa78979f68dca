"""Any order of arrivals, answers, failures, cancellations and time: everybody gets their own, once.

A model beside the batcher knows each caller's fate at the moment when it is decided.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

import grpc
from cardvault.batching import ITEM_BYTES, Batcher, Item, Limits
from cardvault.failures import CallFailed
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.unit.client.scripted import Sent, SteppedLoop, Transport

KEYS = (b"payment", b"refund")
LIMITS = Limits(batch_calls=4, batch_bytes=1_600, batches=2, waiting_calls=9, waiting_bytes=900)
CODES = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE)
PICKS = st.integers(0, 1_000)
GONE = "gone"
ENDS = ("drained", "cut off", "interrupted")


@dataclass(eq=False)
class Caller:
    """One call: when it came, what it was told, or what it must be told."""

    number: int
    key: bytes
    payload: bytes
    ends: float
    task: asyncio.Task[bytes]
    batch: Sent | None = None
    fate: object = None

    @property
    def waits(self) -> bool:
        """Tell whether it is in the line."""
        return self.batch is None and self.fate is None


class Batches(RuleBasedStateMachine):
    """Drives a batcher, and checks it against what must have become of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SteppedLoop()
        self.transport = Transport()
        self.callers: list[Caller] = []
        self.known = 0

    @initialize(abandon=st.booleans(), end=st.sampled_from(ENDS), gone=st.sets(PICKS))
    def start(self, abandon: bool, end: str, gone: set[int]) -> None:
        async def made() -> Batcher[bytes]:
            return Batcher(self.transport.send, LIMITS, abandon=abandon)

        self.abandon, self.end, self.gone = abandon, end, gone
        self.batcher = self.loop.do(made())

    @rule(
        key=st.sampled_from(KEYS),
        size=st.integers(4, 300),
        timeout=st.none() | st.integers(0, 4),
        many=st.integers(1, 6),
        gone=st.sets(st.integers(0, 5)),
    )
    def arrive(self, key: bytes, size: int, timeout: int | None, many: int, gone: set[int]) -> None:
        """Make calls; `gone` are cancelled before they wake up, in the pass that sends them."""

        async def think_better_of_it() -> None:
            arrived = self._arrive(key, size, timeout, many)
            await asyncio.sleep(0)
            for caller in arrived:
                if caller.fate is None and caller.number - arrived[0].number in gone:
                    self._lose(caller)

        self.loop.do(think_better_of_it())
        self._settle()

    def _lose(self, caller: Caller) -> None:
        caller.fate = GONE
        caller.task.cancel()

    def _arrive(self, key: bytes, size: int, timeout: int | None, many: int) -> list[Caller]:
        arrived = []
        for _ in range(many):
            payload = b"%04d" % len(self.callers) + b"." * (size - 4)
            task = self.loop.create_task(
                self.batcher.call(Item(payload, key), timeout), name=f"call {len(self.callers)}"
            )
            ends = math.inf if timeout is None else self.loop.now + timeout
            caller = Caller(len(self.callers), key, payload, ends, task)
            self.callers.append(caller)
            arrived.append(caller)
        waiting = [each for each in self.callers if each.waits and each not in arrived]
        calls, size_of_all = len(waiting), sum(len(each.payload) for each in waiting)
        for caller in arrived:
            if timeout == 0:
                caller.fate = grpc.StatusCode.DEADLINE_EXCEEDED
            elif calls >= LIMITS.waiting_calls or (
                size_of_all + len(caller.payload) > LIMITS.waiting_bytes
            ):
                caller.fate = grpc.StatusCode.RESOURCE_EXHAUSTED
            else:
                calls, size_of_all = calls + 1, size_of_all + len(caller.payload)
        return arrived

    def _pick(self, pick: int) -> Sent:
        under_way = self.transport.under_way
        return under_way[pick % len(under_way)]

    def _riders(self, batch: Sent) -> list[Caller]:
        return [self.callers[int(item[:4])] for item in batch.items]

    def _some_under_way(self) -> bool:
        return bool(self.transport.under_way)

    @precondition(_some_under_way)
    @rule(pick=PICKS, refused=st.sets(st.integers(0, 3)), code=st.sampled_from(CODES))
    def answer(self, pick: int, refused: set[int], code: grpc.StatusCode) -> None:
        batch = self._pick(pick)
        each: list[bytes | CallFailed] = []
        for index, caller in enumerate(self._riders(batch)):
            bad = index in refused
            each.append(CallFailed(code, f"{caller.number}") if bad else caller.payload)
            if caller.fate is None:
                caller.fate = code if bad else caller.payload
        batch.answer(*each)
        self._settle()

    @precondition(_some_under_way)
    @rule(pick=PICKS, length=st.integers(0, 5), truncated=st.booleans())
    def answer_oddly(self, pick: int, length: int, truncated: bool) -> None:
        """Answer too few calls, or too many; it is all right if the reply says so itself."""
        batch = self._pick(pick)
        riders = self._riders(batch)
        each = [*batch.items, b"more"][:length]
        if not each:  # the double answers for all when it is told nothing
            batch.fail(CallFailed(CODES[1], "all"))
            self._all(riders, CODES[1])
        else:
            fine = len(each) == len(riders) or (truncated and len(each) < len(riders))
            for caller in riders if not fine else riders[: len(each)]:
                if caller.fate is None:
                    caller.fate = caller.payload if fine else grpc.StatusCode.INTERNAL
            if fine:
                for caller in riders[len(each) :]:
                    caller.batch = None  # it may be sent again
            batch.answer(*each, truncated=truncated)
        self._settle()

    @precondition(_some_under_way)
    @rule(pick=PICKS, code=st.sampled_from(CODES) | st.none())
    def fail(self, pick: int, code: grpc.StatusCode | None) -> None:
        batch = self._pick(pick)
        self._all(self._riders(batch), code or grpc.StatusCode.INTERNAL)
        batch.fail(CallFailed(code, "all") if code else KeyError("text that nobody may see"))
        self._settle()

    def _all(self, callers: list[Caller], fate: object) -> None:
        for caller in callers:
            if caller.fate is None:
                caller.fate = fate

    @precondition(lambda self: any(each.fate is None for each in self.callers))
    @rule(picks=st.sets(PICKS, min_size=1, max_size=4))
    def cancel(self, picks: set[int]) -> None:
        undecided = [each for each in self.callers if each.fate is None]
        for pick in picks:
            self._lose(undecided[pick % len(undecided)])
        self._settle()

    @precondition(_some_under_way)
    @rule(pick=PICKS, answer_first=st.booleans())
    def cancel_and_answer_at_once(self, pick: int, answer_first: bool) -> None:
        batch = self._pick(pick)
        riders = [each for each in self._riders(batch) if each.fate is None]
        if answer_first:
            batch.answer()
        for caller in riders[:1]:
            caller.fate = GONE
            caller.task.cancel()
        for caller in riders[1:]:
            caller.fate = caller.payload
        if not answer_first and not batch.reply.done():
            batch.answer()
        self._settle()

    @precondition(_some_under_way)
    @precondition(lambda self: any(each.waits for each in self.callers))
    @rule(pick=PICKS, picks=st.sets(PICKS, min_size=1, max_size=4), later=st.integers(0, 2))
    def answer_and_cancel_those_that_leave_next(
        self, pick: int, picks: set[int], later: int
    ) -> None:
        """Cancel what waits in one of the passes between an answer and the next batch."""
        batch = self._pick(pick)
        waiting = [each for each in self.callers if each.waits]

        async def race() -> None:
            batch.answer()
            self._tell_all(batch)
            for _ in range(later):
                await asyncio.sleep(0)
            for index in picks:
                self._lose(waiting[index % len(waiting)])

        self.loop.do(race())
        self._settle()

    def _tell_all(self, batch: Sent) -> None:
        for caller in self._riders(batch):
            self._all([caller], caller.payload)

    @rule(seconds=st.integers(1, 3))
    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            for caller in self.callers:
                if caller.fate is None and caller.ends <= self.loop.now + 1.0:
                    caller.fate = grpc.StatusCode.DEADLINE_EXCEEDED
            self.loop.advance(1.0)
            self._settle()

    def _settle(self) -> None:
        """Let everything happen, then look at what has left, and at who was told what."""
        self.loop.settle()
        for batch in self.transport.sent[self.known :]:
            self._look_at(batch)
        self.known = len(self.transport.sent)

    def _look_at(self, batch: Sent) -> None:
        riders = self._riders(batch)
        assert 1 <= len(riders) <= LIMITS.batch_calls
        assert sum(len(each) + ITEM_BYTES for each in batch.items) <= LIMITS.batch_bytes
        assert {each.key for each in riders} == {batch.key}
        ends = max(each.ends for each in riders)
        expected = None if ends == math.inf else ends - self.loop.now
        assert batch.timeout == expected
        numbers = [each.number for each in riders]
        assert numbers == sorted(numbers)
        for caller in riders:
            assert caller.batch is None
            assert caller.fate is None
            caller.batch = batch
        # First come, first served: nobody of this key who still waits was there before.
        waiting = [each.number for each in self.callers if each.waits and each.key == batch.key]
        assert not waiting or max(numbers) < min(waiting)

    @invariant()
    def everybody_was_told_their_own(self) -> None:
        for caller in self.callers:
            assert caller.task.done() is (caller.fate is not None)
            if caller.fate is None:
                continue
            if caller.task.cancelled():
                assert caller.fate == GONE
            elif (error := caller.task.exception()) is not None:
                assert isinstance(error, CallFailed)
                assert error.code() is caller.fate
                assert error.details() != f"{caller.number + 1}"
                assert "text" not in error.details()
            else:
                assert caller.task.result() == caller.fate == caller.payload

    @invariant()
    def errors_are_nobody_elses(self) -> None:
        told = [each.task for each in self.callers if each.task.done()]
        errors = [each.exception() for each in told if not each.cancelled()]
        objects = [id(each) for each in errors if each is not None]
        assert len(objects) == len(set(objects))

    @invariant()
    def no_more_leaves_than_may(self) -> None:
        under_way = self.transport.under_way
        assert len(under_way) <= LIMITS.batches
        waiting = [each for each in self.callers if each.waits]
        many = sum(len(each.items) for each in under_way)
        assert not waiting or len(under_way) == LIMITS.batches or len(waiting) * 4 < many
        if hasattr(self, "batcher"):
            assert self.batcher.waiting == len(waiting)
            undecided = any(each.fate is None for each in self.callers)
            assert self.batcher.idle is not (undecided or bool(under_way))

    @invariant()
    def only_reads_are_called_back(self) -> None:
        for batch in self.transport.sent:
            alone = all(each.fate is not None for each in self._riders(batch))
            assert not batch.cancelled or (self.abandon and alone)

    def teardown(self) -> None:
        try:
            if hasattr(self, "batcher"):
                {"drained": self._drain, "cut off": self._cut, "interrupted": self._interrupt}[
                    self.end
                ]()
                assert self.batcher.idle
                assert self.batcher.waiting == 0
                self.everybody_was_told_their_own()
            assert self.loop.complaints == []
            assert asyncio.all_tasks(self.loop) == set()
        finally:
            self.loop.close()

    def _drain(self) -> None:
        closing = self.loop.create_task(self.batcher.close())
        self._settle()
        for _ in range(len(self.callers) + 1):
            for batch in self.transport.under_way:
                self._tell_all(batch)
                batch.answer()
            self._settle()
        assert closing.done()

    def _cut(self) -> None:
        """Cancel some, and cut all off before they wake up."""

        async def cut() -> None:
            undecided = [each for each in self.callers if each.fate is None]
            for pick in self.gone if undecided else ():
                self._lose(undecided[pick % len(undecided)])
            self._all(undecided, grpc.StatusCode.CANCELLED)
            await self.batcher.close(drain=False)

        self.loop.do(cut())
        self._settle()

    def _interrupt(self) -> None:
        """Cancel everything while it drains, as `asyncio.run` does on Ctrl-C."""
        closing = self.loop.create_task(self.batcher.close())
        self._settle()
        closing.cancel()
        for caller in self.callers:
            if caller.fate is None:
                self._lose(caller)
        self._settle()


TestBatches = Batches.TestCase
TestBatches.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
