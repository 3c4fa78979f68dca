"""What a relay needs from outside: an outbox with leases on its partitions, and a sink."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

PARTITIONS: Final = 4
"""Shares of an outbox that several processes hold, one transactional producer each (ADR 0014)."""

SLOTS: Final = 256
"""Values of a subject's hash, as stored; a partition is a range of them."""
LEASE_S: Final = 6.0
"""How long a partition stays with a relay that says nothing. Seconds."""
MOST_COUNTED: Final = 250_000


class PoisonEvent(Exception):
    """A sink can't ever take one of these events, though it takes others."""


class SinkUnavailable(Exception):
    """A sink takes nothing at the moment. What it was given may be there in part."""


class SinkFenced(Exception):
    """Somebody else publishes this partition now: nothing of the batch can be seen."""


class LeaseLost(Exception):
    """Somebody else holds this partition now: nothing was deleted."""


class Event(Protocol):
    """An event that waits; `(tenant, subject, revision)` is its identity, gapless for a subject."""

    @property
    def tenant(self) -> str:
        """Whose it is."""

    @property
    def subject(self) -> str:
        """What it is about; events of one subject stay in order."""

    @property
    def revision(self) -> int:
        """Its number among the subject's, from 1."""

    @property
    def type(self) -> str:
        """CloudEvents type."""

    @property
    def payload(self) -> bytes:
        """A protobuf message."""

    @property
    def time(self) -> int:
        """Microseconds since the epoch; 0 where an older release wrote it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A partition held; `epoch` grows with every change of its holder."""

    partition: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Who holds what, as one relay sees it: `relays` counts the living, itself included."""

    held: Sequence[Lease]
    free: Sequence[int] = ()
    relays: int = 1
    partitions: int = 1


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events of a partition wait (counted up to MOST_COUNTED), and since when.

    `oldest` is in microseconds since the epoch; 0 where none waits, or none says.
    """

    depth: int = 0
    oldest: int = 0


class Leases(Protocol):
    """Which relay holds which partition."""

    async def standing(self, relay: str) -> Standing:
        """Say that `relay` is alive, renew what it holds still, and return how things are."""

    async def take(self, relay: str, partition: int) -> Lease | None:
        """Take a partition whose lease has run out or was given back, or return None."""

    async def release(self, relay: str) -> None:
        """Give back all that `relay` holds, and count it as alive no more."""

    async def give_back(self, lease: Lease) -> None:
        """Give back one partition; nothing if it is somebody else's by now."""


class Outbox(Leases, Protocol):
    """Events waiting for their relay."""

    async def pending(self, lease: Lease, limit: int) -> Sequence[Event]:
        """Return a partition's events, each subject's by revision; none once the lease is lost."""

    async def delivered(self, lease: Lease, rows: Sequence[Event]) -> None:
        """Delete what the sink has acknowledged. Raises LeaseLost."""

    async def backlog(self, lease: Lease) -> Backlog:
        """Count a partition's events. May take a while; changes and locks nothing."""


class Publisher(Protocol):
    """One partition's way into a sink."""

    async def publish(self, rows: Sequence[Event]) -> None:
        """Deliver in order; on return they are durable there.

        Raises PoisonEvent with none of them delivered, SinkFenced, and SinkUnavailable.
        """


class EventSink(Protocol):
    """Where events go."""

    def publisher(self, partition: int) -> AbstractAsyncContextManager[Publisher]:
        """Open the way for one holder of a partition: an earlier holder's is closed by that.

        Raises SinkUnavailable on entry. After any error but PoisonEvent it must be left.
        """


class SoleLeases:
    """`Leases` where one process at a time has the store: it holds one partition, which is all."""

    async def standing(self, relay: str) -> Standing:
        """Return that everything is held here."""
        return Standing((Lease(0, 1),))

    async def take(self, relay: str, partition: int) -> Lease | None:
        """Return None: nothing is ever free."""
        return None

    async def release(self, relay: str) -> None:
        """Do nothing: it goes with the process."""

    async def give_back(self, lease: Lease) -> None:
        """Do nothing: nobody else could take it."""
