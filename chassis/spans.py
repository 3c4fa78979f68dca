"""The span that is being worked in, if the call is a sampled one: what any part may ask for.

Knows no tracing library. Where nothing is sampled, everything here costs one look at a context
variable. Names and attributes are fixed words: no input, no statement's values, no exception's text
(a wall before the exporter holds to that, too: chassis/tracing/wall.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Literal, Protocol

from chassis.status import Code

Kind = Literal["internal", "client", "producer"]
Attributes = Mapping[str, str]
_NONE: Final[Attributes] = {}


class Span(Protocol):
    """One piece of a sampled call's work."""

    @property
    def trace_id(self) -> str:
        """Return the trace's id, 32 hexadecimal digits."""

    @property
    def span_id(self) -> str:
        """Return its own id, 16 hexadecimal digits."""

    @property
    def traceparent(self) -> str:
        """Return both as W3C Trace Context writes them, for whoever goes on with the work."""

    def child(
        self, name: str, kind: Kind, attributes: Attributes, links: Sequence[Span] = ()
    ) -> Span:
        """Begin a piece of this one."""

    def link(self, other: Span) -> None:
        """Name another piece of work that this one had a part in."""

    def answered(self, code: Code) -> None:
        """Take note of a call's status."""

    def failed(self, kind: str) -> None:
        """Take note of a failure: the name of its type, nothing else."""

    def end(self) -> None:
        """End it; what comes later is not seen."""


_CURRENT: Final[ContextVar[Span | None]] = ContextVar("span", default=None)
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()

current = _CURRENT.get
"""Return the span that is being worked in, or None: the usual case."""


@contextmanager
def entered(span: Span | None) -> Iterator[None]:
    """Have what is done in the block be a part of `span`, which is neither ended nor judged."""
    before = _CURRENT.get()
    _CURRENT.set(span)
    try:
        yield
    finally:
        # Set, not reset: a stream that is given up may be closed from another task.
        _CURRENT.set(before)


@contextmanager
def inside(span: Span) -> Iterator[Span]:
    """Work in a span, and end it; a failure is marked on it."""
    try:
        with entered(span):
            yield span
    except BaseException as error:
        span.failed(type(error).__name__)
        raise
    finally:
        span.end()


def step(
    name: str, kind: Kind = "internal", attributes: Attributes = _NONE
) -> AbstractContextManager[Span | None]:
    """Make what is done in the block a span of its own, if it is part of a sampled call."""
    here = _CURRENT.get()
    if here is None:
        return _NOTHING
    return inside(here.child(name, kind, attributes))


def together(name: str, callers: Iterable[Span | None]) -> AbstractContextManager[Span | None]:
    """Make what is done for several calls at once a span, if any of them is sampled.

    It is a child of the first sampled one, and linked with each of them, both ways.
    """
    sampled = [each for each in callers if each is not None]
    if not sampled:
        return _NOTHING
    span = sampled[0].child(name, "internal", _NONE, links=sampled)
    for each in sampled:
        each.link(span)
    return inside(span)


def traceparent() -> str:
    """Return what names the current span to others; empty when the call isn't sampled."""
    here = _CURRENT.get()
    return "" if here is None else here.traceparent
