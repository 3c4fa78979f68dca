"""Name how a call failed, the way AIP-193 wants it (api.md, "Errors").

A `StatusError` is the one exception that may leave the guard. All its text is fixed by the code
that raises it and never holds input: it goes to callers and may be logged.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import IntEnum
from typing import Final

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

DOMAIN: Final = "cardvault"
MAX_DETAIL_VIOLATIONS: Final = 20
"""Violations named in one reply: details travel as metadata, which both ends cap at 8 KiB."""

# What the chassis itself refuses. Each name is a value of the services' ErrorReason enum.
REASON_UNAUTHENTICATED: Final = "ERROR_REASON_UNAUTHENTICATED"
REASON_TENANT_REQUIRED: Final = "ERROR_REASON_TENANT_REQUIRED"
REASON_TENANT_DENIED: Final = "ERROR_REASON_TENANT_DENIED"
REASON_PERMISSION_DENIED: Final = "ERROR_REASON_PERMISSION_DENIED"
REASON_MALFORMED_MESSAGE: Final = "ERROR_REASON_MALFORMED_MESSAGE"
REASON_INVALID_FIELD: Final = "ERROR_REASON_INVALID_FIELD"
REASON_OVERLOADED: Final = "ERROR_REASON_OVERLOADED"
REASON_DEADLINE_EXCEEDED: Final = "ERROR_REASON_DEADLINE_EXCEEDED"
REASON_INTERNAL: Final = "ERROR_REASON_INTERNAL"

CHASSIS_REASONS: Final = frozenset(
    {
        REASON_UNAUTHENTICATED,
        REASON_TENANT_REQUIRED,
        REASON_TENANT_DENIED,
        REASON_PERMISSION_DENIED,
        REASON_MALFORMED_MESSAGE,
        REASON_INVALID_FIELD,
        REASON_OVERLOADED,
        REASON_DEADLINE_EXCEEDED,
        REASON_INTERNAL,
    }
)
"""A service's test compares these with its proto enum, so that neither side drifts."""


class Code(IntEnum):
    """List the gRPC status codes, with the numbers that go over the wire."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class StatusError(Exception):
    """Refuse a call with a code, a public reason and fixed text.

    `reason` is the full name of an `ErrorReason` value; `message` is a fixed sentence;
    `field_violations` are (field path, rule) pairs and never hold a value; `retry_after` is set
    where waiting helps.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        message: str,
        *,
        field_violations: Sequence[tuple[str, str]] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.code: Final = code
        self.reason: Final = reason
        self.message: Final = message
        self.field_violations: Final = tuple(field_violations)
        self.retry_after: Final = retry_after

    def to_proto(self) -> status_pb2.Status:
        """Return the `google.rpc.Status`: ErrorInfo always, BadRequest and RetryInfo if set.

        The first 20 violations are named; details must fit the metadata limit.
        """
        status = status_pb2.Status(code=int(self.code), message=self.message)
        _pack(status.details.add(), error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN))
        if self.field_violations:
            bad = error_details_pb2.BadRequest()
            for path, description in self.field_violations[:MAX_DETAIL_VIOLATIONS]:
                bad.field_violations.add(field=path, description=description)
            _pack(status.details.add(), bad)
        if self.retry_after is not None:
            delay = duration_pb2.Duration()
            delay.FromTimedelta(self.retry_after)
            _pack(status.details.add(), error_details_pb2.RetryInfo(retry_delay=delay))
        return status

    def details(self) -> bytes:
        """Return the serialized `google.rpc.Status`, for `grpc-status-details-bin`."""
        serialized: bytes = self.to_proto().SerializeToString()
        return serialized


def _pack(
    target: any_pb2.Any,
    detail: error_details_pb2.ErrorInfo
    | error_details_pb2.BadRequest
    | error_details_pb2.RetryInfo,
) -> None:
    target.Pack(detail)
