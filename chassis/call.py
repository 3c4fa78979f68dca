"""Describe one call to a handler, and what a transport must tell the guard about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from chassis.identity import Identity

TENANT_KEY: Final = "cardvault-tenant"
"""Metadata key that names the tenant; required of identities that have several."""


@dataclass(slots=True)
class Call:
    """Carry what a handler may know about its caller.

    `deadline` is on the clock's monotonic scale, in seconds. A handler that writes must not be
    cut off by it: it stops *waiting*, and never cancels a commit. `tenant` is empty only on
    routes that aren't tenant-scoped.
    """

    method: str
    identity: Identity
    tenant: str
    origin: str
    deadline: float | None
    metadata: Mapping[str, str]


class RawCall(Protocol):
    """Give the guard what a transport knows; every method is cheap and has no side effect."""

    def peer_sans(self) -> Sequence[str]:
        """Return the URI names of the *verified* client certificate; empty when there is none."""
        ...

    def metadata(self) -> Mapping[str, str]:
        """Return text metadata by lower-case key; repeated keys are joined by a comma.

        Joined, so that a second `cardvault-tenant` can't override the first: it makes a name
        that is on nobody's list. The guard calls this once, and where calls are traced
        (`chassis.traced_calls`) it is called once before: keep what was made.
        """
        ...

    def time_remaining(self) -> float | None:
        """Return the seconds left until the caller's deadline; None when it set none."""
        ...

    def origin(self) -> str:
        """Return the peer's network address, for the audit record."""
        ...
