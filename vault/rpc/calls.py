"""What every handler needs of its call: the caller, the time left, what may be seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from chassis.call import Call
from chassis.clock import Clock
from chassis.deadlines import Deadlines
from chassis.spans import traceparent
from chassis.status import StatusError
from vault.domain.intents import Caller, Entry, Intent, Note, RequestMark
from vault.domain.outcome import Outcome
from vault.domain.reasons import Reason, VaultError
from vault.rpc.errors import refusal, value_of
from vault.usecases.ports import Ledger
from vault.usecases.submit import submit

T = TypeVar("T")
RecordDenied = Callable[[Caller, Note], Awaitable[None]]
"""Write a refusal to the audit trail (many of one principal are put together)."""

MAX_REPLY_BYTES = 3 << 20


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes intents to the ledger for a call, and brings values or refusals back."""

    ledger: Ledger
    clock: Clock
    record_denied: RecordDenied
    deadlines: Deadlines = field(default_factory=Deadlines)

    def caller(self, call: Call) -> Caller:
        """Return who is recorded with what this call does."""
        return Caller(call.tenant, call.identity.principal, call.origin, traceparent())

    def time_left(self, call: Call) -> float | None:
        """Return the seconds until the call's deadline."""
        if call.deadline is None:
            return None
        return max(0.0, call.deadline - self.clock.monotonic())

    async def one(self, call: Call, intent: Intent, mark: RequestMark | None = None) -> object:
        """Apply one intent and return its value, or raise its refusal."""
        entry = Entry(self.caller(call), intent, mark)
        outcomes = await self.many(call, [entry])
        return value_of(outcomes[0])

    async def require(self, call: Call, permission: str, *, token: str = "") -> None:
        """Refuse, and audit, a call that needs a further permission for what it asks."""
        if not call.identity.allows(permission):
            await self.deny(call, Reason.PERMISSION_DENIED, token=token)

    async def deny(
        self, call: Call, reason: Reason, *, token: str = "", purpose: str = ""
    ) -> NoReturn:
        """Audit a refusal, then raise it; one that takes too long to be written is counted."""
        note = Note(call.method, "refused", reason.value, token, purpose)
        try:
            with self.deadlines.within(self.time_left(call)):
                await self.record_denied(self.caller(call), note)
        except TimeoutError:
            raise VaultError(reason) from None
        raise VaultError(reason)

    async def in_time(self, call: Call, work: Awaitable[T]) -> T:
        """Wait for what is no entry of the ledger's. Raises VaultError(DEADLINE_EXCEEDED)."""
        try:
            with self.deadlines.within(self.time_left(call)):
                return await work
        except TimeoutError:
            raise VaultError(Reason.DEADLINE_EXCEEDED) from None

    async def many(self, call: Call, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Apply many entries; one outcome each."""
        return await submit(self.ledger, entries, self.time_left(call), self.deadlines)


def error_of(error: StatusError | VaultError) -> Status:
    """Return the status of one item of a batch."""
    if isinstance(error, VaultError):
        return refusal(error.reason, error.field).to_proto()
    return error.to_proto()


@dataclass(slots=True)
class Room:
    """Counts a reply's bytes: batch reads and pages stop at 3 MiB and say so."""

    left: int = MAX_REPLY_BYTES

    def takes(self, message: Message) -> bool:
        """Tell whether one more item fits."""
        self.left -= message.ByteSize() + 8
        return self.left > 0
