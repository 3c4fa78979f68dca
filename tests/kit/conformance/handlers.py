"""The suite's service: answers as each request asks to be answered (its service.proto).

Written once, for both transports: bytes and a call's facts in, bytes or a StatusError out, in the
call's time, as the product's guard sees to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final, Protocol

from google.protobuf import any_pb2
from google.rpc import status_pb2

from chassis.call import RawCall
from chassis.deadlines import Deadlines
from chassis.status import Code, StatusError
from tests.kit.conformance.messages import Messages, packed

Header = tuple[bytes, bytes]


class Call(RawCall, Protocol):
    """A call's facts, and what its answer begins and ends with."""

    headers: Sequence[Header]
    trailers: Sequence[Header]


class Failure(StatusError):
    """A failure with the details that a request has asked for, or none."""

    def __init__(self, code: int, message: str, details: Sequence[any_pb2.Any] = ()) -> None:
        super().__init__(Code(code), "", message)
        self._details: Final = details

    def details(self) -> bytes:
        status = status_pb2.Status(code=int(self.code), message=self.message, details=self._details)
        serialized: bytes = status.SerializeToString()
        return serialized


class Handlers:
    """The service's methods: `unary`, `stream`, `client_stream` and `bidi`."""

    def __init__(self, messages: Messages) -> None:
        self._payload: Final = messages["ConformancePayload"]
        self._info: Final = messages["ConformancePayload.RequestInfo"]
        self._kinds: Final = {
            name: (messages[f"{name}Request"], messages[f"{name}Response"])
            for name in ("Unary", "ServerStream", "ClientStream", "BidiStream")
        }
        self._deadlines: Final = Deadlines()

    async def unary(self, request: bytes, call: Call) -> bytes:
        """Answer one message."""
        asks, _answers = self._kinds["Unary"]
        message = asks.FromString(request)
        return await self._one("Unary", message.response_definition, [message], call)

    async def client_stream(
        self, requests: AsyncIterator[bytes], call: Call
    ) -> AsyncGenerator[bytes]:
        """Answer all messages by one, as the first of them says."""
        asks, _answers = self._kinds["ClientStream"]
        taken = [asks.FromString(request) async for request in requests]
        first = taken[0] if taken else asks()
        yield await self._one("ClientStream", first.response_definition, taken, call)

    async def stream(self, request: bytes, call: Call) -> AsyncGenerator[bytes]:
        """Answer one message by several."""
        asks, _answers = self._kinds["ServerStream"]
        message = asks.FromString(request)
        wanted = message.response_definition
        _begin(wanted, call)
        async for answer in self._rest("ServerStream", wanted, [message], call):
            yield answer

    async def bidi(self, requests: AsyncIterator[bytes], call: Call) -> AsyncGenerator[bytes]:
        """Answer message by message, or all of them at the end, as the first of them says."""
        asks, answers = self._kinds["BidiStream"]
        wanted: Any = None
        in_turns = False
        sent = 0
        taken: list[Any] = []
        async for request in requests:
            message = asks.FromString(request)
            taken.append(message)
            if wanted is None:
                wanted, in_turns = message.response_definition, message.full_duplex
                _begin(wanted, call)
            if not in_turns:
                continue
            if sent == len(wanted.response_data):
                break
            info = self._about(call, taken) if sent == 0 else self._info(requests=_all(taken))
            await self._wait(wanted, call)
            data = wanted.response_data[sent]
            yield answers(payload=self._payload(data=data, request_info=info)).SerializeToString()
            sent += 1
            taken = []
        if wanted is not None:
            async for answer in self._rest("BidiStream", wanted, taken, call, sent):
                yield answer

    async def _one(self, kind: str, wanted: Any, taken: list[Any], call: Call) -> bytes:
        _begin(wanted, call)
        info = self._about(call, taken)
        await self._wait(wanted, call)
        if wanted.HasField("error"):
            raise _asked(wanted.error, info)
        _asks, answers = self._kinds[kind]
        payload = self._payload(data=wanted.response_data, request_info=info)
        serialized: bytes = answers(payload=payload).SerializeToString()
        return serialized

    async def _rest(
        self, kind: str, wanted: Any, taken: list[Any], call: Call, sent: int = 0
    ) -> AsyncGenerator[bytes]:
        """Send what is still to be sent, then fail where that is asked for."""
        _asks, answers = self._kinds[kind]
        for data in wanted.response_data[sent:]:
            payload = self._payload(data=data)
            if sent == 0:
                payload.request_info.CopyFrom(self._about(call, taken))
            await self._wait(wanted, call)
            yield answers(payload=payload).SerializeToString()
            sent += 1
        if wanted.HasField("error"):
            raise _asked(wanted.error, None if sent else self._about(call, taken))

    async def _wait(self, wanted: Any, call: Call) -> None:
        try:
            with self._deadlines.within(call.time_remaining()):
                await asyncio.sleep(wanted.response_delay_ms / 1e3)
        except TimeoutError:
            raise Failure(Code.DEADLINE_EXCEEDED, "too late") from None

    def _about(self, call: Call, taken: list[Any]) -> Any:
        """Return what is told of a request: its headers, its deadline, its messages."""
        left = call.time_remaining()
        info = self._info(
            timeout_ms=None if left is None else int(left * 1e3), requests=_all(taken)
        )
        for name, value in call.metadata().items():
            info.request_headers.add(name=name, value=[value])
        return info


def _asked(error: Any, info: Any) -> Failure:
    details = list(error.details)
    if info is not None:
        details.append(packed(info))
    return Failure(error.code, error.message, details)


def _all(taken: list[Any]) -> list[any_pb2.Any]:
    return [packed(message) for message in taken]


def _begin(wanted: Any, call: Call) -> None:
    call.headers = _headers(wanted.response_headers)
    call.trailers = _headers(wanted.response_trailers)


def _headers(given: Any) -> list[Header]:
    return [(each.name.encode(), value.encode()) for each in given for value in each.value]
