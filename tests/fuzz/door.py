"""Calls through the guard of a service, from whomever, and the judge of what comes back."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from google.rpc import status_pb2
from prometheus_client import CollectorRegistry, generate_latest

from chassis.guard import Guarded
from chassis.status import Code, StatusError
from tests.doubles.chassis_wires import FakeRawCall, Metadata
from tests.fuzz.judge import CANARY, must_not_echo
from tests.fuzz.messages import TEXTS
from tests.fuzz.target import Broken

MOST_REPLY: Final = 4 << 20
"""Bytes of one message: what a server sends at most."""
_NEVER: Final = frozenset({Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS})
_DEADLINE_S: Final = 20.0
_MOST_PARTS: Final = 500

_CALLERS: Final[Sequence[tuple[tuple[str, ...], Metadata]]] = (
    (("spiffe://demo/app",), ()),
    ((), ()),
    (("spiffe://demo/nobody",), ()),
    (("spiffe://demo/several",), ()),
    (("spiffe://demo/several",), (("cardvault-tenant", "second"),)),
    (("spiffe://demo/root",), (("cardvault-tenant", CANARY),)),
    (("spiffe://demo/root", "spiffe://demo/app"), ()),
)
"""Callers that are not the one who may do everything; of 256 second bytes so many mean one each."""


@dataclass
class Live:
    """A service that runs: its guarded routes, its log, and its words that inputs can't know.

    `names` gives for a word of the inputs the one that this service has in its place, of the same
    length: so inputs mean the same to every service that is opened.
    """

    routes: Sequence[Guarded]
    names: dict[bytes, bytes] = field(default_factory=dict)

    def understood(self, request: bytes) -> bytes:
        """Return a request with this service's own words."""
        for word, own in self.names.items():
            if word in request:
                request = request.replace(word, own)
        return request


class Door:
    """Feeds a service: the first byte of an input chooses the RPC, the second the caller."""

    def __init__(self, loop: asyncio.AbstractEventLoop, live: Live, log: io.StringIO) -> None:
        self._loop: Final = loop
        self._log: Final = log
        self.live = live

    def __call__(self, data: bytes) -> str:
        """Make one call; return the RPC and the code of its status."""
        routes = self.live.routes
        item = routes[data[0] % len(routes) if data else 0]
        sans, metadata = _caller(data[1] if len(data) > 1 else 255)
        request = self.live.understood(data[2:])
        raw = FakeRawCall(sans, metadata, _DEADLINE_S)
        method = item.route.path.rpartition("/")[2]
        try:
            replies = self._loop.run_until_complete(_called(item, request, raw))
        except StatusError as refused:
            code = refused.code
            must_not_echo(request, _said(refused), f"the status of {method}")
        else:
            code = Code.OK
            for each in replies:
                _judge_reply(item, each, request)
        if code in _NEVER:
            raise Broken(f"{method} answers {code.name}")
        self._judge_log(request)
        return f"{method} {code.name}"

    def _judge_log(self, request: bytes) -> None:
        if self._log.tell():
            written = self._log.getvalue().encode()
            self._log.seek(0)
            self._log.truncate()
            must_not_echo(request, written, "the log")


def _caller(chosen: int) -> tuple[tuple[str, ...], Metadata]:
    return _CALLERS[chosen] if chosen < len(_CALLERS) else (("spiffe://demo/root",), ())


async def _called(item: Guarded, request: bytes, raw: FakeRawCall) -> list[bytes]:
    if item.unary is not None:
        return [await item.unary(request, raw)]
    assert item.stream is not None
    parts: list[bytes] = []
    async with aclosing(item.stream(request, raw)) as stream:
        async for part in stream:
            parts.append(part)
            if len(parts) == _MOST_PARTS:
                break
    return parts


def _said(refused: StatusError) -> bytes:
    return f"{refused.message} {refused.reason} {refused!r} ".encode() + refused.details()


def _judge_reply(item: Guarded, reply: bytes, request: bytes) -> None:
    method = item.route.path.rpartition("/")[2]
    if len(reply) > MOST_REPLY:
        raise Broken(f"{method} answers with more than a message may have")
    for status in _statuses(item.route.response.FromString(reply)):
        if Code(status.code) in _NEVER:
            raise Broken(f"an item of {method} ends with {Code(status.code).name}")
        must_not_echo(request, status.SerializeToString(), f"an item's status of {method}")


def _statuses(message: Any) -> list[status_pb2.Status]:
    """Return every status that is anywhere in a reply: those of a batch's items."""
    if isinstance(message, status_pb2.Status):
        return [message]
    found: list[status_pb2.Status] = []
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.message_type.GetOptions().map_entry:
            continue
        for each in value if descriptor.is_repeated else (value,):
            found += _statuses(each)
    return found


def judge_metrics(registry: CollectorRegistry) -> None:
    """Raise Broken where a metric's name or label holds a word of the inputs."""
    shown = generate_latest(registry)
    if any(word.encode() in shown for word in (CANARY, TEXTS[-1], TEXTS[-2])):
        raise Broken("metrics echo the input")
