"""A failure reads the same wherever it comes from, and says nothing that it should not."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from cardvault.failures import (
    CallFailed,
    failure_of_call,
    failure_of_status,
    overloaded,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, DebugInfo, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

NOT_FOUND = grpc.StatusCode.NOT_FOUND


def status(*details: Message, code: grpc.StatusCode = NOT_FOUND) -> Status:
    made = Status(code=code.value[0], message="no such card")
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


def rpc_error(
    code: grpc.StatusCode, details: str | None = "no such card", *trailing: tuple[str, bytes]
) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata(*trailing)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details, "debug: secret")


def told(error: CallFailed) -> tuple[object, ...]:
    return (error.code(), error.details(), error.reason, error.retry_after, error.violations)


WHOLE = status(
    ErrorInfo(reason="ERROR_REASON_CARD_NOT_FOUND", domain="cardvault"),
    BadRequest(field_violations=[BadRequest.FieldViolation(field="token", description="rule")]),
    DebugInfo(detail="not for callers"),
)
TOLD = (NOT_FOUND, "no such card", "ERROR_REASON_CARD_NOT_FOUND", None, (("token", "rule"),))


def test_a_status_is_told_whole() -> None:
    assert told(failure_of_status(WHOLE)) == TOLD


def test_a_call_is_told_as_its_status_is() -> None:
    details = ("grpc-status-details-bin", WHOLE.SerializeToString())
    assert told(failure_of_call(rpc_error(NOT_FOUND, "no such card", details))) == TOLD


def test_another_caller_is_told_the_same() -> None:
    error = failure_of_status(WHOLE)
    assert error.again() is not error
    assert told(error.again()) == TOLD


def test_waiting_may_help() -> None:
    retry = RetryInfo()
    retry.retry_delay.FromTimedelta(timedelta(milliseconds=200))
    assert failure_of_status(status(retry)).retry_after == timedelta(milliseconds=200)


def test_a_reason_of_somebody_else_is_no_reason_of_ours() -> None:
    assert failure_of_status(status(ErrorInfo(reason="X", domain="mesh"))).reason == ""


def test_a_code_of_the_future_is_unknown() -> None:
    assert failure_of_status(Status(code=99)).code() is grpc.StatusCode.UNKNOWN


def test_the_calls_code_wins() -> None:
    details = ("grpc-status-details-bin", status(code=grpc.StatusCode.OK).SerializeToString())
    assert failure_of_call(rpc_error(NOT_FOUND, "", details)).code() is NOT_FOUND


@pytest.mark.parametrize("details", ["no such card", None])
def test_without_details_there_is_still_a_code(details: str | None) -> None:
    error = failure_of_call(rpc_error(NOT_FOUND, details))
    assert (error.code(), error.reason) == (NOT_FOUND, "")
    assert error.details()


def test_details_that_do_not_parse_are_passed_over() -> None:
    error = failure_of_call(rpc_error(NOT_FOUND, "x", ("grpc-status-details-bin", b"\xff\xff")))
    assert told(error) == (NOT_FOUND, "x", "", None, ())


def test_a_deadline_reads_the_same_whoever_saw_it_pass() -> None:
    by_us = failure_of_call(rpc_error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))
    assert by_us.reason == "ERROR_REASON_DEADLINE_EXCEEDED"
    assert by_us.details() == "the deadline of the call has passed"


def test_it_is_caught_as_grpcs_own() -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raise overloaded()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_what_is_printed_is_fixed() -> None:
    error = failure_of_call(rpc_error(NOT_FOUND))
    assert repr(error) == "<CallFailed NOT_FOUND ->"
    assert str(error) == "NOT_FOUND: no such card"
