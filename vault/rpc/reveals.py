"""Card numbers come out only here: one, many, and the tokens of a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from cardvault.vault.v1 import reveal_service_pb2 as pb

from chassis.call import Call
from chassis.identity import DEFAULT_STATUSES
from chassis.status import StatusError
from vault.domain.card import CardKey
from vault.domain.intents import Entry, FindNumber, Reveal
from vault.domain.outcome import Outcome
from vault.domain.reasons import Reason, VaultError
from vault.domain.results import FoundNumber, Revealed
from vault.rpc.calls import Desk, Room, error_of
from vault.rpc.cards_out import View, masked_fields, revealed_fields
from vault.rpc.enums import KIND, STATUS
from vault.rpc.errors import value_of
from vault.rpc.requests_in import pan_in
from vault.usecases.codes import CodeVault

# The most that a revealed card can take on the wire: 20 agreements of 1.3 KiB, 100 holds, an
# address and metadata. Only as many are revealed at once as fit in the reply if all are like that:
# none is revealed, and audited, that its caller is not told.
LARGEST_CARD = 48 << 10
_NUMBERS = 16  # searched in one flush: each may bring two thousand rows
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
        if request.include_security_code and not await self.desk.in_time(
            call, self.codes.exists(key)
        ):
            # Another tenant's token stays what it always is, with a code or without.
            known = key in await self.desk.in_time(call, self.desk.ledger.read([key]))
            reason = Reason.SECURITY_CODE_GONE if known else Reason.CARD_NOT_FOUND
            await self.desk.deny(call, reason, token=request.token, purpose=request.purpose)
        result = cast("Revealed", await self.desk.one(call, intent))
        fields = _fields(result, View(call.identity), self.desk.clock.now_us())
        response = pb.DetokenizeResponse(**fields)
        if request.include_security_code:
            asked = request.request_id.lower()
            repeat = f"{call.identity.principal}/{asked}" if asked else ""
            taking = self.codes.take(key, result.credential_version, repeat)
            response.security_code = await self.desk.in_time(call, taking)
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
            step = room.left // LARGEST_CARD
            if step < 1:
                response.truncated = True
                break
            entries = [
                Entry(caller, Reveal(token, request.purpose, allowed))
                for token in tokens[start : start + step]
            ]
            outcomes = await self.desk.many(call, entries)
            now = self.desk.clock.now_us()
            for outcome in outcomes:
                try:
                    fields = _fields(cast("Revealed", value_of(outcome)), view, now)
                except (StatusError, VaultError) as error:
                    item = response.results.add(error=error_of(error))
                else:
                    item = response.results.add(response=fields)
                room.takes(item)
        return response

    async def find(self, request: pb.FindByNumberRequest, call: Call) -> pb.FindByNumberResponse:
        """Name the tokens that hold or held each number."""
        await self._allowed(call, request.purpose, "")
        response, room = pb.FindByNumberResponse(), Room()
        found: dict[str, pb.FindByNumberResult] = {}  # a number that stands twice is searched once
        numbers = request.numbers
        for start in range(0, len(numbers), _NUMBERS):
            part = numbers[start : start + _NUMBERS]
            await self._search(call, request.purpose, dict.fromkeys(part), found)
            for index, number in enumerate(part, start):
                result = found[number]
                if result.WhichOneof("result") == "error":
                    error = VaultError(Reason.CARD_NUMBER_INVALID, f"numbers[{index}]")
                    result = pb.FindByNumberResult(error=error_of(error))
                if not room.takes(result):
                    response.truncated = True
                    return response
                response.results.append(result)
        return response

    async def _search(
        self,
        call: Call,
        purpose: str,
        numbers: Iterable[str],
        found: dict[str, pb.FindByNumberResult],
    ) -> None:
        """Add what is found for numbers that are not in `found` yet."""
        caller = self.desk.caller(call)
        entries: dict[str, Entry] = {}
        for number in numbers:
            if number in found:
                continue
            try:
                entries[number] = Entry(caller, FindNumber(pan_in(number, "numbers"), purpose))
            except VaultError as error:
                found[number] = pb.FindByNumberResult(error=error_of(error))
        outcomes = await self.desk.many(call, list(entries.values()))
        for number, outcome in zip(entries, outcomes, strict=True):
            found[number] = _found(outcome)

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


def _found(outcome: Outcome) -> pb.FindByNumberResult:
    done = cast("FoundNumber", value_of(outcome))
    return pb.FindByNumberResult(
        response=pb.NumberHolders(
            holders=[
                pb.NumberHolder(
                    token=each.token,
                    current=each.current,
                    credential_version=each.credential_version,
                    status=STATUS.number[each.status],  # type: ignore[arg-type]
                    kind=KIND.number[each.kind],  # type: ignore[arg-type]
                )
                for each in done.found[:_MOST_HOLDERS]
            ],
            truncated=done.cut or len(done.found) > _MOST_HOLDERS,
        )
    )


def _fields(result: Revealed, view: View, now: int) -> dict[str, Any]:
    return {
        "card": revealed_fields(result.contents),
        "masked": masked_fields(result.card, view, now),
    }
