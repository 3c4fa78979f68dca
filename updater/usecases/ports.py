"""What the use cases need from outside: the clock, the worker's duty, and keyed marks.

What they need of the vault, of the exchange and of the store is in `ports_vault`,
`ports_exchange` and `ports_store`.
"""

from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC."""


class Duty(Protocol):
    """Whether this process does the work, of several on one database."""

    async def taken(self) -> None:
        """Wait until it does."""

    async def lost(self) -> None:
        """Wait until it does no more; nothing more may be begun."""

    async def wanted(self) -> None:
        """Wait until another process is to have it, which waits until the work can be left."""

    async def hand_over(self) -> bool:
        """Leave the work to another process now, if that still is to have it; tell whether."""

    async def confirm(self) -> None:
        """Make sure that nobody has taken over. Raises StandsBy, StoreUnavailable."""


class Marks(Protocol):
    """Keyed MACs: what ties answers to questions without storing a number."""

    def number(self, bound_to: str, digits: str) -> str:
        """Return the MAC of an asked number, bound to its reference or batch id, in hex."""

    def record(self, channel: str, batch_id: str, ordinal: int, content: bytes) -> str:
        """Return the MAC of a record, bound to its place, in hex."""

    def content(self, batch_id: str, reference: str, content: bytes) -> str:
        """Return the MAC of what a record says, bound to its question and to no place, in hex."""

    def request(self, method: str, content: bytes) -> str:
        """Return the MAC of a request's fields, in hex."""

    def page(self, tenant: str, query: bytes, position: bytes) -> bytes:
        """Return the MAC of a page token, bound to tenant and query, 16 bytes."""

    def file(self, content: bytes) -> str:
        """Return the MAC of a file that came in plain text, in hex."""
