"""What handlers share: a request's mark, a caller's deadline, and a line in the log."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from google.protobuf.message import Message

from chassis.call import Call
from chassis.clock import Clock
from updater.rpc.errors import deadline_exceeded
from updater.usecases.ports import Marks
from updater.usecases.ports_store import RequestMark

T = TypeVar("T")
LOGGED: Final = frozenset({"subject", "why", "channel"})
"""Fields that decisions are logged with, beside those that any service may log."""
_log = structlog.get_logger("updater.decisions")


@dataclass(frozen=True, slots=True)
class Calls:
    """What a handler needs to know about how calls go."""

    marks: Marks
    clock: Clock

    def mark(self, request: Message, call: Call) -> RequestMark:
        """Return the request's mark: the id in one spelling, and a MAC of everything else."""
        asked = type(request)()
        asked.CopyFrom(request)
        asked.ClearField("request_id")
        content = asked.SerializeToString(deterministic=True)
        request_id: str = request.request_id  # type: ignore[attr-defined] # callers have it
        digest = self.marks.request(call.method, content)
        return RequestMark(call.tenant, call.identity.principal, request_id.lower(), digest)

    async def within(self, call: Call, work: Awaitable[T]) -> T:
        """Wait for the caller's deadline at most. A commit under way is not cut off by it."""
        left = None if call.deadline is None else call.deadline - self.clock.monotonic()
        try:
            async with asyncio.timeout(left):
                return await work
        except TimeoutError:
            raise deadline_exceeded() from None


def decided(call: Call, subject: str, why: str) -> None:
    """Log who has decided what about a file, an exception or a channel, and why."""
    _log.info(
        "decided",
        method=call.method,
        tenant=call.tenant,
        principal=call.identity.principal,
        subject=subject,
        why=why,
    )
