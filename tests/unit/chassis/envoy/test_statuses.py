"""How a call's end is spelled: whatever the message, a gRPC client reads the same one."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import unquote

import pytest
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st

from chassis.envoy.statuses import OK_TRAILERS, TransportStatus, status_headers
from chassis.status import Code, StatusError

failing = st.sampled_from([code for code in Code if code is not Code.OK])


@given(failing, st.text())
def test_any_message_comes_through(code: Code, message: str) -> None:
    headers = status_headers(TransportStatus(code, message))
    assert [name for name, _value in headers] == [b"grpc-status", b"grpc-message"]
    found = dict(headers)
    assert int(found[b"grpc-status"]) == code
    assert all(0x20 <= byte < 0x7F for byte in found[b"grpc-message"])
    assert unquote(found[b"grpc-message"].decode("ascii"), errors="strict") == message


@pytest.mark.parametrize(
    ("message", "written"),
    [("plain ~ !", b"plain ~ !"), ("50%", b"50%25"), ("a\nb", b"a%0Ab"), ("é", b"%C3%A9")],
    ids=["plain", "percent", "line", "letter"],
)
def test_the_spelling_is_grpcs(message: str, written: bytes) -> None:
    headers = dict(status_headers(TransportStatus(Code.ABORTED, message)))
    assert headers[b"grpc-message"] == written


@given(failing, st.text(max_size=30), st.integers(0, 3))
def test_details_are_base64_without_padding(code: Code, message: str, seconds: int) -> None:
    error = StatusError(
        code,
        "ERROR_REASON_TEST" + "X" * seconds,
        message,
        retry_after=timedelta(seconds=seconds) if seconds else None,
    )
    written = dict(status_headers(error))[b"grpc-status-details-bin"]
    assert b"=" not in written
    decoded = base64.b64decode(written + b"=" * (-len(written) % 4), validate=True)
    assert decoded == error.details()
    assert status_pb2.Status.FromString(decoded).message == message


def test_ok_is_said_by_its_number() -> None:
    assert OK_TRAILERS == ((b"grpc-status", b"0"),)
