"""A vault over a database, opened as the server opens one: keys, chain, ledger, handlers, guard.

As `vault.wiring` makes it, with time and randomness handed in, and without certificates: calls
come in behind the transport, as bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import Message

from chassis.call import TENANT_KEY
from chassis.fault import Fault
from chassis.guard import Guard, UnaryCall
from chassis.identity import Identity
from chassis.limits import CallLimits, InFlight
from chassis.metrics import ChassisMetrics
from chassis.status import StatusError
from chassis.validation import Validation
from tests.doubles.clocks import FakeClock
from vault.adapters.local_kms import LocalKms
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.adapters.sqlite.open import open_sqlite
from vault.domain.intents import Caller, Entry, Intent, RequestMark
from vault.domain.outcome import Outcome
from vault.rpc.errors import translate
from vault.rpc.events_out import encode_event
from vault.rpc.routes import routes
from vault.usecases.chain_start import new_chain_id, start_chain
from vault.usecases.checkpointer import Checkpointer, Pace, checkpoint_keys
from vault.usecases.decide.context import Rules
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.refusals import RefusalAudit
from vault.usecases.sweeper import Sweeper
from vault.wiring.core import Core, working
from vault.wiring.door import make_handlers

PRINCIPAL: Final = "spiffe://flips/root"
TENANTS: Final = ("shop-a", "shop-c", "mall")  # the first two differ in one bit
_PERMISSIONS: Final = frozenset({"read", "reveal", "reveal_superseded", "bin8"})
_EVERY: Final = frozenset({"ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"})
_IDENTITY: Final = Identity(
    PRINCIPAL, TENANTS, _PERMISSIONS, frozenset({"payment"}), {"payment": _EVERY}
)
_METHODS: Final = ("Detokenize", "BatchDetokenize", "BatchGetCards")


@dataclass(frozen=True, slots=True)
class _Raw:
    """`RawCall` of a caller who may see everything of one tenant."""

    tenant: str

    def peer_sans(self) -> Sequence[str]:
        return (PRINCIPAL,)

    def metadata(self) -> Mapping[str, str]:
        return {TENANT_KEY: self.tenant}

    def time_remaining(self) -> float | None:
        return 10.0

    def origin(self) -> str:
        return "10.0.0.1"


@dataclass(frozen=True, slots=True)
class Opened:
    """A vault that answers."""

    core: Core
    _calls: Mapping[str, UnaryCall]

    async def call(self, method: str, tenant: str, request: Message) -> bytes | StatusError:
        """Send a request's bytes through guard and handler; return the reply's, or the refusal."""
        try:
            return await self._calls[method](request.SerializeToString(), _Raw(tenant))
        except StatusError as error:
            return error

    async def apply(self, tenant: str, intent: Intent, mark: RequestMark | None = None) -> Outcome:
        """Hand an intent to the ledger."""
        entry = Entry(Caller(tenant, PRINCIPAL, "10.0.0.1"), intent, mark)
        return (await self.core.ledger.apply([entry]))[0]


class _Once(Validation):
    """Checks each request once, however often it is sent: it is the dearest part of a trial."""

    def __init__(self) -> None:
        super().__init__()
        self._good: Final[set[tuple[str, bytes]]] = set()

    def check(self, message: Message) -> None:
        known = (message.DESCRIPTOR.full_name, message.SerializeToString())
        if known not in self._good:
            super().check(message)
            self._good.add(known)


def checked_once() -> Validation:
    """Return the validation for many vaults that are asked the same."""
    return _Once()


class Opener:
    """Opens databases, one after another, with one KMS key and one clock."""

    def __init__(
        self,
        kms: LocalKms,
        clock: FakeClock,
        random: Callable[[int], bytes],
        validation: Validation | None = None,
    ) -> None:
        self._kms: Final = kms
        self._random: Final = random
        self.clock: Final = clock
        self._metrics: Final = ChassisMetrics()
        self._validation: Final = validation or checked_once()

    @asynccontextmanager
    async def opened(self, path: Path) -> AsyncIterator[Opened]:
        """Open a database until the block ends; what breaks it for good ends the block with it."""
        clock, random, fault = self.clock, self._random, Fault()
        async with open_sqlite(path, broken=fault.note) as engine:
            maker = KeyMaker(engine.keys, self._kms, clock.now_us, random)
            keyring = CachedKeyring(maker, clock, uniform=lambda: 0.5)
            chain = new_chain_id(clock.now_us(), random)
            # It signs when it is told to, however long a busy machine takes in between.
            keys, never = await checkpoint_keys(maker), Pace(interval_s=3_600.0, records=1_000_000)
            checkpointer = Checkpointer(engine.audit, keys, clock.now_us, never)
            started = await start_chain(engine.store, engine.audit, chain, clock.now_us)
            await checkpointer.resume(started)
            ledger = GroupCommitLedger(
                store=engine.store,
                reader=engine.reader,
                keyring=keyring,
                decider=Decider(encode_event, Rules()),
                chain=chain,
                now_us=clock.now_us,
                random=random,
                committed=checkpointer.committed,
            )
            core = Core(
                engine=engine,
                kms=self._kms,
                keyring=keyring,
                checkpointer=checkpointer,
                ledger=ledger,
                refusals=RefusalAudit(ledger, clock),
                sweeper=Sweeper(ledger, engine.housekeeping, clock.now_us),
                reaper=None,
                relay=None,
                codes=MemorySecurityCodes(clock),
                redis=None,
            )
            async with working(core, (fault.struck(),)):
                yield Opened(core, self._calls(core))

    def _calls(self, core: Core) -> Mapping[str, UnaryCall]:
        async def refused(*_about: object) -> None:
            raise AssertionError("this caller is let in everywhere")

        guard = Guard(
            identify=lambda _sans: _IDENTITY,
            validation=self._validation,
            clock=self.clock,
            metrics=self._metrics,
            translate=translate,
            on_refused=refused,
            limits=CallLimits(),
            in_flight=InFlight(100),
        )
        handlers = make_handlers(core, self.clock, self._validation, core.engine.reader.cards)
        named = {route.path.rpartition("/")[2]: route for route in routes(handlers)}
        calls = {}
        for name in _METHODS:
            unary = guard.wrap(named[name]).unary
            assert unary is not None, name
            calls[name] = unary
        return calls
