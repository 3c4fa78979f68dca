"""What came with a failed call is read where it can be, and raises nothing where it can't."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from chassis.channel import reason_in, status_of
from updater.adapters import vault_client
from updater.cli import service
from updater.domain.errors import VaultRefused
from vault.cli import importing


def failed(details: bytes | None) -> grpc.aio.AioRpcError:
    """Return a refusal that came with these details."""
    trailing = grpc.aio.Metadata()
    if details is not None:
        trailing.add("grpc-status-details-bin", details)
    code = grpc.StatusCode.FAILED_PRECONDITION
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "the card is deleted")


def told(reason: str) -> status_pb2.Status:
    status = status_pb2.Status(code=9, message="the card is deleted")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason))
    return status


def torn() -> bytes:
    status = status_pb2.Status(code=9)
    url = "type.googleapis.com/google.rpc.ErrorInfo"
    status.details.append(Any(type_url=url, value=b"\x0a\xff"))
    return bytes(status.SerializeToString())


def test_a_status_is_read() -> None:
    status = told("ERROR_REASON_CARD_DELETED")
    error = failed(status.SerializeToString())
    assert status_of(error) == status
    assert reason_in(status_of(error)) == "CARD_DELETED"
    assert vault_client._reason(error) == "CARD_DELETED"
    assert service._refusal(error).message == "CARD_DELETED: the card is deleted"


@pytest.mark.parametrize(
    "details", [None, b"", b"\xff\xff\xff", torn()], ids=["none", "empty", "rubbish", "torn"]
)
def test_what_can_not_be_read_leaves_the_call_s_own_code(details: bytes | None) -> None:
    error = failed(details)
    assert reason_in(status_of(error)) == ""
    assert service._refusal(error).message == "FAILED_PRECONDITION: the card is deleted"
    assert isinstance(vault_client._failure(error), VaultRefused)
    if details is None or len(details) < 4:
        assert importing._refused(error).message.startswith(
            "the vault refused: FAILED_PRECONDITION"
        )


def test_a_code_of_a_newer_vault_has_no_name_here() -> None:
    assert vault_client.reason_of(status_pb2.Status(code=99)) == "UNKNOWN"
