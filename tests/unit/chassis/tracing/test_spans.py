"""Spans without a tracing library: who is whose child, what stays of a failure, what off costs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from chassis import spans
from chassis.status import Code
from tests.doubles.chassis_service import SECRET


@dataclass
class Noted:
    """A span that remembers."""

    name: str = "call"
    parent: Noted | None = None
    kind: str = "internal"
    attributes: spans.Attributes = field(default_factory=dict)
    links: list[spans.Span] = field(default_factory=list)
    failure: str = ""
    ended: int = 0
    made: list[Noted] = field(default_factory=list)
    trace_id: str = "t"
    span_id: str = "s"
    traceparent: str = "t-s"

    def child(
        self,
        name: str,
        kind: spans.Kind,
        attributes: spans.Attributes,
        links: Sequence[spans.Span] = (),
    ) -> Noted:
        found = Noted(name, self, kind, attributes, list(links))
        self.made.append(found)
        return found

    def link(self, other: spans.Span) -> None:
        self.links.append(other)

    def answered(self, code: Code) -> None:
        raise AssertionError("no call is answered here")

    def failed(self, kind: str) -> None:
        self.failure = kind

    def end(self) -> None:
        self.ended += 1


def test_without_a_sampled_call_nothing_is_made() -> None:
    assert spans.current() is None
    with spans.step("a", "client", {"k": "v"}) as step, spans.together("b", [None, None]) as both:
        assert (step, both, spans.current()) == (None, None, None)
    assert spans.traceparent() == ""


def test_steps_are_each_others_children_and_end() -> None:
    call = Noted()
    with spans.entered(call):
        with spans.step("outer"), spans.step("inner", "client", {"k": "v"}):
            assert spans.traceparent() == "t-s"
        assert spans.current() is call
    assert spans.current() is None
    (outer,) = call.made
    (inner,) = outer.made
    assert (inner.name, inner.kind, inner.attributes) == ("inner", "client", {"k": "v"})
    assert (outer.ended, inner.ended, call.ended) == (1, 1, 0)


def test_of_a_failure_its_types_name_stays_and_the_error_goes_on() -> None:
    call = Noted()
    error = ValueError(SECRET)
    with pytest.raises(ValueError) as caught, spans.entered(call), spans.step("work"):  # noqa: PT011
        raise error
    assert caught.value is error
    assert (call.made[0].failure, call.made[0].ended) == ("ValueError", 1)
    assert SECRET not in repr(call.made[0])


def test_work_for_several_is_the_first_ones_child_and_linked_with_all() -> None:
    first, second = Noted("first"), Noted("second")
    with spans.together("flush", [None, first, None, second]) as flush:
        assert spans.current() is flush
    (made,) = first.made
    assert made is flush
    assert (made.links, made.ended) == ([first, second], 1)
    assert (first.links, second.links) == ([made], [made])
    assert second.made == []


async def test_tasks_have_spans_of_their_own() -> None:
    seen: dict[str, spans.Span | None] = {}
    gate = asyncio.Event()

    async def call(name: str, span: Noted) -> None:
        with spans.entered(span):
            await gate.wait()
            seen[name] = spans.current()

    one, two = Noted(), Noted()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call("one", one))
        tasks.create_task(call("two", two))
        await asyncio.sleep(0)
        assert spans.current() is None
        gate.set()
    assert (seen["one"] is one, seen["two"] is two) == (True, True)
