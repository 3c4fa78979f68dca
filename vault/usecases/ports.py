"""What the use cases need from outside, in the words of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chassis.store_errors import (
    CommitInDoubt,
    Conflict,
    DataDamaged,
    DataFault,
    StoreBroken,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from vault.crypto.keys import DataKey, TenantKeys
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.card import Card, CardKey, Edition, Version
from vault.domain.events import CardEvent, OutboxRow
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome
from vault.domain.queries import AuditQuery, CardQuery, Checkpoint
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import NumberKey, State, Want

__all__ = [
    "AuditStore",
    "CardReader",
    "CommitInDoubt",
    "Conflict",
    "DataDamaged",
    "DataFault",
    "EventEncoder",
    "FileReader",
    "Housekeeping",
    "KeyStore",
    "Keyring",
    "Kms",
    "Ledger",
    "SecurityCodes",
    "Store",
    "StoreBroken",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
]


class Store(Protocol):
    """One transaction's worth of reading and writing; engines differ here and nowhere else."""

    async def read(self, chain: str, want: Want) -> State:
        """Return what `want` names, the head of `chain` and the control row."""

    async def write(self, delta: Delta) -> None:
        """Write `delta` whole and durably, or raise a StoreError."""


class CardReader(Protocol):
    """Reads that change nothing and show only what is durable."""

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Return the cards that exist, tombstones included."""

    async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
        """Return which state the cards that exist are in, tombstones included."""

    async def list_cards(self, query: CardQuery) -> list[Card]:
        """Return up to `query.limit` cards behind `query.after_token`, in token order."""

    async def list_tokens(self, query: CardQuery) -> list[str]:
        """Return the tokens of those cards, also where a row is damaged behind its token."""

    async def versions(self, key: CardKey, below: int, limit: int) -> list[Version]:
        """Return superseded versions numbered below `below`, newest first."""


class FileReader(Protocol):
    """What is left of an updater's files: which cards they spoke of, and what waits."""

    async def changed_by(self, tenant: str, source: str, after: str, limit: int) -> list[str]:
        """Return the tokens of cards that a source spoke of, behind `after`, in their order.

        `source` is a channel and file, as imprints name it.
        """

    async def parked_by(
        self, tenant: str, channel: str, file: str, after: str, limit: int
    ) -> list[str]:
        """Return the update ids of a file's parked answers, behind `after`, in their order."""


class Housekeeping(Protocol):
    """What the sweeper asks for; each answer is bounded by `limit`."""

    async def erasable(self, now: int, limit: int) -> list[CardKey]:
        """Return cards past grace or time to live whose contents are still there."""

    async def purgeable_versions(self, now: int, limit: int) -> list[tuple[CardKey, int]]:
        """Return superseded versions past their retention."""

    async def purge_requests(self, before: int, limit: int) -> int:
        """Delete request records older than `before`; return how many went."""

    async def purge_answers(self, before: int, limit: int) -> int:
        """Delete what is remembered of updaters' answers from before `before`; return how many."""

    async def parked_due(self, now: int, limit: int) -> list[NumberKey]:
        """Return the numbers whose parked answers are due to be decided again."""

    async def purge_parked(self, now: int, limit: int) -> int:
        """Delete parked answers whose time is over; return how many."""

    async def purge_imprints(self, before: int, limit: int) -> int:
        """Delete what answers left on cards before `before`; return how many rows went."""


class AuditStore(Protocol):
    """The audit trail beside the flush: reading, and signed checkpoints."""

    async def open_chains(self) -> list[ChainHead]:
        """Return the chains that no successor has ended."""

    async def abandoned_chains(self, for_us: int = 0) -> list[ChainHead]:
        """Return those open chains whose processes have let their leases run out `for_us` ago.

        And those that were given back in order, whenever that was. Where one process at a time has
        the store, all of them: whoever asks has not begun its own.
        """

    async def audit_rows(self, query: AuditQuery) -> list[AuditRow]:
        """Return records by (chain, sequence), filtered and bounded."""

    async def audit_reach(self, after: tuple[str, int], records: int) -> tuple[str, int] | None:
        """Return the (chain, sequence) that many records of any tenant behind `after`.

        None where the trail ends before. It bounds how far a search with a rare filter looks.
        """

    async def chain_records(self, chain: str, after: int, limit: int) -> list[AuditRow]:
        """Return a chain's records behind `after`, in order."""

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a signed checkpoint; numbers are gapless, a second one is a Conflict."""

    async def checkpoints(
        self, before: int, limit: int, from_time: int = 0, to_time: int = 0
    ) -> list[Checkpoint]:
        """Return checkpoints numbered below `before`, newest first; times bound them.

        0 leaves a bound open; `to_time` is exclusive.
        """

    async def last_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint."""


class EventEncoder(Protocol):
    """Turns an event into its bytes; None where no outbox is kept."""

    def __call__(self, event: CardEvent) -> OutboxRow | None:
        """Encode one event."""


class KeyStore(Protocol):
    """Wrapped data keys."""

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """Return a tenant's keys; `""` is the service's own."""

    async def add_data_keys(self, keys: Sequence[DataKey]) -> None:
        """Add keys; a Conflict where the tenant has an active one for a purpose already."""


class Kms(Protocol):
    """The key that wraps data keys and never leaves its home."""

    @property
    def kek(self) -> str:
        """Name the wrapping key."""

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap a data key, bound to its context."""

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap a data key. Raises VaultError(KEY_SERVICE_UNAVAILABLE)."""


class Keyring(Protocol):
    """Unwrapped keys, bounded in number and age."""

    def peek(self, tenant: str) -> TenantKeys | None:
        """Return a tenant's keys if they are warm; never waits."""

    async def warm(self, tenant: str) -> TenantKeys:
        """Unwrap a tenant's keys, once for all who wait. Raises VaultError."""


class Ledger(Protocol):
    """The one way in which anything changes."""

    async def apply(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Apply entries, durably on return; one outcome each, in order; never raises for some."""

    async def read(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Read cards across tenants."""


class SecurityCodes(Protocol):
    """Sealed security codes, minutes long, never on disk."""

    async def put(self, key: CardKey, sealed: bytes, ttl_s: float) -> None:
        """Keep a sealed code. Raises VaultError(SECURITY_CODE_UNAVAILABLE)."""

    async def exists(self, key: CardKey) -> bool:
        """Tell whether a code waits."""

    async def take(self, key: CardKey, repeat: str) -> bytes | None:
        """Take the code once; the same `repeat` gets it again for 30 s."""


class SealedViews(Protocol):
    """Sealed masked views that all processes share and that may be lost, or lie.

    What comes back is to be opened and compared, never believed.
    """

    @property
    def away(self) -> bool:
        """Tell whether asking is known to be of no use now."""

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        """Return what is there, in bounded time; nothing where it can't be asked. Never raises."""

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        """Keep views for minutes; tell whether that was done. Never raises."""
