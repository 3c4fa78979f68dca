"""Ask a vault for everything it holds, through its guard, and note what it says to each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as vault_pb
from google.protobuf.message import Message

from chassis.status import Code, StatusError
from tests.doubles.rpc_canary import Canaries
from tests.flips.opened import Opened
from tests.flips.vault_image import Held, Image, Key, Truth, answer, request_id
from vault.domain.intents import AddCard, RequestMark
from vault.domain.outcome import Applied, Outcome, Replayed
from vault.domain.results import TokenizeResult
from vault.rpc.bodies import mark_of_add


class Masked(NamedTuple):
    """What a masked card shows of its number."""

    bin: str
    last4: str
    expiry: int


class Said(NamedTuple):
    """The answer about one version of one card; `asked` 0 is the current one."""

    key: Key
    asked: int
    code: str
    held: Held | None = None
    version: int = 0
    masked: Masked | None = None

    def __repr__(self) -> str:
        return f"<Said {self.key.token} {self.asked} {self.code}>"


class Returned(NamedTuple):
    """What Tokenize answered for a number: a token, or "" for a refusal; and what that reveals."""

    asked: Key  # the card that the number came with, once
    again: bool  # the same request id
    token: str
    held: Held | None

    def __repr__(self) -> str:
        return f"<Returned {self.token}>"


@dataclass
class Heard:
    """All that was said."""

    said: list[Said] = field(default_factory=list)
    masked: dict[Key, Masked] = field(default_factory=dict)
    returned: list[Returned] = field(default_factory=list)
    released: Said | None = None
    told_corrupt: bool = False  # the audit tells of a parked answer that can't be opened
    codes: set[str] = field(default_factory=set)
    echoes: int = 0


@dataclass(frozen=True)
class Asker:
    """Asks one vault."""

    opened: Opened
    truth: Truth
    heard: Heard
    canaries: Canaries

    async def everything(self, *, masked: bool) -> None:
        """Reveal every version of every card, and read every card masked if that is asked for."""
        keys: dict[str, list[Key]] = {}
        for key in self.truth.held:
            keys.setdefault(key.tenant, []).append(key)
        await asyncio.gather(
            *[self._current(tenant, there) for tenant, there in keys.items()],
            *[
                self._one(key, version)
                for key, versions in self.truth.held.items()
                for version in versions
                if version != self.truth.now[key]
            ],
        )
        for tenant, there in keys.items() if masked else ():
            await self._masked(tenant, there)

    async def tokenize_again(self) -> None:
        """Send every Tokenize again: under its own request id, and under another."""
        asked: list[tuple[Key, AddCard, RequestMark, bool]] = []
        for key, (counter, intent) in self.truth.added.items():
            asked.append((key, intent, mark_of_add(request_id(counter), intent), True))
            if intent.customer:
                mark = mark_of_add(request_id(counter + 1_000_000), intent)
                asked.append((key, intent, mark, False))
        outcomes = await asyncio.gather(
            *[self.opened.apply(key.tenant, intent, mark) for key, intent, mark, _ in asked]
        )
        tokens = [_token_in(outcome) for outcome in outcomes]
        keys = {Key(key.tenant, token) for (key, *_), token in zip(asked, tokens, strict=True)}
        before = len(self.heard.said)
        await asyncio.gather(*[self._one(key, 0) for key in keys if key.token])
        held = {said.key: said.held for said in self.heard.said[before:]}
        del self.heard.said[before:]
        for (key, _intent, _mark, again), token in zip(asked, tokens, strict=True):
            back = Returned(key, again, token, held.get(Key(key.tenant, token)))
            self.heard.returned.append(back)

    async def release(self, image: Image) -> None:
        """Bring the parked answer a card with its number, and look what becomes of the card."""
        waiting = image.waiting
        said = answer(waiting.card.token, waiting.version, waiting.asked, "u-bearer")
        await self.opened.apply(waiting.card.tenant, said)
        await asyncio.sleep(0)  # what it releases is in the line by now, before what is asked next
        await self._one(waiting.card, 0)
        self.heard.released = self.heard.said.pop()
        rows = await self.opened.core.engine.audit.chain_records(
            self.opened.core.ledger._chain, 0, 1_000
        )
        self.heard.told_corrupt = any(b'"DATA_CORRUPT"' in row.record for row in rows)

    async def _current(self, tenant: str, keys: list[Key]) -> None:
        request = reveal_pb.BatchDetokenizeRequest(
            tokens=[key.token for key in keys], purpose="payment"
        )
        reply = await self._call("BatchDetokenize", tenant, request)
        if not isinstance(reply, bytes):
            for key in keys:  # each for itself, then
                await self._one(key, 0)
            return
        results = reveal_pb.BatchDetokenizeResponse.FromString(reply).results
        for key, result in zip(keys, results, strict=True):
            if result.WhichOneof("result") == "error":
                self._refused(key, 0, Code(result.error.code), result.error)
            else:
                self.heard.said.append(_revealed(key, 0, result.response))

    async def _one(self, key: Key, version: int) -> None:
        request = reveal_pb.DetokenizeRequest(token=key.token, purpose="payment")
        if version:
            request.credential_version = version
        reply = await self._call("Detokenize", key.tenant, request)
        if isinstance(reply, bytes):
            said = _revealed(key, version, reveal_pb.DetokenizeResponse.FromString(reply))
            self.heard.said.append(said)
        else:
            self._refused(key, version, reply.code, reply.to_proto())

    async def _masked(self, tenant: str, keys: list[Key]) -> None:
        request = vault_pb.BatchGetCardsRequest(tokens=[key.token for key in keys])
        reply = await self._call("BatchGetCards", tenant, request)
        if isinstance(reply, bytes):
            results = vault_pb.BatchGetCardsResponse.FromString(reply).results
            for key, result in zip(keys, results, strict=True):
                if result.WhichOneof("result") == "response":
                    self.heard.masked[key] = _masked(result.response.card)
                else:
                    self._note(Code(result.error.code), result.error.SerializeToString())

    async def _call(self, method: str, tenant: str, request: Message) -> bytes | StatusError:
        reply = await self.opened.call(method, tenant, request)
        if isinstance(reply, StatusError):
            self._note(reply.code, reply.details())
        return reply

    def _refused(self, key: Key, version: int, code: Code, status: Message) -> None:
        self._note(code, status.SerializeToString())
        self.heard.said.append(Said(key, version, code.name))

    def _note(self, code: Code, raw: bytes) -> None:
        self.heard.codes.add(code.name)
        self.heard.echoes += self.canaries.found_in(raw)


def _token_in(outcome: Outcome) -> str:
    if isinstance(outcome, Applied | Replayed) and isinstance(outcome.value, TokenizeResult):
        return outcome.value.card.token
    return ""


def _revealed(key: Key, asked: int, reply: Any) -> Said:
    card, masked = reply.card, reply.masked
    held = Held(card.number, card.expiry_year * 100 + card.expiry_month, card.cardholder_name)
    return Said(key, asked, "OK", held, asked or masked.credential_version, _masked(masked))


def _masked(card: Any) -> Masked:
    return Masked(card.bin, card.last4, card.expiry_year * 100 + card.expiry_month)


def masked_of(held: Held) -> Masked:
    """Return what a masked card has to show of what it holds."""
    number = held.number
    return Masked(number[:8] if len(number) >= 16 else number[:6], number[-4:], held.expiry)
