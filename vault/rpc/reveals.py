"""Card numbers come out only here: one, many, and the tokens of a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from cardvault.vault.v1 import reveal_service_pb2 as pb

from chassis.call import Call
from chassis.identity import DEFAULT_STATUSES
from chassis.status import StatusError
from vault.domain.card import CardKey
from vault.domain.intents import Entry, FindNumber, Reveal
from vault.domain.outcome import Outcome
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import FoundNumber, Revealed
from vault.rpc.calls import MAX_REPLY_BYTES, Desk, Room, error_of
from vault.rpc.cards_out import View, masked, revealed
from vault.rpc.enums import KIND, STATUS
from vault.rpc.errors import value_of
from vault.rpc.requests_in import pan_in
from vault.usecases.codes import CodeVault

# More than any revealed card can take on the wire: so many are revealed in one step that the
# reply stays under 3 MiB, and none is revealed (and audited) that the reply has no room for.
_STEP = 256
_MOST_HOLDERS = 1_000


@dataclass(frozen=True, slots=True)
class RevealHandlers:
    """Reveal for a purpose; the audit record is durable before a number leaves."""

    desk: Desk
    codes: CodeVault

    async def detokenize(self, request: pb.DetokenizeRequest, call: Call) -> pb.DetokenizeResponse:
        """Reveal one card."""
        intent = await self._intent(request, call)
        key = CardKey(call.tenant, request.token)
        if request.include_security_code and not await self.codes.exists(key):
            # Another tenant's token stays what it always is, with a code or without.
            known = key in await self.desk.ledger.read([key])
            reason = Reason.SECURITY_CODE_GONE if known else Reason.CARD_NOT_FOUND
            await self.desk.deny(call, reason, token=request.token, purpose=request.purpose)
        result = cast("Revealed", await self.desk.one(call, intent))
        response = self._response(result, View(call.identity))
        if request.include_security_code:
            asked = request.request_id.lower()
            repeat = f"{call.identity.principal}/{asked}" if asked else ""
            response.security_code = await self.codes.take(key, result.credential_version, repeat)
        return response

    async def batch(
        self, request: pb.BatchDetokenizeRequest, call: Call
    ) -> pb.BatchDetokenizeResponse:
        """Reveal up to 1,000 cards; each succeeds or fails alone, in order."""
        allowed = await self._allowed(call, request.purpose, "")
        caller, view, room = self.desk.caller(call), View(call.identity), Room()
        response = pb.BatchDetokenizeResponse()
        tokens = request.tokens
        while len(response.results) < len(tokens):
            start = len(response.results)
            if room.left < MAX_REPLY_BYTES // 4:
                response.truncated = True
                break
            entries = [
                Entry(caller, Reveal(token, request.purpose, allowed))
                for token in tokens[start : start + _STEP]
            ]
            for outcome in await self.desk.many(call, entries):
                item = self._item(outcome, view)
                room.takes(item)
                response.results.append(item)
        return response

    async def find(self, request: pb.FindByNumberRequest, call: Call) -> pb.FindByNumberResponse:
        """Name the tokens that hold or held each number."""
        await self._allowed(call, request.purpose, "")
        caller = self.desk.caller(call)
        refused: dict[int, VaultError] = {}
        entries = []
        for index, number in enumerate(request.numbers):
            try:
                pan = pan_in(number, f"numbers[{index}]")
            except VaultError as error:
                refused[index] = error
            else:
                entries.append(Entry(caller, FindNumber(pan, request.purpose)))
        outcomes = iter(await self.desk.many(call, entries))
        response, room = pb.FindByNumberResponse(), Room()
        for index in range(len(request.numbers)):
            if index in refused:
                result = pb.FindByNumberResult(error=error_of(refused[index]))
            else:
                result = self._found(next(outcomes))
            if not room.takes(result):
                response.truncated = True
                break
            response.results.append(result)
        return response

    async def _intent(self, request: pb.DetokenizeRequest, call: Call) -> Reveal:
        allowed = await self._allowed(call, request.purpose, request.token)
        if request.include_security_code:
            await self.desk.require(call, "reveal_security_code", token=request.token)
        return Reveal(
            request.token,
            request.purpose,
            allowed,
            request.credential_version,
            superseded_too=call.identity.allows("reveal_superseded"),
            with_security_code=request.include_security_code,
            request_id=request.request_id,
        )

    async def _allowed(self, call: Call, purpose: str, token: str) -> frozenset[str]:
        """Return the statuses this purpose may see; deny a purpose of others."""
        identity = call.identity
        if purpose not in identity.purposes:
            await self.desk.deny(call, Reason.PURPOSE_FORBIDDEN, token=token, purpose=purpose)
        return identity.statuses.get(purpose, DEFAULT_STATUSES)

    def _response(self, result: Revealed, view: View) -> pb.DetokenizeResponse:
        return pb.DetokenizeResponse(
            card=revealed(result.contents),
            masked=masked(result.card, view, self.desk.clock.now_us()),
        )

    def _item(self, outcome: Outcome, view: View) -> pb.BatchDetokenizeResult:
        try:
            result = cast("Revealed", value_of(outcome))
        except StatusError as error:
            return pb.BatchDetokenizeResult(error=error_of(error))
        return pb.BatchDetokenizeResult(response=self._response(result, view))

    def _found(self, outcome: Outcome) -> pb.FindByNumberResult:
        found = cast("FoundNumber", value_of(outcome)).found
        now = self.desk.clock.now_us()
        return pb.FindByNumberResult(
            response=pb.NumberHolders(
                holders=[
                    pb.NumberHolder(
                        token=each.card.token,
                        current=each.current,
                        credential_version=each.credential_version,
                        status=STATUS.number[each.card.status_at(now)],  # type: ignore[arg-type]
                        kind=KIND.number[each.card.kind],  # type: ignore[arg-type]
                    )
                    for each in found[:_MOST_HOLDERS]
                ],
                truncated=len(found) > _MOST_HOLDERS,
            )
        )
