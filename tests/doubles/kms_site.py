"""What the key services' contract suite needs of a service: two keys, and ways to trouble it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from vault.adapters.kms.calls import CallLimits
from vault.adapters.kms.remote import RemoteKms
from vault.usecases.ports import Kms

QUICK = CallLimits(
    connect_s=1.0, answer_s=1.0, total_s=2.5, first_wait_s=0.01, last_wait_s=0.05, threads=4
)
"""Less patient than in production, so that tests of slow services end."""

Trouble = Literal["open", "throttled", "broken", "down", "slow"]


@dataclass
class KmsSite:
    """A key service, and another key of the same service."""

    kms: Kms
    other: Kms
    lax: bool = field(default=False, kw_only=True)
    """An emulator that ignores some of what it wrote: an edit there opens as what it was."""


@dataclass
class RemoteSite(KmsSite):
    """A service behind a door: `trouble(mode, n)` troubles it for n calls, or until told."""

    kms: RemoteKms
    other: RemoteKms
    trouble: Callable[[Trouble, int | None], None]
    counted: Callable[[], Callable[[], int]]
    """Starts counting the calls that arrive; what it returns tells how many did."""
    revoke: Callable[[], None]
    """Takes our right to `kms`'s key away, at the service itself where that can be done."""
    restore: Callable[[], None]
    hidden: tuple[str, ...] = ()
    """What may never be seen in a log: a token, a PIN."""
