"""Calls with spans around them, for a transport that brings none of its own.

grpcio has the library's interceptor instead; the spans are the same (ADR 0019).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from chassis.call import RawCall
from chassis.guard import Guarded, StreamCall, UnaryCall
from chassis.spans import Span, entered
from chassis.status import Code, StatusError

Tracer = Callable[[str, RawCall], Span | None]
"""Begin a span for a call to "package.Service/Method"; None when it isn't sampled, the usual case,
which must cost next to nothing."""


def traced(item: Guarded, tracer: Tracer) -> Guarded:
    """Wrap a guarded route."""
    method, unary, stream = item.route.method, item.unary, item.stream
    return Guarded(
        item.route,
        None if unary is None else _unary(method, unary, tracer),
        None if stream is None else _stream(method, stream, tracer),
    )


def _unary(method: str, call: UnaryCall, tracer: Tracer) -> UnaryCall:
    """Wrap a call. Where it isn't sampled, not even a coroutine is added."""

    def traced(request: bytes, raw: RawCall) -> Awaitable[bytes]:
        span = tracer(method, raw)
        return call(request, raw) if span is None else _answered(span, call(request, raw))

    return traced


def _stream(method: str, call: StreamCall, tracer: Tracer) -> StreamCall:
    def traced(request: bytes, raw: RawCall) -> AsyncGenerator[bytes]:
        span = tracer(method, raw)
        return call(request, raw) if span is None else _streamed(span, call(request, raw))

    return traced


async def _answered(span: Span, answer: Awaitable[bytes]) -> bytes:
    try:
        with entered(span):
            return await answer
    except StatusError as error:
        span.answered(error.code)
        raise
    except asyncio.CancelledError:
        span.answered(Code.CANCELLED)
        raise
    finally:
        span.end()


async def _streamed(span: Span, source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        with entered(span):
            async with aclosing(source) as replies:
                async for reply in replies:
                    yield reply
    except StatusError as error:
        span.answered(error.code)
        raise
    except (asyncio.CancelledError, GeneratorExit):
        span.answered(Code.CANCELLED)
        raise
    finally:
        span.end()
