"""Vaults in this process: the real handlers and ledger over any store, that die and come back.

Several of them may share a store, as processes share a database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message

from chassis.call import Call
from chassis.identity import Identity
from chassis.status import StatusError
from chassis.validation import Validation
from tests.doubles.clocks import FakeClock
from tests.doubles.vault_ledger import TENANT, WarmKeyring, encode_event
from tests.histories.clients import InDoubt, NotDone, Refusal
from tests.histories.dice import Dice, DicedStore, Killed, LateReader
from tests.histories.history import Kind
from vault.adapters.engine import Engine
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.domain.intents import Caller, Note
from vault.domain.reasons import VaultError
from vault.rpc.calls import Desk
from vault.rpc.cards import CardHandlers, ReadViews
from vault.rpc.cards_out import VIEW_FORM, encoded_view
from vault.rpc.changes import ChangeHandlers
from vault.rpc.reveals import RevealHandlers
from vault.rpc.tokenize import TokenizeHandlers
from vault.usecases.coalesced import CoalescedReads
from vault.usecases.codes import CodeVault
from vault.usecases.decide.decider import Decider
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.masked_views import CachedViews, Shown
from vault.usecases.ports import CardReader, Keyring, SealedViews, StoreUnavailable

IDENTITY: Final = Identity(
    "spiffe://test/app",
    (TENANT,),
    frozenset({"tokenize", "read", "update", "status", "delete", "undelete", "reveal"}),
    frozenset({"payment"}),
)
_VALIDATION: Final = Validation()
_IN_DOUBT: Final = frozenset({"OUTCOME_IN_DOUBT", "DEADLINE_EXCEEDED"})
_NOT_DONE: Final = frozenset({"STORE_UNAVAILABLE", "OVERLOADED", "CONTENTION"})


@dataclass(slots=True)
class Vault:
    """One process: it lives, dies and is started again, on a store that stays."""

    name: str
    engine: Engine
    dice: Dice
    clock: FakeClock
    views: SealedViews | None = None
    together: bool = False  # reads are put together, as on PostgreSQL
    lives: int = 0
    _methods: Mapping[Kind, Callable[[Any, Call], Awaitable[Any]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Live one life after another, until cancelled."""
        while True:
            self.lives += 1
            try:
                async with asyncio.TaskGroup() as life:
                    for work in self._start():
                        life.create_task(work)
            except* Killed:
                self.dice.met["lives ended"] += 1

    def _start(self) -> list[Coroutine[Any, Any, None]]:
        reader = LateReader(self.engine.reader, self.dice)
        keyring = WarmKeyring()
        ledger = GroupCommitLedger(
            store=DicedStore(self.engine.store, self.dice),
            reader=reader,
            keyring=keyring,
            decider=Decider(encode_event),
            chain=f"chn_{self.name}_{self.lives:05d}",
            now_us=self.clock.now_us,
            random=self.dice.chance.randbytes,
        )
        desk = Desk(ledger, self.clock, _unrecorded)
        codes = CodeVault(MemorySecurityCodes(self.clock), keyring)
        changes = ChangeHandlers(desk, codes)
        read, works = self._reads(reader, keyring)
        cards = CardHandlers(desk, reader, keyring, read)
        self._methods = {
            Kind.TOKENIZE: TokenizeHandlers(desk, codes, _VALIDATION).tokenize,
            Kind.UPDATE: changes.update,
            Kind.STATUS: changes.set_status,
            Kind.DELETE: changes.delete,
            Kind.UNDELETE: changes.undelete,
            Kind.GET: cards.get,
            Kind.VERSIONS: cards.versions,
            Kind.REVEAL: RevealHandlers(desk, codes).detokenize,
        }
        return [ledger.run(), *works]

    def _reads(
        self, reader: CardReader, keyring: Keyring
    ) -> tuple[ReadViews, list[Coroutine[Any, Any, None]]]:
        """Return how masked cards are read, as `vault.wiring.reads` has it for each setting."""
        if self.views is None and not self.together:
            return reader.cards, []
        if self.views is None:
            cards = CoalescedReads(reader.cards)
            return cards.read, [cards.run()]
        cached = CachedViews(reader, self.views, keyring, encoded_view, VIEW_FORM)
        shown: CoalescedReads[Shown] = CoalescedReads(cached.read)
        return shown.read, [shown.run(), cached.run()]

    async def send(self, kind: Kind, request: Message) -> Any:
        """Be a client's `Send`."""
        self.clock.advance(0.001)
        call = Call(kind.value, IDENTITY, TENANT, "10.0.0.1", None, {})
        try:
            return await self._methods[kind](request, call)
        except (StatusError, VaultError, StoreUnavailable) as error:
            raise _heard(error) from None


def _heard(error: StatusError | VaultError | StoreUnavailable) -> Exception:
    """Return what a client hears, as `vault.rpc.errors` would tell it."""
    if isinstance(error, StoreUnavailable):
        return NotDone()
    reason = error.reason.value if isinstance(error, VaultError) else error.reason
    reason = reason.removeprefix("ERROR_REASON_")
    if reason in _IN_DOUBT:
        return InDoubt()
    return NotDone() if reason in _NOT_DONE else Refusal(reason)


async def _unrecorded(_caller: Caller, _note: Note) -> None:
    """Audit no refusal at the door: none is asked for here."""
