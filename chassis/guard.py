"""Stand between transports and handlers: bytes in, bytes or a reasoned status out.

A route is wrapped once, at registration. The order per call: a place in flight, identity, tenant,
permission, deadline, parsing, validation, handler, serialisation. Only `StatusError` and a real
cancellation leave it; no text of any other exception does (blueprint, "Transports").
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, cast

import structlog
from google.protobuf.message import DecodeError, Message

from chassis.admission import Admission, Identify, Refused
from chassis.call import Call, RawCall
from chassis.clock import Clock
from chassis.failures import describe
from chassis.identity import Identity
from chassis.limits import CallLimits, InFlight
from chassis.metrics import ChassisMetrics, MethodMetrics
from chassis.routes import Kind, Route
from chassis.status import (
    REASON_DEADLINE_EXCEEDED,
    REASON_INTERNAL,
    REASON_MALFORMED_MESSAGE,
    REASON_OVERLOADED,
    Code,
    StatusError,
)
from chassis.validation import Validation

UnaryCall = Callable[[bytes, RawCall], Awaitable[bytes]]
StreamCall = Callable[[bytes, RawCall], AsyncGenerator[bytes]]
Translate = Callable[[Exception], StatusError | None]
"""Map a domain error to its status; None for one it doesn't know."""
OnRefused = Callable[[Identity | None, str, str, str, str], Awaitable[None]]
"""Hear of a refusal at the door: identity, "package.Service/Method", tenant, reason, origin."""

_log = structlog.get_logger("chassis.guard")


@dataclass(frozen=True, slots=True)
class Guarded:
    """Hold a wrapped route: exactly one of `unary` and `stream` is set, as its kind says."""

    route: Route
    unary: UnaryCall | None
    stream: StreamCall | None


@dataclass(frozen=True, slots=True)
class Guard:
    """Wrap routes with what every call goes through. One per process."""

    identify: Identify
    validation: Validation
    clock: Clock
    metrics: ChassisMetrics
    translate: Translate
    on_refused: OnRefused
    limits: CallLimits
    in_flight: InFlight

    def __post_init__(self) -> None:
        """Show the calls in flight to whoever scrapes."""
        self.metrics.watch_in_flight(lambda: self.in_flight.now)

    def wrap(self, route: Route) -> Guarded:
        """Wrap a route; compiles its message's validation rules, which may raise."""
        self.validation.prepare(route.request)
        door = _Door(self, route)
        if route.kind is Kind.UNARY:
            return Guarded(route, _unary(door), None)
        return Guarded(route, None, _stream(door))


class _Door:
    """Do for one route what unary calls and streams share."""

    def __init__(self, guard: Guard, route: Route) -> None:
        self.guard: Final = guard
        self.route: Final = route
        self.method: Final = route.method
        self.metrics: Final[MethodMetrics] = guard.metrics.method(route.method)
        self.monotonic: Final = guard.clock.monotonic
        self.enter: Final = guard.in_flight.enter
        self.leave: Final = guard.in_flight.leave
        self._admit: Final = Admission(route, guard.identify).admit
        self._parse: Final[Callable[[bytes], Message]] = route.request.FromString
        self._check: Final = guard.validation.check
        limits = guard.limits
        allowance = limits.deadline if route.kind is Kind.UNARY else limits.stream_deadline
        self._allowance: Final = allowance.total_seconds()
        self.bounded: Final = route.read_only or route.kind is not Kind.UNARY

    def open(self, request: bytes, raw: RawCall, started: float) -> tuple[Message, Call]:
        """Return the parsed request and its call, or raise why not."""
        metadata = raw.metadata()
        try:
            identity, tenant = self._admit(raw, metadata)
        except Refused as refused:
            refused.origin = raw.origin()
            raise
        remaining = raw.time_remaining()
        if remaining is None:
            remaining = self._allowance
        elif remaining <= 0:
            raise _deadline_exceeded()
        try:
            message = self._parse(request)
        except DecodeError:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                REASON_MALFORMED_MESSAGE,
                "the bytes are not a message of this method",
            ) from None
        self._check(message)
        deadline = started + remaining
        return message, Call(self.method, identity, tenant, raw.origin(), deadline, metadata)

    def shed(self) -> StatusError:
        """Count and return the refusal of a call for which there is no place."""
        self.guard.metrics.shed.inc()
        self.metrics.observe(Code.RESOURCE_EXHAUSTED, 0.0)
        return StatusError(
            Code.RESOURCE_EXHAUSTED,
            REASON_OVERLOADED,
            "too many calls in flight",
            retry_after=self.guard.limits.retry_after,
        )

    def time_left(self, call: Call) -> asyncio.Timeout:
        """Return the limit the guard itself puts on reads and streams."""
        deadline = call.deadline
        left = None if deadline is None else max(0.0, deadline - self.monotonic())
        return asyncio.timeout(left)

    async def status_of(self, error: BaseException) -> StatusError:
        """Return what to tell the caller about any failure of the call."""
        if isinstance(error, StatusError):
            return error
        if isinstance(error, Refused):
            await self._tell(error)
            return error.status
        if isinstance(error, Exception):
            try:
                translated = self.guard.translate(error)
            except Exception as broken:  # noqa: BLE001 - a broken table must not leak either
                return self._unexpected(broken)
            if translated is not None:
                return translated
        return self._unexpected(error)

    async def _tell(self, refused: Refused) -> None:
        try:
            await self.guard.on_refused(
                refused.identity,
                self.method,
                refused.tenant,
                refused.status.reason,
                refused.origin,
            )
        except Exception as error:  # noqa: BLE001 - a refusal stays one if it can't be recorded
            _log.error("a refusal could not be recorded", method=self.method, **describe(error))

    def _unexpected(self, error: BaseException) -> StatusError:
        # Never the text or the arguments: they may hold the request.
        _log.error("unexpected error", method=self.method, **describe(error))
        return StatusError(Code.INTERNAL, REASON_INTERNAL, "internal error")


def _unary(door: _Door) -> UnaryCall:
    handler = cast("Callable[[Message, Call], Awaitable[Message]]", door.route.handler)
    monotonic, enter, leave, open_call = door.monotonic, door.enter, door.leave, door.open
    observe, bounded = door.metrics.observe, door.bounded

    async def answer(request: bytes, raw: RawCall, started: float) -> bytes:
        message, call = open_call(request, raw, started)
        if not bounded:
            return (await handler(message, call)).SerializeToString()
        limit = door.time_left(call)
        try:
            async with limit:
                return (await handler(message, call)).SerializeToString()
        except TimeoutError:
            if limit.expired():
                raise _deadline_exceeded() from None
            raise

    async def guarded(request: bytes, raw: RawCall) -> bytes:
        started = monotonic()
        if not enter():
            raise door.shed()
        code = Code.OK
        try:
            return await answer(request, raw, started)
        except BaseException as error:
            if _ends_the_task(error):
                code = Code.CANCELLED
                raise
            status = await door.status_of(error)
            code = status.code
        finally:
            leave()
            observe(code, monotonic() - started)
        # Outside the handler, so that the status doesn't carry the exception as its context.
        raise status

    return guarded


def _stream(door: _Door) -> StreamCall:
    async def guarded(request: bytes, raw: RawCall) -> AsyncGenerator[bytes]:
        started = door.monotonic()
        if not door.enter():
            raise door.shed()
        code = Code.OK
        try:
            async with aclosing(_replies(door, request, raw, started)) as replies:
                async for reply in replies:
                    yield reply
        except BaseException as error:
            if isinstance(error, GeneratorExit) or _ends_the_task(error):
                code = Code.CANCELLED
                raise
            status = await door.status_of(error)
            code = status.code
        else:
            return
        finally:
            door.leave()
            door.metrics.observe(code, door.monotonic() - started)
        raise status

    return guarded


async def _replies(
    door: _Door, request: bytes, raw: RawCall, started: float
) -> AsyncGenerator[bytes]:
    message, call = door.open(request, raw, started)
    handler = cast("Callable[[Message, Call], AsyncIterator[Message]]", door.route.handler)
    source = handler(message, call)
    try:
        while True:
            limit = door.time_left(call)
            try:
                # Around each step, not the whole: a yield may not leave a timeout open.
                async with limit:
                    item = await anext(source)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if limit.expired():
                    raise _deadline_exceeded() from None
                raise
            yield item.SerializeToString()
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


def _ends_the_task(error: BaseException) -> bool:
    """Say whether an exception must go on: a cancellation of this task, or the process's end.

    A CancelledError that nobody asked of this task (an inner future's, say) is a failure like
    any other: a transport that saw it would leave its caller waiting for the deadline.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | SystemExit)


def _deadline_exceeded() -> StatusError:
    return StatusError(
        Code.DEADLINE_EXCEEDED, REASON_DEADLINE_EXCEEDED, "the deadline of the call has passed"
    )
