"""The vault over gRPC (`Vault`): mTLS, a deadline on every call, retries in the channel only."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Final

import grpc
import structlog
from cardvault.vault.v1 import (
    credential_service_pb2,
    credential_service_pb2_grpc,
    reveal_service_pb2,
    reveal_service_pb2_grpc,
    vault_service_pb2,
    vault_service_pb2_grpc,
)
from google.rpc import code_pb2, status_pb2

from chassis.channel import reason_in, status_of, tenant_metadata
from updater.adapters import vault_messages as convert
from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.usecases.ports_vault import (
    CardUpdate,
    CredentialPage,
    MaskedCard,
    NotRevealed,
    Revealed,
    RevertedPage,
    UpdateResult,
)

_log = structlog.get_logger("updater.vault")
PURPOSE: Final = "updater_inquiry"
_LATER: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)
_CODES: Final = {number: name for name, number in code_pb2.Code.items()}
_NOT_SEEN: Final = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED})
_ITEM_LATER: Final = frozenset({code.value[0] for code in _LATER})


class VaultClient:
    """Speaks to the vault as the updater's identity, for one tenant at a time."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        call_deadline: timedelta = timedelta(seconds=20),
        stream_deadline: timedelta = timedelta(minutes=10),
    ) -> None:
        self._credentials: Final = credential_service_pb2_grpc.CredentialServiceStub(channel)
        self._reveal: Final = reveal_service_pb2_grpc.RevealServiceStub(channel)
        self._cards: Final = vault_service_pb2_grpc.VaultServiceStub(channel)
        self._call_s: Final = call_deadline.total_seconds()
        self._stream_s: Final = stream_deadline.total_seconds()

    async def credentials(
        self, tenant: str, cursor: str, changed_since: int
    ) -> AsyncIterator[CredentialPage]:
        """Yield the cards that changed at or after a time, in the order of their tokens."""
        request = credential_service_pb2.StreamCredentialsRequest(
            statuses=convert.ALL_STATUSES,
            cursor=cursor,
            changed_since=convert.timestamp(changed_since) if changed_since else None,
        )
        call = self._credentials.StreamCredentials(
            request, timeout=self._stream_s, metadata=tenant_metadata(tenant)
        )
        try:
            async for part in call:
                cards = [convert.credential(each) for each in part.credentials]
                yield CredentialPage(cards, part.cursor)
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from None
        finally:
            call.cancel()

    async def reveal(self, tenant: str, tokens: Sequence[str]) -> Sequence[Revealed | NotRevealed]:
        """Reveal up to 1,000 cards for an inquiry, in the order given, each on its own."""
        results: list[Revealed | NotRevealed] = []
        while len(results) < len(tokens):
            rest = tokens[len(results) :]
            request = reveal_service_pb2.BatchDetokenizeRequest(tokens=rest, purpose=PURPOSE)
            reply = await self._call(self._reveal.BatchDetokenize, request, tenant)
            if not reply.results or len(reply.results) > len(rest):
                raise VaultRefused("the vault's answer does not fit the question")
            for token, result in zip(rest, reply.results, strict=False):
                results.append(_revealed(token, result))
        return results

    async def apply(self, tenant: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        """Hand over up to 1,000 answers, in order. Deduplicated by (update_id, token)."""
        request = credential_service_pb2.ApplyUpdatesRequest(
            updates=[convert.credential_update(update) for update in updates]
        )
        reply = await self._call(self._credentials.ApplyUpdates, request, tenant)
        if [result.update_id for result in reply.results] != [each.update_id for each in updates]:
            raise VaultRefused("the vault's answer does not fit the question")
        return [
            UpdateResult(
                update.update_id,
                update.token,
                convert.disposition(result.disposition),
                reason_of(result.error) if result.HasField("error") else "",
                convert.cards_of(result) if update.number is not None else (),
                convert.first_of(result),
            )
            for update, result in zip(updates, reply.results, strict=True)
        ]

    async def revert(
        self, tenant: str, channel: str, feed_id: str, *, request_id: str, dry_run: bool
    ) -> AsyncIterator[RevertedPage]:
        """Take back what a file's answers changed, page by page; repeating it changes no more."""
        request = credential_service_pb2.RevertUpdatesRequest(
            request_id=request_id,
            source=credential_service_pb2.UpdateFile(channel=channel, file=feed_id),
            dry_run=dry_run,
        )
        while True:
            reply = await self._call(self._credentials.RevertUpdates, request, tenant)
            yield convert.reverted(reply)
            if not reply.next_page_token:
                return
            if reply.next_page_token == request.page_token:
                raise VaultRefused("the vault's answer does not fit the question")
            request.page_token = reply.next_page_token

    async def card(self, tenant: str, token: str) -> MaskedCard | None:
        """Return a card, masked; None if there is none, or the updater may not see it."""
        request = vault_service_pb2.GetCardRequest(token=token)
        try:
            reply = await self._cards.GetCard(
                request, timeout=self._call_s, metadata=tenant_metadata(tenant)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in _NOT_SEEN:
                return None
            raise _failure(error) from None
        return convert.masked(reply.card)

    async def _call(self, method: Any, request: Any, tenant: str) -> Any:
        try:
            return await method(request, timeout=self._call_s, metadata=tenant_metadata(tenant))
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from None


def reason_of(status: status_pb2.Status) -> str:
    """Return the ErrorReason's name in a status, without its prefix; else the code's name."""
    return reason_in(status) or _CODES.get(status.code, "UNKNOWN")


def _revealed(
    token: str, result: reveal_service_pb2.BatchDetokenizeResult
) -> Revealed | NotRevealed:
    if result.WhichOneof("result") != "error":
        return convert.revealed(token, result.response)
    if result.error.code in _ITEM_LATER:  # nothing is wrong with the card: ask again later
        raise VaultUnavailable("the vault can't reveal at the moment")
    return NotRevealed(token, reason_of(result.error))


def _reason(error: grpc.aio.AioRpcError) -> str:
    """Return the ErrorReason that came with a failure, or nothing."""
    status = status_of(error)
    return reason_of(status) if status.code else ""


def _failure(error: grpc.aio.AioRpcError) -> VaultUnavailable | VaultRefused:
    """Say whether it makes sense to come again; the status's text is not kept."""
    _log.warning("vault call failed", code=error.code().name, reason=_reason(error))
    if error.code() in _LATER:
        return VaultUnavailable("the vault does not answer")
    return VaultRefused("the vault refuses the call")
