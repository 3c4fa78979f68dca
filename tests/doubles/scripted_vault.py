"""A vault that answers as it is told, for what the updater's client does with pages and cards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from cardvault.vault.v1 import (
    card_pb2,
    credential_service_pb2,
    credential_service_pb2_grpc,
    vault_service_pb2,
)
from google.protobuf.message import Message


@dataclass
class Script:
    """What is answered next, and what was asked so far: requests, tenants, deadlines."""

    replies: list[Message | grpc.StatusCode] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    tenants: list[str] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)

    async def answer(self, request: Message, context: Any) -> Message:
        """Note a call, and give the next reply or failure."""
        metadata = dict(context.invocation_metadata() or ())
        self.requests.append(request)
        self.tenants.append(str(metadata["cardvault-tenant"]))
        self.deadlines.append(context.time_remaining())
        reply = self.replies.pop(0)
        if isinstance(reply, Message):
            return reply
        await context.abort(reply, "told to")
        raise AssertionError("an abort has raised")


def reverted(*cards: tuple[str, str], following: str = "", dropped: int = 0) -> Message:
    """Return a page of RevertUpdates: (token, disposition) each."""
    return credential_service_pb2.RevertUpdatesResponse(
        cards=[
            credential_service_pb2.RevertedCard(
                token=token,
                disposition=f"REVERT_DISPOSITION_{disposition}",
                previous_credential_version=2,
                credential_version=3,
                card=card_pb2.Card(token=token),
            )
            for token, disposition in cards
        ],
        next_page_token=following,
        dropped_parked=dropped,
    )


def found(**fields: Any) -> Message:
    """Return GetCard's answer."""
    return vault_service_pb2.GetCardResponse(card=card_pb2.Card(**fields))


@asynccontextmanager
async def scripted_vault(
    replies: Sequence[Message | grpc.StatusCode],
) -> AsyncIterator[tuple[grpc.aio.Channel, Script]]:
    """Serve the script on a free port; yield a channel to it."""
    script = Script(list(replies))

    class Credentials(credential_service_pb2_grpc.CredentialServiceServicer):
        async def StreamCredentials(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, N802
            yield await script.answer(request, context)

        async def ApplyUpdates(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, N802
            return await script.answer(request, context)

        async def RevertUpdates(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, N802
            return await script.answer(request, context)

    async def get_card(request: Message, context: Any) -> Message:
        return await script.answer(request, context)

    server = grpc.aio.server()
    credential_service_pb2_grpc.add_CredentialServiceServicer_to_server(Credentials(), server)
    method = grpc.unary_unary_rpc_method_handler(
        get_card,
        request_deserializer=vault_service_pb2.GetCardRequest.FromString,
        response_serializer=vault_service_pb2.GetCardResponse.SerializeToString,
    )
    served = {"GetCard": method}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("cardvault.vault.v1.VaultService", served),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel, script
    finally:
        await server.stop(None)
