"""How a call of the vault failed, told in one way: alone, in a batch, or before it was sent.

No text here holds anything of a request: the vault's sentences are fixed, and so are these.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

DOMAIN: Final = "cardvault"
_DETAILS: Final = "grpc-status-details-bin"
_DEADLINE: Final = "ERROR_REASON_DEADLINE_EXCEEDED"
_CODES: Final[Mapping[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


class CallFailed(grpc.RpcError):
    """One caller's call failed. Safe to log.

    `code()` and `details()` are gRPC's: the status code, and a fixed sentence. `reason` is the name
    of an `ErrorReason`, empty where it was not the vault that refused. `retry_after` is set where
    waiting helps. `violations` are pairs of a field's path and the rule that it breaks, never a
    value. Every caller gets an object of its own.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        retry_after: timedelta | None = None,
        violations: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self._code: Final = code
        self._message: Final = message
        self.reason: Final = reason
        self.retry_after: Final = retry_after
        self.violations: Final = violations

    def code(self) -> grpc.StatusCode:
        """Return the status code."""
        return self._code

    def details(self) -> str:
        """Return the sentence that goes with it."""
        return self._message

    def __repr__(self) -> str:
        return f"<CallFailed {self._code.name} {self.reason or '-'}>"

    def again(self) -> CallFailed:
        """Return the same for another caller: tracebacks are a caller's own."""
        return CallFailed(
            self._code,
            self._message,
            reason=self.reason,
            retry_after=self.retry_after,
            violations=self.violations,
        )


def failure_of_status(status: Status, code: grpc.StatusCode | None = None) -> CallFailed:
    """Return the failure that a status tells; `code` wins over the status's own."""
    reason, retry_after = "", None
    violations: tuple[tuple[str, str], ...] = ()
    for detail in status.details:
        info, retry, bad = ErrorInfo(), RetryInfo(), BadRequest()
        if detail.Unpack(info):
            reason = info.reason if info.domain == DOMAIN else reason
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
        elif detail.Unpack(bad):
            violations = tuple((each.field, each.description) for each in bad.field_violations)
    return CallFailed(
        code or _CODES.get(status.code, grpc.StatusCode.UNKNOWN),
        status.message,
        reason=reason,
        retry_after=retry_after,
        violations=violations,
    )


def failure_of_call(error: grpc.aio.AioRpcError) -> CallFailed:
    """Return the failure of a whole call, the vault's or the transport's."""
    details = error.trailing_metadata().get(_DETAILS)
    if isinstance(details, bytes):
        try:
            return failure_of_status(Status.FromString(details), error.code())
        except DecodeError:
            pass  # somebody else's details: the code is still true
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return expired()  # whichever end looked at its clock first
    return CallFailed(error.code(), error.details() or "the call failed")


def expired() -> CallFailed:
    """Return the failure of a call whose deadline has passed. A change may have been made."""
    text = "the deadline of the call has passed"
    return CallFailed(grpc.StatusCode.DEADLINE_EXCEEDED, text, reason=_DEADLINE)


def overloaded() -> CallFailed:
    """Return the failure of a call for which this client has no room. It was not sent."""
    return CallFailed(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "too many calls are waiting in this client",
        reason="ERROR_REASON_OVERLOADED",
        retry_after=timedelta(milliseconds=200),
    )


def closed() -> CallFailed:
    """Return the failure of a call that the client's end cut off. A change may have been made."""
    return CallFailed(grpc.StatusCode.CANCELLED, "the client was closed")


def misunderstood() -> CallFailed:
    """Return the failure of a call whose answer makes no sense. A change may have been made."""
    return CallFailed(grpc.StatusCode.INTERNAL, "the answer does not fit the batch")


def broken(error: BaseException) -> CallFailed:
    """Return the failure of a call by an error that nobody expected; its text stays out."""
    return CallFailed(grpc.StatusCode.INTERNAL, f"the client failed: {type(error).__name__}")
