"""A service that does what a guard must survive; knows no card."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from chassis.call import Call
from chassis.clock import Clock, SystemClock
from chassis.guard import Guard, Guarded
from chassis.identity import Identity
from chassis.limits import CallLimits, InFlight
from chassis.metrics import ChassisMetrics
from chassis.policy import Policy
from chassis.routes import Handler, Kind, Route
from chassis.status import Code, StatusError
from chassis.validation import Validation

SECRET = "4" + "1" * 15  # a published test number: it must never come out
SERVICE = "test.v1.Probe"


def probe_type() -> type[Message]:
    """Return a message {text: max 8 characters, items: [itself], labels: map}, rules included.

    The rules are the bytes of buf.validate options, so that no generated code is needed.
    """
    file = descriptor_pb2.FileDescriptorProto(name="test/probe.proto", package="test.v1")
    file.syntax = "proto3"
    probe = file.message_type.add(name="ProbeMessage")
    limit = bytes((0xBA, 0x48, 4, 0x72, 2, 0x18, 8))  # (buf.validate.field).string.max_len = 8
    text = probe.field.add(name="text", number=1, type=9, label=1)
    text.options.MergeFromString(limit)
    probe.field.add(name="items", number=2, type=11, type_name=".test.v1.ProbeMessage", label=3)
    entry = probe.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, type_name=".test.v1.ProbeMessage", label=1)
    probe.field.add(
        name="labels", number=3, type=11, type_name=".test.v1.ProbeMessage.LabelsEntry", label=3
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.v1.ProbeMessage"))


PROBE = probe_type()


class OutOfStock(Exception):
    """A domain error the service's table knows."""


class Unusual(BaseException):
    """An exception that `except Exception` doesn't catch."""


def spiffe(name: str) -> str:
    return f"spiffe://demo/{name}"


def identity(name: str, tenants: tuple[str, ...], *permissions: str) -> Identity:
    return Identity(spiffe(name), tenants, frozenset(permissions), frozenset())


POLICY = Policy(
    [
        identity("app", ("demo",), "echo"),
        identity("many", ("one", "two"), "echo"),
        identity("weak", ("demo",)),
        identity("homeless", (), "echo"),
    ]
)


@dataclass
class Service:
    """Handlers, and what they saw. `gate` opens the ones that wait."""

    metrics: ChassisMetrics = field(default_factory=ChassisMetrics)
    limits: CallLimits = field(default_factory=CallLimits)
    clock: Clock = field(default_factory=SystemClock)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    calls: list[Call] = field(default_factory=list)
    refused: list[tuple[str | None, str, str, str]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    audit_broken: bool = False
    table_broken: bool = False

    def guard(self) -> Guard:
        return Guard(
            identify=POLICY.identify,
            validation=Validation(),
            clock=self.clock,
            metrics=self.metrics,
            translate=self._translate,
            on_refused=self._on_refused,
            limits=self.limits,
            in_flight=InFlight(self.limits.in_flight),
        )

    def routes(self) -> list[Guarded]:
        guard = self.guard()
        return [guard.wrap(route) for route in self.plain_routes()]

    def plain_routes(self) -> list[Route]:
        def unary(name: str, handler: Handler, **more: bool) -> Route:
            path = f"/{SERVICE}/{name}"
            return Route(path, StringValue, StringValue, Kind.UNARY, "echo", handler, **more)

        def stream(name: str, handler: Handler) -> Route:
            path = f"/{SERVICE}/{name}"
            return Route(path, Int32Value, Int32Value, Kind.SERVER_STREAM, "echo", handler)

        checked = Route(
            f"/{SERVICE}/Checked", PROBE, StringValue, Kind.UNARY, ("x", "echo"), self._checked
        )
        open_to_all = Route(
            f"/{SERVICE}/Whoami",
            StringValue,
            StringValue,
            Kind.UNARY,
            None,
            self._echo,
            tenant_scoped=False,
        )
        return [
            unary("Echo", self._echo),
            unary("Crash", self._crash),
            unary("Nothing", self._nothing),
            unary("Stray", self._stray),
            unary("Bare", self._bare),
            unary("Refuse", self._refuse),
            unary("Domain", self._domain),
            unary("Read", self._wait, read_only=True),
            unary("Write", self._wait),
            unary("SlowInside", self._slow_inside, read_only=True),
            stream("Count", self._count),
            stream("Break", self._break),
            stream("Hang", self._hang),
            checked,
            open_to_all,
        ]

    async def _echo(self, request: StringValue, call: Call) -> Message:
        self.calls.append(call)
        return request

    async def _checked(self, _request: Message, _call: Call) -> Message:
        return StringValue(value="fine")

    async def _crash(self, request: StringValue, _call: Call) -> Message:
        raise ValueError(f"cannot handle {request.value} {SECRET}") from KeyError(SECRET)

    async def _nothing(self, _request: Message, _call: Call) -> Message:
        return None  # type: ignore[return-value] # the mistake under test

    async def _stray(self, _request: Message, _call: Call) -> Message:
        raise asyncio.CancelledError(SECRET)

    async def _bare(self, _request: Message, _call: Call) -> Message:
        raise Unusual(SECRET)

    async def _refuse(self, _request: Message, _call: Call) -> Message:
        raise StatusError(
            Code.ABORTED,
            "ERROR_REASON_TEST",
            "somebody else was first",
            field_violations=[("card.number", "rule")],
            retry_after=timedelta(seconds=1.5),
        )

    async def _domain(self, _request: Message, _call: Call) -> Message:
        raise OutOfStock(SECRET)

    async def _wait(self, request: StringValue, _call: Call) -> Message:
        self.waiting.release()
        await self.gate.wait()
        self.finished.append(request.value)
        return request

    async def _slow_inside(self, _request: Message, _call: Call) -> Message:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(5)
        raise AssertionError("the handler's own limit did not act")

    async def _count(self, request: Int32Value, call: Call) -> AsyncIterator[Message]:
        self.calls.append(call)
        for number in range(request.value):
            yield Int32Value(value=number)

    async def _break(self, request: Int32Value, _call: Call) -> AsyncIterator[Message]:
        yield request
        raise ValueError(SECRET)

    async def _hang(self, request: Int32Value, _call: Call) -> AsyncIterator[Message]:
        yield request
        try:
            self.waiting.release()
            await self.gate.wait()
        finally:
            self.finished.append("hang")

    def _translate(self, error: Exception) -> StatusError | None:
        if self.table_broken:
            raise LookupError(SECRET)
        if isinstance(error, OutOfStock):
            return StatusError(Code.NOT_FOUND, "ERROR_REASON_OUT_OF_STOCK", "none left")
        return None

    async def _on_refused(
        self, who: Identity | None, method: str, tenant: str, reason: str, origin: str
    ) -> None:
        assert origin  # every refusal can be told where it came from
        if self.audit_broken:
            raise OSError(SECRET)
        self.refused.append((who.principal if who else None, method, tenant, reason))
