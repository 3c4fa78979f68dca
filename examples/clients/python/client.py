"""Store cards in a running vault and reveal them again: what a Python service needs of Cardvault.

python client.py ADDRESS PKI CUSTOMER
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
from cardvault import channel_options
from cardvault.vault.v1.card_pb2 import Brand, Card, CardDetails
from cardvault.vault.v1.error_reason_pb2 import ErrorReason
from cardvault.vault.v1.reveal_service_pb2 import (
    BatchDetokenizeRequest,
    DetokenizeRequest,
    DetokenizeResponse,
)
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest, TokenizeRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

DEADLINE_S = 10.0
"""For a call with all its retries: without a deadline it could wait for ever."""


def run(address: str, pki: Path, customer: str) -> None:
    """Store cards as the application, and reveal them as the payment service provider.

    Two identities, for who takes cards in has no need to see their numbers again.
    """
    with connect(address, pki, "app") as app, connect(address, pki, "psp") as psp:
        token = store(VaultServiceStub(app), customer)
        tokens = store_many(VaultServiceStub(app), customer)
        reveals = RevealServiceStub(psp)
        request = BatchDetokenizeRequest(tokens=tokens, purpose="payment")
        for result in reveals.BatchDetokenize(request, timeout=DEADLINE_S).results:
            if result.HasField("error"):
                raise SystemExit(f"failed: not revealed: {reason(result.error)}")
            charge(result.response)
        to_pay = DetokenizeRequest(token=token, purpose="payment")
        charge(reveals.Detokenize(to_pay, timeout=DEADLINE_S))
        may_not_reveal(RevealServiceStub(app), to_pay)


def connect(address: str, pki: Path, name: str) -> grpc.Channel:
    """Open a channel over mTLS that tries again what the vault says may be tried again."""
    names = ("ca.pem", f"{name}.key", f"{name}.pem")
    credentials = grpc.ssl_channel_credentials(*((pki / name).read_bytes() for name in names))
    return grpc.secure_channel(address, credentials, channel_options())


def store(vault: VaultServiceStub, customer: str) -> str:
    """Store a card twice with one request id, as after an answer that got lost.

    It is applied once, and the second answer is the first one again.
    """
    request, token = new_card(customer, "4111111111111111"), ""
    for what in ("stored", "again"):
        reply = vault.Tokenize(request, timeout=DEADLINE_S)
        token = reply.card.token
        print(f"{masked(what, reply.card)}, created={str(reply.created).lower()}")
    return token


def store_many(vault: VaultServiceStub, customer: str) -> list[str]:
    """Store a batch, of which each card succeeds or fails alone: here one has a typing error."""
    numbers = ("5555555555554444", "378282246310005", "4111111111111112")
    requests = [new_card(customer, number) for number in numbers]  # once: a retry sends the same
    batch = BatchTokenizeRequest(requests=requests)
    tokens = []
    for result in vault.BatchTokenize(batch, timeout=DEADLINE_S).results:
        if result.HasField("error"):
            print(f"batch: {reason(result.error)}")
        else:
            tokens.append(result.response.card.token)
            print(masked("batch", result.response.card))
    return tokens


def charge(revealed: DetokenizeResponse) -> None:
    """Stand where you would send the number on. Don't print it, nor a message that has it."""
    number = revealed.card.number
    print(f"revealed: {revealed.masked.token}, {len(number)} digits, ending in {number[-4:]}")


def may_not_reveal(vault: RevealServiceStub, request: DetokenizeRequest) -> None:
    """Tell refusals apart by their reason, a value of ErrorReason."""
    try:
        vault.Detokenize(request, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        refused = status(error)
        if reason(refused) != "ERROR_REASON_PERMISSION_DENIED":
            raise
        print(f"refused: {reason(refused)}")
    else:
        raise SystemExit("failed: the application may reveal cards: look at the policy")


def new_card(customer: str, number: str) -> TokenizeRequest:
    """Return a request, with a new id each time: call it once a card, and keep it for retries."""
    card = CardDetails(number=number, expiry_month=12, expiry_year=2030)
    return TokenizeRequest(request_id=str(uuid.uuid4()), card=card, customer=customer)


def masked(what: str, card: Card) -> str:
    """Return a line about a card."""
    return f"{what}: {card.token}, {Brand.Name(card.brand)} **** {card.last4}"


def status(error: grpc.RpcError) -> Status:
    """Return an error with its details; without any where it wasn't the vault that refused."""
    for pair in error.trailing_metadata() or ():
        if pair.key == "grpc-status-details-bin":
            return Status.FromString(pair.value)
    return Status()


def reason(refused: Status) -> str:
    """Return the reason's name, UNSPECIFIED if there is none or it is newer than these stubs."""
    for detail in refused.details:
        info = ErrorInfo()
        known = detail.Unpack(info) and info.domain == "cardvault"
        if known and info.reason in ErrorReason.keys():  # noqa: SIM118 - it is no dictionary
            return str(info.reason)
    return "ERROR_REASON_UNSPECIFIED"


def explain(error: grpc.RpcError) -> str:
    """Return a line about an error. The vault's errors name a field, never its value."""
    refused = status(error)
    if reason(refused) == "ERROR_REASON_UNSPECIFIED":
        return f"failed: {error.code().name}: {error.details()}"
    return "; ".join((f"refused: {reason(refused)}", *violations(refused)))


def violations(refused: Status) -> Iterator[str]:
    """Yield which fields break a rule, and which rule."""
    for detail in refused.details:
        bad = BadRequest()
        if detail.Unpack(bad):
            yield from (f"{each.field}: {each.description}" for each in bad.field_violations)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("usage: python client.py ADDRESS PKI CUSTOMER")
    try:
        run(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    except grpc.RpcError as error:
        raise SystemExit(explain(error)) from None
    except OSError as error:
        raise SystemExit(f"failed: {error.strerror}: {error.filename}") from None
