"""The vault double behind a real gRPC server, for the client's own tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from cardvault.vault.v1 import (
    card_pb2,
    credential_service_pb2,
    credential_service_pb2_grpc,
    reveal_service_pb2,
    reveal_service_pb2_grpc,
    update_pb2,
)
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from cards.expiry import Expiry
from cards.outcomes import Outcome
from cards.pan import Pan
from tests.doubles.updater_vault import DoubleVault
from updater.domain.enrolment import Credential
from updater.usecases.ports_vault import CardUpdate, Revealed


class CredentialServer(credential_service_pb2_grpc.CredentialServiceServicer):
    """`CredentialService` over the double; `fails` is what it answers instead."""

    def __init__(self, vault: DoubleVault) -> None:
        self.vault = vault
        self.fails: grpc.StatusCode | None = None
        self.tenants: list[str] = []
        self.requests: list[credential_service_pb2.ApplyUpdatesRequest] = []
        self.short = False

    async def StreamCredentials(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, N802
        await self.enter(context)
        since = request.changed_since.ToMicroseconds()
        async for page in self.vault.credentials(self.tenants[-1], request.cursor, since):
            cards = [credential_message(card) for card in page.credentials]
            yield credential_service_pb2.StreamCredentialsResponse(
                credentials=cards, cursor=page.cursor
            )

    async def ApplyUpdates(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, N802
        await self.enter(context)
        self.requests.append(request)
        updates = [update_of(message) for message in request.updates]
        results = await self.vault.apply(self.tenants[-1], updates)
        messages = [
            credential_service_pb2.UpdateResult(
                update_id=result.update_id,
                disposition=f"DISPOSITION_{result.disposition.value}",
                error=error_of("EXPIRY_BACKWARDS", 3)
                if result.disposition.value == "REJECTED"
                else None,
            )
            for result in results
        ]
        return credential_service_pb2.ApplyUpdatesResponse(
            results=messages[:-1] if self.short else messages
        )

    async def RevertUpdates(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, N802
        """Refuse: what the client makes of it is in `scripted_vault`."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not in this double")

    async def enter(self, context: grpc.aio.ServicerContext) -> None:  # type: ignore[type-arg]
        """Note the tenant and whether there is a deadline; fail if told to."""
        metadata = dict(context.invocation_metadata() or ())
        self.tenants.append(str(metadata["cardvault-tenant"]))
        assert context.time_remaining() is not None
        if self.fails is not None:
            await context.abort(self.fails, "told to")


class RevealServer(reveal_service_pb2_grpc.RevealServiceServicer):
    """`BatchDetokenize` over the double, at most `most` cards an answer."""

    def __init__(self, credentials: CredentialServer) -> None:
        self.credentials = credentials
        self.most = 1000
        self.item_code = 5
        self.purposes: list[str] = []

    async def Detokenize(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, N802
        """Refuse: the updater reveals in batches only."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not in this double")

    async def FindByNumber(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, N802
        """Refuse: the updater has no use for it."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not in this double")

    async def BatchDetokenize(self, request, context):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, N802
        await self.credentials.enter(context)
        self.purposes.append(request.purpose)
        tokens = list(request.tokens)[: self.most]
        vault, tenant = self.credentials.vault, self.credentials.tenants[-1]
        return reveal_service_pb2.BatchDetokenizeResponse(
            results=[self._result(shown) for shown in await vault.reveal(tenant, tokens)],
            truncated=len(tokens) < len(request.tokens),
        )

    def _result(self, shown: object) -> reveal_service_pb2.BatchDetokenizeResult:
        if not isinstance(shown, Revealed):
            return reveal_service_pb2.BatchDetokenizeResult(
                error=error_of("CARD_NOT_FOUND", self.item_code)
            )
        card = card_pb2.CardDetails(number=shown.number.reveal())
        if shown.expiry is not None:
            card.expiry_month, card.expiry_year = shown.expiry.month, shown.expiry.year
        masked = card_pb2.Card(token=shown.token, credential_version=shown.credential_version)
        response = reveal_service_pb2.DetokenizeResponse(card=card, masked=masked)
        return reveal_service_pb2.BatchDetokenizeResult(response=response)


@asynccontextmanager
async def vault_server(
    vault: DoubleVault,
) -> AsyncIterator[tuple[grpc.aio.Channel, CredentialServer, RevealServer]]:
    """Serve the double on a free port; yield a channel to it."""
    server = grpc.aio.server()
    credentials = CredentialServer(vault)
    reveal = RevealServer(credentials)
    credential_service_pb2_grpc.add_CredentialServiceServicer_to_server(credentials, server)
    reveal_service_pb2_grpc.add_RevealServiceServicer_to_server(reveal, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel, credentials, reveal
    finally:
        await server.stop(0)


def credential_message(card: Credential) -> credential_service_pb2.Credential:
    message = credential_service_pb2.Credential(
        token=card.token,
        revision=card.revision,
        credential_version=card.credential_version,
        kind=card_pb2.CARD_KIND_FPAN if card.fpan else card_pb2.CARD_KIND_DPAN,
        status=f"CARD_STATUS_{card.status.value}",
        brand=f"BRAND_{card.brand.value}",
        fingerprint=card.fingerprint,
        holds=[
            card_pb2.Hold(type=card_pb2.HOLD_TYPE_UPDATER_OPTED_OUT, merchant_account=account)
            for account in sorted(card.opted_out)
        ],
        stored_credentials=[agreement(account) for account in sorted(card.covered)],
    )
    if card.expiry is not None:
        message.expiry.year, message.expiry.month = divmod(card.expiry, 100)
    return message


def agreement(account: str, **changes: object) -> card_pb2.StoredCredential:
    message = card_pb2.StoredCredential(
        merchant_account=account,
        agreement=card_pb2.AGREEMENT_RECURRING,
        initiator=card_pb2.INITIATOR_MERCHANT,
    )
    message.consent_time.seconds = 1
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def update_of(message: credential_service_pb2.CredentialUpdate) -> CardUpdate:
    number = Pan(message.new_number) if message.HasField("new_number") else None
    has_expiry = message.HasField("new_expiry")
    name = update_pb2.UpdateOutcome.Name(message.outcome)
    return CardUpdate(
        update_id=message.update_id,
        token=message.version.token,
        credential_version=message.version.credential_version,
        merchant_account=message.merchant_account,
        outcome=Outcome(name.removeprefix("UPDATE_OUTCOME_")),
        new_number=number,
        new_expiry=Expiry(message.new_expiry.year, message.new_expiry.month)
        if has_expiry
        else None,
        asked_at=message.asked_time.ToMicroseconds(),
        channel=message.source.channel,
        feed_id=message.source.file,
        ordinal=message.source.record,
        raw_code=message.source.raw_code,
    )


def error_of(reason: str, code: int) -> status_pb2.Status:
    detail = Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=f"ERROR_REASON_{reason}", domain="cardvault"))
    return status_pb2.Status(code=code, message="fixed text", details=[detail])
